#include "proxy/authentication.h"

#include <optional>
#include <vector>

#include "base/mail/authentication_fields.h"
#include "policy/client.h"

namespace sallyport::proxy {
namespace {

using mail::AuthenticationResult;
using mail::Check;
using mail::Fact;
using mail::Finding;

std::optional<AuthenticationResult> flag_result(const Fact& fact, const policy::CheckSettings& checks) {
  if (fact.finding != Finding::dnsbl_listed) return std::nullopt;
  const policy::ListSettings& list = checks.lists.at(static_cast<std::size_t>(fact.key.list));
  const int weight = list.weight(fact.codes);
  if (!list.flag || weight == 0 || checks.mode_of(fact.key) != policy::Mode::enforce) return std::nullopt;
  AuthenticationResult result{weight < 0 ? "dnswl" : "x-dnsbl", weight < 0 ? "pass" : "fail", {}, {}, {}};
  result.properties = {{"dns.zone", list.name}, {"policy.ip", fact.codes.front().to_string()}};
  return result;
}

std::optional<AuthenticationResult> result_of(const Fact& fact, const AuthenticationFacts& facts,
                                              const policy::CheckSettings& checks) {
  switch (fact.key.check) {
    case Check::rdns:
      return mail::iprev_result(fact.finding, facts.evidence.client, fact.detail);
    case Check::spf_helo:
      return mail::spf_result(fact.key.check, fact.finding, facts.helo);
    case Check::spf_mailfrom:
      return mail::spf_result(fact.key.check, fact.finding, facts.sender.address());
    case Check::dnsbl:
      return flag_result(fact, checks);
    default:
      return std::nullopt;
  }
}

// Of the sender, or of the HELO name where there is no sender (RFC 7208 2.4).
const Fact* spf_fact(const AuthenticationFacts& facts) {
  const Fact* fact = facts.evidence.find({Check::spf_mailfrom});
  return fact ? fact : facts.evidence.find({Check::spf_helo});
}

std::string spf_field(const Fact& fact, const AuthenticationFacts& facts,
                      const policy::Settings& settings) {
  mail::ReceivedSpf field{fact.key.check,
                          fact.finding,
                          policy::describe(fact, settings.checks),
                          facts.evidence.client,
                          facts.sender.address(),
                          facts.helo,
                          settings.hostname,
                          {},
                          {}};
  const bool broken = fact.finding == Finding::spf_permerror || fact.finding == Finding::spf_temperror;
  if (broken)
    field.problem = fact.detail;
  else
    field.mechanism = fact.mechanism;
  return mail::received_spf_field(field, facts.smtputf8);
}

}  // namespace

std::string authentication_fields(const AuthenticationFacts& facts, const policy::Settings& settings) {
  std::vector<AuthenticationResult> results;
  for (const Check check : {Check::rdns, Check::spf_helo, Check::spf_mailfrom, Check::dnsbl})
    for (const Fact& fact : facts.evidence.known)
      if (fact.key.check == check)
        if (auto result = result_of(fact, facts, settings.checks)) results.push_back(std::move(*result));
  std::string fields = mail::authentication_results_field(settings.hostname, results, facts.smtputf8);
  if (const Fact* fact = spf_fact(facts)) fields += spf_field(*fact, facts, settings);
  return fields;
}

}  // namespace sallyport::proxy
