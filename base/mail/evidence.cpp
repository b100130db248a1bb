#include "base/mail/evidence.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::mail {
namespace {

constexpr auto kAllFindings = [] {
  std::array<Finding, kFindings> all{};
  for (std::size_t place = 0; place < kFindings; ++place) all[place] = static_cast<Finding>(place);
  return all;
}();

std::span<const Finding> findings(Finding first, Finding last) {
  const auto from = static_cast<std::size_t>(first);
  return std::span(kAllFindings).subspan(from, static_cast<std::size_t>(last) - from + 1);
}

}  // namespace

std::string_view to_string(Check check) {
  switch (check) {
    case Check::early_talker:
      return "early_talker";
    case Check::rdns:
      return "rdns";
    case Check::helo:
      return "helo";
    case Check::sender_domain:
      return "sender_domain";
    case Check::dnsbl:
      return "dnsbl";
    case Check::spf_helo:
      return "spf_helo";
    case Check::spf_mailfrom:
      return "spf_mailfrom";
  }
  std::unreachable();
}

std::string_view to_string(Finding finding) {
  switch (finding) {
    case Finding::early_waited:
      return "waited";
    case Finding::early_talked:
      return "talked";
    case Finding::rdns_confirmed:
    case Finding::helo_confirmed:
      return "confirmed";
    case Finding::rdns_missing:
    case Finding::sender_missing:
      return "missing";
    case Finding::rdns_mismatch:
    case Finding::helo_mismatch:
      return "mismatch";
    case Finding::rdns_generic:
      return "generic";
    case Finding::rdns_temporary:
    case Finding::helo_temporary:
    case Finding::sender_temporary:
    case Finding::dnsbl_temporary:
      return "temporary";
    case Finding::helo_plausible:
      return "plausible";
    case Finding::helo_syntax:
      return "syntax";
    case Finding::helo_own_name:
      return "own_name";
    case Finding::helo_literal:
      return "literal";
    case Finding::helo_not_fqdn:
      return "not_fqdn";
    case Finding::helo_unresolvable:
      return "unresolvable";
    case Finding::sender_found:
      return "found";
    case Finding::sender_no_mail:
      return "no_mail";
    case Finding::sender_null_mx:
      return "null_mx";
    case Finding::sender_private:
      return "private";
    case Finding::dnsbl_clear:
      return "clear";
    case Finding::dnsbl_listed:
      return "listed";
    case Finding::dnsbl_silent:
      return "silent";
    case Finding::spf_none:
      return "none";
    case Finding::spf_neutral:
      return "neutral";
    case Finding::spf_pass:
      return "pass";
    case Finding::spf_fail:
      return "fail";
    case Finding::spf_softfail:
      return "softfail";
    case Finding::spf_temperror:
      return "temperror";
    case Finding::spf_permerror:
      return "permerror";
  }
  std::unreachable();
}

std::span<const Finding> findings_of(Check check) {
  switch (check) {
    case Check::early_talker:
      return findings(Finding::early_waited, Finding::early_talked);
    case Check::rdns:
      return findings(Finding::rdns_confirmed, Finding::rdns_temporary);
    case Check::helo:
      return findings(Finding::helo_confirmed, Finding::helo_temporary);
    case Check::sender_domain:
      return findings(Finding::sender_found, Finding::sender_temporary);
    case Check::dnsbl:
      return findings(Finding::dnsbl_clear, Finding::dnsbl_temporary);
    case Check::spf_helo:
    case Check::spf_mailfrom:
      return findings(Finding::spf_none, Finding::spf_permerror);
  }
  std::unreachable();
}

bool is_temporary(Finding finding) {
  constexpr std::array temporary = {Finding::rdns_temporary,   Finding::helo_temporary,
                                    Finding::sender_temporary, Finding::dnsbl_silent,
                                    Finding::dnsbl_temporary,  Finding::spf_temperror};
  return std::ranges::find(temporary, finding) != temporary.end();
}

std::string_view to_string(Listed listed) {
  switch (listed) {
    case Listed::client:
      return "client";
    case Listed::reverse_name:
      return "rdns";
    case Listed::helo:
      return "helo";
    case Listed::sender_domain:
      return "sender";
  }
  std::unreachable();
}

bool vouches(const Fact& fact) { return fact.finding == Finding::spf_pass && !fact.open; }

bool may_change(const Fact& fact) { return is_temporary(fact.finding) || fact.in_doubt; }

const Fact* Evidence::find(const FactKey& key) const {
  const auto found = std::ranges::find(known, key, &Fact::key);
  return found == known.end() ? nullptr : &*found;
}

std::vector<std::string> Evidence::reverse_names() const {
  const Fact* fact = find({Check::rdns});
  if (!fact || (fact->finding != Finding::rdns_confirmed && fact->finding != Finding::rdns_generic))
    return {};
  std::vector<std::string> names{fact->detail};
  names.insert(names.end(), fact->more_names.begin(), fact->more_names.end());
  return names;
}

}  // namespace sallyport::mail
