#include "proxy/fact_words.h"

#include <fmt/format.h>

#include "base/store/evidence_record.h"
#include "policy/client.h"

namespace sallyport::proxy {
namespace {

using mail::Finding;

std::string with_detail(std::string words, const mail::Fact& fact) {
  if (!fact.detail.empty()) words += fmt::format(" ({})", fact.detail);
  return words;
}

std::string list_words(const mail::Fact& fact) {
  const std::string of = fact.listed.empty() ? "" : fact.listed + " is ";
  switch (fact.finding) {
    case Finding::dnsbl_clear:
      return of + "not listed by " + fact.subject;
    case Finding::dnsbl_silent:
      return with_detail(fmt::format("the list {} gives no answer that can be used", fact.subject), fact);
    case Finding::dnsbl_temporary:
      return with_detail(fmt::format("the list {} cannot be asked now", fact.subject), fact);
    default:
      return with_detail(fmt::format("{}listed by {}: {}", of, fact.subject, store::in_words(fact.codes)),
                         fact);
  }
}

}  // namespace

std::string in_words(const mail::Fact& fact, const policy::CheckSettings& settings) {
  switch (fact.finding) {
    case Finding::dnsbl_clear:
    case Finding::dnsbl_listed:
    case Finding::dnsbl_silent:
    case Finding::dnsbl_temporary:
      return list_words(fact);
    case Finding::rdns_confirmed:
      return fmt::format("its reverse name {} has its address", fact.detail);
    case Finding::helo_confirmed:
      return fmt::format("HELO {} is its reverse name", fact.subject);
    case Finding::helo_plausible:
      return fmt::format("HELO {} has its address", fact.subject);
    case Finding::sender_found:
      return fmt::format("the sender's domain {} can take an answer", fact.subject);
    case Finding::early_waited:
      return "waited for the greeting";
    case Finding::spf_pass:
      return policy::describe(fact, settings) + (fact.open ? ", as it does for anybody: no proof" : "");
    case Finding::spf_none:
      return fmt::format("{} has no SPF record", fact.subject);
    default:
      return policy::describe(fact, settings);
  }
}

std::string spf_in_words(const mail::Fact* spf) { return spf ? in_words(*spf, {}) : "it was not asked"; }

}  // namespace sallyport::proxy
