#include "proxy/treatment.h"

#include <fmt/format.h>

#include <algorithm>

namespace sallyport::proxy {
namespace {

using config::Stage;
using policy::Direction;
using policy::RelayRight;

// Bare <postmaster> is ours.
Direction direction_of(const mail::Path& recipient, const policy::Settings& settings) {
  const bool ours = recipient.domain.empty() || settings.domains.find(recipient.domain_ascii);
  return ours ? Direction::inbound : Direction::outbound;
}

bool is_to_role(const Settings& settings, const RecipientFacts& facts) {
  const auto verdict = policy::judge_recipient(facts.client, nullptr, facts.recipient, *settings.policy);
  const auto* accept = std::get_if<policy::Accept>(&verdict);
  return accept && accept->role;
}

Treated treated_by(const Settings& settings, const policy::RuleMatch& match) {
  const auto acting = settings.treatment(match.profile);
  const bool observes = match.would_be != match.profile;
  return {.acting = acting,
          .would_be = observes ? settings.treatment(match.would_be) : acting,
          .otherwise = {}};
}

}  // namespace

policy::RuleFacts rule_facts(const Settings& settings, const RecipientFacts& facts) {
  policy::RuleFacts out;
  out.stage = Stage::data;  // of what is read later still, each recipient has its own too
  out.client = facts.client.address;
  out.listener = facts.listener;
  out.helo = facts.helo;
  out.user = facts.client.authenticated;
  out.from = &facts.sender;
  out.to = &facts.recipient;
  out.to_mailbox = policy::mailbox_behind_detail(facts.recipient, *settings.policy);
  out.direction = direction_of(facts.recipient, *settings.policy);
  out.name_is_asked = false;
  const bool is_ours = policy::relay_right(facts.client, *settings.policy) != RelayRight::none;
  out.vouching = is_ours ? policy::Vouching::own : policy::Vouching::none;
  return out;
}

std::optional<policy::Refuse> refuses_size(const Limits& limits, std::uint64_t octets) {
  if (octets <= limits.message_size) return std::nullopt;
  return policy::refuse(mail::Refusal::too_large_for_recipient, fmt::format("{}", limits.message_size));
}

void Otherwise::add(const Otherwise& other) {
  if (other.empty()) return;
  failed = other.failed;
  more = more || other.more;
  for (const auto& treatment : other.treatments)
    if (std::ranges::find(treatments, treatment) == treatments.end()) treatments.push_back(treatment);
}

Treated treated_at_connect(const Settings& settings, const IpAddress& client, std::string_view listener) {
  policy::RuleFacts facts;
  facts.stage = Stage::connect;
  facts.client = client;
  facts.listener = listener;
  return treated_by(settings, settings.rules.match(facts));
}

std::vector<policy::MatchedRule> observed_rules(const Treated& treated) {
  std::vector<policy::MatchedRule> rules;
  const auto& acting = treated.acting->matched;
  std::ranges::copy_if(treated.would_be->matched, std::back_inserter(rules),
                       [&](const auto& rule) { return std::ranges::find(acting, rule) == acting.end(); });
  return rules;
}

io::Task<Treated> treatment_of(const Settings& settings, RecipientFacts facts, Inquiry* inquiry) {
  if (settings.rules.empty()) {
    const auto usual = settings.treatment({});
    co_return Treated{.acting = usual, .would_be = usual, .otherwise = {}};
  }
  policy::RuleFacts known = rule_facts(settings, facts);
  if (inquiry) policy::add_evidence(known, inquiry->evidence(policy::View::would_be));
  auto match = settings.rules.match(known);
  if (inquiry && !match.missing.empty() && is_to_role(settings, facts)) {
    known.to_role = true;
    match = settings.rules.match(known);
  }
  while (inquiry && !match.missing.empty()) {
    co_await inquiry->settle_any(match.missing);
    policy::add_evidence(known, inquiry->evidence(policy::View::would_be));
    match = settings.rules.match(known);
  }
  Treated treated = treated_by(settings, match);
  treated.unproven = settings.rules.unproven(match);
  const auto others = settings.rules.others(known);
  treated.otherwise.more = others.more;
  if (!others.more)
    for (const policy::Profile& other : others.profiles)
      treated.otherwise.treatments.push_back(settings.treatment(other));
  known.spf_failed = false;
  const bool by_name = !settings.rules.others(known).profiles.empty();
  treated.otherwise.failed = by_name ? mail::Check::rdns : mail::Check::spf_mailfrom;
  co_return treated;
}

}  // namespace sallyport::proxy
