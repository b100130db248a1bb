#include "policy/checks.h"

#include <algorithm>

#include "base/text.h"

namespace sallyport::policy {
namespace {

using mail::Check;
using mail::Finding;

std::array<std::uint8_t, 4> octets_of(const IpAddress& v4) {
  std::array<std::uint8_t, 4> octets{};
  std::ranges::copy(v4.bytes().begin() + 12, v4.bytes().end(), octets.begin());
  return octets;
}

struct OctetRange {
  std::uint8_t low = 0, high = 0;
};

// "2", "2-11" or "*"
std::optional<OctetRange> parse_octets(std::string_view text) {
  if (text == "*") return OctetRange{0, 255};
  const auto dash = std::min(text.find('-'), text.size());
  const auto low = parse_unsigned(text.substr(0, dash));
  const auto high = dash == text.size() ? low : parse_unsigned(text.substr(dash + 1));
  if (!low || !high || *low > *high || *high > 255) return std::nullopt;
  return OctetRange{static_cast<std::uint8_t>(*low), static_cast<std::uint8_t>(*high)};
}

std::optional<CodeRange> parse_dotted(std::string_view text) {
  CodeRange range;
  for (std::size_t place = 0; place < range.low.size(); ++place) {
    const bool last = place + 1 == range.low.size();
    const auto dot = text.find('.');
    if (last != (dot == std::string_view::npos)) return std::nullopt;
    const auto octets = parse_octets(text.substr(0, dot));
    if (!octets) return std::nullopt;
    range.low.at(place) = octets->low;
    range.high.at(place) = octets->high;
    if (!last) text.remove_prefix(dot + 1);
  }
  return range;
}

// From one address to another.
std::optional<CodeRange> parse_pair(std::string_view text) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto low = IpAddress::parse(text.substr(0, dash)), high = IpAddress::parse(text.substr(dash + 1));
  if (!low || !high || !low->is_v4() || !high->is_v4()) return std::nullopt;
  return CodeRange{octets_of(*low), octets_of(*high), 0};
}

bool is_never_a_listing(const CodeRange& range) { return range.low.at(1) == 255 && range.low.at(2) == 255; }

}  // namespace

std::optional<CodeRange> CodeRange::parse(std::string_view text) {
  auto range = parse_pair(text);
  if (!range) range = parse_dotted(text);
  if (!range || range->low.front() != 127 || range->high.front() != 127) return std::nullopt;
  for (std::size_t place = 0; place < range->low.size(); ++place)
    if (range->low.at(place) > range->high.at(place)) return std::nullopt;
  if (is_never_a_listing(*range)) return std::nullopt;
  return range;
}

std::string CodeRange::to_string() const {
  std::string out;
  for (std::size_t place = 0; place < low.size(); ++place) {
    if (place > 0) out += '.';
    if (low.at(place) == 0 && high.at(place) == 255)
      out += '*';
    else
      out += std::to_string(low.at(place));
    if (low.at(place) != high.at(place) && out.back() != '*') out += '-' + std::to_string(high.at(place));
  }
  return out;
}

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
