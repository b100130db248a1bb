#include "policy/checks.h"

#include <algorithm>

namespace sallyport::policy {
namespace {

using mail::Check;
using mail::Finding;

std::array<std::uint8_t, 4> octets_of(const IpAddress& v4) {
  std::array<std::uint8_t, 4> octets{};
  std::ranges::copy(v4.bytes().begin() + 12, v4.bytes().end(), octets.begin());
  return octets;
}

}  // namespace

bool CodeRange::contains(const IpAddress& code) const {
  if (!code.is_v4()) return false;
  const auto octets = octets_of(code);
  for (std::size_t place = 0; place < octets.size(); ++place)
    if (octets.at(place) < low.at(place) || octets.at(place) > high.at(place)) return false;
  return true;
}

int ListSettings::weight(const std::vector<IpAddress>& answered) const {
  const CodeRange* weightiest = nullptr;
  for (const CodeRange& range : codes) {
    const bool named =
        std::ranges::any_of(answered, [&](const IpAddress& code) { return range.contains(code); });
    if (named && (!weightiest || range.weight > weightiest->weight)) weightiest = &range;
  }
  return weightiest ? weightiest->weight : 0;
}

int ListSettings::least() const {
  int least = 0;
  for (const CodeRange& range : codes) least = std::min(least, range.weight);
  return least;
}

int ListSettings::most() const {
  int most = 0;
  for (const CodeRange& range : codes) most = std::max(most, range.weight);
  return most;
}

Outcome CheckSettings::outcome_of(const mail::Fact& fact) const {
  if (fact.finding != Finding::dnsbl_listed) return outcome(fact.key.check, fact.finding);
  const ListSettings& list = lists.at(static_cast<std::size_t>(fact.key.list));
  const int weight = list.flag ? 0 : list.weight(fact.codes);
  return weight == 0 ? Outcome::ignored() : Outcome::points(weight);
}

Mode CheckSettings::mode_of(const mail::FactKey& key) const {
  const Mode whole = mode(key.check);
  if (key.check != Check::dnsbl) return whole;
  return std::max(whole, lists.at(static_cast<std::size_t>(key.list)).mode);
}

CheckSettings shipped_checks() {
  CheckSettings shipped;
  const auto set = [&](Check check, Finding finding, Outcome outcome) {
    shipped.outcome(check, finding) = outcome;
  };
  set(Check::early_talker, Finding::early_talked, Outcome::points(3));
  set(Check::rdns, Finding::rdns_missing, Outcome::points(2));
  set(Check::rdns, Finding::rdns_mismatch, Outcome::points(1));
  set(Check::rdns, Finding::rdns_generic, Outcome::points(1));
  set(Check::helo, Finding::helo_syntax, Outcome::points(2));
  set(Check::helo, Finding::helo_own_name, Outcome::rejected());
  set(Check::helo, Finding::helo_literal, Outcome::points(2));
  set(Check::helo, Finding::helo_not_fqdn, Outcome::points(1));
  set(Check::helo, Finding::helo_unresolvable, Outcome::points(1));
  set(Check::helo, Finding::helo_mismatch, Outcome::points(1));
  set(Check::sender_domain, Finding::sender_missing, Outcome::rejected());
  set(Check::sender_domain, Finding::sender_no_mail, Outcome::points(2));
  set(Check::sender_domain, Finding::sender_null_mx, Outcome::rejected());
  set(Check::sender_domain, Finding::sender_private, Outcome::points(2));
  set(Check::sender_domain, Finding::sender_temporary, Outcome::deferred());
  set(Check::spf_helo, Finding::spf_fail, Outcome::rejected());
  set(Check::spf_mailfrom, Finding::spf_fail, Outcome::points(3));
  set(Check::spf_mailfrom, Finding::spf_softfail, Outcome::points(2));
  set(Check::spf_mailfrom, Finding::spf_permerror, Outcome::points(1));
  return shipped;
}

}  // namespace sallyport::policy
