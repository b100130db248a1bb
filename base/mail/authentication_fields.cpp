#include "base/mail/authentication_fields.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/mail/field_writer.h"

namespace sallyport::mail {
namespace {

// A name that could not be looked up says "temperror"; none at all, "permerror" (RFC 8601 2.7.3).
std::string_view iprev_word(Finding rdns) {
  switch (rdns) {
    case Finding::rdns_confirmed:
    case Finding::rdns_generic:
      return "pass";
    case Finding::rdns_mismatch:
      return "fail";
    case Finding::rdns_missing:
      return "permerror";
    default:
      return "temperror";
  }
}

std::vector<std::string> words_of(const AuthenticationResult& result, bool utf8) {
  std::vector<std::string> words = {result.method + '=' + result.result};
  if (!result.reason.empty()) words.push_back("reason=" + quoted_string(result.reason, utf8));
  std::ranges::move(comment_words(result.comment, utf8), std::back_inserter(words));
  for (const auto& [name, value] : result.properties)
    words.push_back(name + '=' + authentication_value(value, utf8));
  return words;
}

}  // namespace

AuthenticationResult iprev_result(Finding rdns, const IpAddress& client, std::string reverse_name) {
  return {"iprev",
          std::string(iprev_word(rdns)),
          {},
          std::move(reverse_name),
          {{"policy.iprev", client.to_string()}}};
}

AuthenticationResult spf_result(Check check, Finding spf, std::string identity) {
  const std::string property = check == Check::spf_helo ? "smtp.helo" : "smtp.mailfrom";
  return {"spf", std::string(to_string(spf)), {}, {}, {{property, std::move(identity)}}};
}

std::string authentication_results_field(std::string_view authserv_id,
                                         const std::vector<AuthenticationResult>& results, bool utf8) {
  FieldWriter field("Authentication-Results");
  field.word(authentication_value(authserv_id, utf8) + ';');
  if (results.empty()) field.word("none");
  for (const AuthenticationResult& result : results) {
    std::vector<std::string> words = words_of(result, utf8);
    if (&result != &results.back()) words.back() += ';';
    field.new_line(words.front());
    words.erase(words.begin());
    field.words(words);
  }
  return std::move(field).finish();
}

std::string received_spf_field(const ReceivedSpf& facts, bool utf8) {
  std::vector<std::string> pairs;
  const auto pair = [&](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    if (!pairs.empty()) pairs.back() += ';';
    pairs.push_back(std::string(key) + '=' + dot_atom_or_quoted(value, utf8));
  };
  pair("client-ip", facts.client.to_string());
  pair("envelope-from", facts.envelope_from);
  pair("helo", facts.helo);
  pair("identity", facts.check == Check::spf_helo ? "helo" : "mailfrom");
  pair("receiver", facts.receiver);
  pair("mechanism", facts.mechanism);
  pair("problem", facts.problem);

  FieldWriter field("Received-SPF");
  field.word(to_string(facts.result));
  field.words(comment_words(facts.comment, utf8));
  field.words(pairs);
  return std::move(field).finish();
}

}  // namespace sallyport::mail
