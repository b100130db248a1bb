#include "proxy/facts.h"

#include <algorithm>
#include <utility>

namespace sallyport::proxy {
namespace {

using mail::Check;
using mail::Fact;
using mail::Finding;

std::vector<mail::Asked> asked(const std::vector<dns::Lookup>& lookups) {
  std::vector<mail::Asked> out;
  out.reserve(lookups.size());
  for (const dns::Lookup& lookup : lookups)
    out.push_back({to_string(lookup.question), dns::summary(*lookup.answer), lookup.took, lookup.at_hand});
  return out;
}

// A failure passes: what it was part of is soon looked up anew. Beyond kMaxLookups not all answers are
// kept.
TimePoint until(const std::vector<dns::Lookup>& lookups) {
  TimePoint least = TimePoint::max();
  for (const dns::Lookup& lookup : lookups)
    least = std::min(least, is_temporary(lookup.answer->status) ? TimePoint::min() : lookup.answer->until);
  return lookups.size() < dns::kMaxLookups ? least : TimePoint::min();
}

Fact make(const mail::FactKey& key, Finding finding, std::string subject, std::string detail,
          const std::vector<dns::Lookup>& lookups) {
  return {.key = key,
          .finding = finding,
          .subject = std::move(subject),
          .detail = std::move(detail),
          .asked = asked(lookups),
          .until = until(lookups)};
}

}  // namespace

Finding finding(dns::ReverseName::Result result) {
  switch (result) {
    using enum dns::ReverseName::Result;
    case confirmed:
      return Finding::rdns_confirmed;
    case missing:
      return Finding::rdns_missing;
    case mismatch:
      return Finding::rdns_mismatch;
    case temporary:
      return Finding::rdns_temporary;
  }
  std::unreachable();
}

Finding finding(dns::HeloName::Result result) {
  switch (result) {
    using enum dns::HeloName::Result;
    case plausible:
      return Finding::helo_plausible;
    case syntax:
      return Finding::helo_syntax;
    case literal:
      return Finding::helo_literal;
    case not_fqdn:
      return Finding::helo_not_fqdn;
    case unresolvable:
      return Finding::helo_unresolvable;
    case mismatch:
      return Finding::helo_mismatch;
    case temporary:
      return Finding::helo_temporary;
  }
  std::unreachable();
}

Finding finding(dns::SenderDomain::Result result) {
  switch (result) {
    using enum dns::SenderDomain::Result;
    case found:
      return Finding::sender_found;
    case missing:
      return Finding::sender_missing;
    case no_mail:
      return Finding::sender_no_mail;
    case null_mx:
      return Finding::sender_null_mx;
    case private_only:
      return Finding::sender_private;
    case temporary:
      return Finding::sender_temporary;
  }
  std::unreachable();
}

Finding finding(dns::ListAnswer::Result result) {
  switch (result) {
    using enum dns::ListAnswer::Result;
    case clear:
      return Finding::dnsbl_clear;
    case listed:
      return Finding::dnsbl_listed;
    case silent:
      return Finding::dnsbl_silent;
    case temporary:
      return Finding::dnsbl_temporary;
  }
  std::unreachable();
}

Finding finding(dns::SpfResult result) {
  switch (result) {
    using enum dns::SpfResult;
    case none:
      return Finding::spf_none;
    case neutral:
      return Finding::spf_neutral;
    case pass:
      return Finding::spf_pass;
    case fail:
      return Finding::spf_fail;
    case softfail:
      return Finding::spf_softfail;
    case temperror:
      return Finding::spf_temperror;
    case permerror:
      return Finding::spf_permerror;
  }
  std::unreachable();
}

Fact fact_of(const dns::ReverseName& found, const IpAddress& client) {
  Fact fact =
      make({Check::rdns}, finding(found.result), client.to_string(), found.name.text(), found.lookups);
  for (const dns::Name& name : found.more) fact.more_names.push_back(name.text());
  fact.in_doubt = found.in_doubt;
  return fact;
}

Fact fact_of(const dns::HeloName& found, const std::string& helo) {
  return make({Check::helo}, finding(found.result), helo, {}, found.lookups);
}

Fact fact_of(const dns::SenderDomain& found, const dns::Name& domain) {
  return make({Check::sender_domain}, finding(found.result), domain.text(), {}, found.lookups);
}

Fact fact_of(const dns::ListAnswer& found, const mail::FactKey& key, const policy::ListSettings& list,
             const dns::Subject& subject) {
  Fact fact = make(key, finding(found.result), list.name, {}, {});
  fact.codes = found.codes;
  fact.until = until(found.lookups);
  if (const auto* name = std::get_if<dns::Name>(&subject)) fact.listed = name->text();
  if (list.secret) return fact;
  fact.detail = found.words;
  fact.asked = asked(found.lookups);
  return fact;
}

Fact fact_of(const dns::SpfOutcome& found, Check check) {
  const std::string& words = found.problem.empty() ? found.explanation : found.problem;
  const std::string& detail = words.empty() ? found.mechanism : words;
  Fact fact = make({check}, finding(found.result), found.domain, detail, found.lookups);
  fact.mechanism = found.mechanism;
  fact.open = found.open;
  // `ptr` and %{p} take a name that cannot be looked up now for none (RFC 7208 5.5): honest mail would be
  // refused for a failure that passes. Only a term that vouches for the client stands all the same.
  const bool in_doubt = std::ranges::any_of(
      found.lookups, [](const dns::Lookup& lookup) { return is_temporary(lookup.answer->status); });
  if (in_doubt && !mail::vouches(fact)) fact.finding = Finding::spf_temperror;
  return fact;
}

Fact without_look_up(const mail::FactKey& key, Finding finding, std::string subject, std::string detail) {
  return {.key = key, .finding = finding, .subject = std::move(subject), .detail = std::move(detail)};
}

Fact unknown(const mail::FactKey& key) {
  Fact fact{.key = key, .finding = Finding::rdns_temporary, .detail = "broken off"};
  for (const Finding finding : mail::findings_of(key.check))
    if (is_temporary(finding)) fact.finding = finding;
  return fact;
}

}  // namespace sallyport::proxy
