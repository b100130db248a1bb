#include "policy/rule_matching.h"

#include <algorithm>
#include <span>

#include "base/case_folding.h"
#include "base/text.h"
#include "policy/rule_values.h"

namespace sallyport::policy {
namespace {

using mail::Check;

constexpr std::size_t kMostProfiles = 32;

std::string_view without_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

// The reverse names that it depends on.
std::span<const RuleKey> names_of(const RuleTables& tables, const CompiledRule& rule) {
  for (const CompiledCondition& condition : std::span(tables.conditions).subspan(rule.first, rule.count))
    if (condition.fact == RuleFact::rdns)
      return std::span(tables.keys).subspan(condition.first, condition.count);
  return {};
}

}  // namespace

RuleMatching::RuleMatching(const RuleTables& tables, const RuleFacts& facts)
    : tables_(tables), facts_(facts) {
  find_keys();
  result_.profile = tables.usual;
  if (tables.observes) result_.would_be = tables.usual;
}

RuleMatch RuleMatching::run() {
  consider_found();
  if (!facts_.reverse_name && facts_.stage >= known_from(RuleFact::rdns)) expect_rules_by_name();
  for (const auto& [rule, holds] : undecided_)
    if (rule->place < best_before(*rule) && concerns(rule->ruleset)) expect(holds);
  if (!tables_.observes) result_.would_be = result_.profile;
  tell_unproven();
  return std::move(result_);
}

OtherProfiles RuleMatching::others(const Profile& acting) {
  consider_found();
  if (!facts_.reverse_name)
    for (const CompiledRule& rule : tables_.rules)
      if (!names_of(tables_, rule).empty()) consider(rule);
  std::erase_if(undecided_, [this](const Undecided& one) {
    return one.rule->observed || one.rule->place >= result_.profile[one.rule->ruleset];
  });
  OtherProfiles others{{result_.profile}, false};
  while (!undecided_.empty() && !others.more) add_group(others);
  std::erase(others.profiles, acting);
  return others;
}

// What may be by now, and with the rules of the next group.
void RuleMatching::add_group(OtherProfiles& others) {
  const CompiledRule& first = *undecided_.front().rule;
  const auto rest = std::ranges::partition(
      undecided_, [&](const Undecided& one) { return !hold_together(*one.rule, first); });
  for (std::size_t place = 0, before = others.profiles.size(); place < before; ++place) {
    Profile other = others.profiles[place];
    for (const Undecided& one : rest) {
      std::uint32_t& best = other[one.rule->ruleset];
      best = std::min(best, one.rule->place);
    }
    if (std::ranges::find(others.profiles, other) == others.profiles.end())
      others.profiles.push_back(std::move(other));
  }
  undecided_.erase(rest.begin(), rest.end());
  others.more = others.profiles.size() > kMostProfiles;
}

bool RuleMatching::hold_together(const CompiledRule& one, const CompiledRule& other) const {
  const bool as_proven = one.proof == other.proof || facts_.vouching != Vouching::pending;
  const bool by_name = !facts_.reverse_name;
  return as_proven && (!by_name || std::ranges::equal(names_of(tables_, one), names_of(tables_, other)));
}

// -- the keys that the facts meet
// --------------------------------------------------------------------------

void RuleMatching::begin(RuleFact fact) { starts_.at(static_cast<std::size_t>(fact)) = found_.size(); }

void RuleMatching::find_text(RuleFact fact, std::string_view text) {
  begin(fact);
  tables_.facts.at(static_cast<std::size_t>(fact)).find(fold_case(text), found_);
}

void RuleMatching::find_path(RuleFact fact, const mail::Path* path) {
  begin(fact);
  if (path) tables_.facts.at(static_cast<std::size_t>(fact)).find(path->key(), found_);
}

void RuleMatching::find_name(std::string_view name) {
  tables_.facts.at(static_cast<std::size_t>(RuleFact::rdns)).find(to_lower(without_dot(name)), found_);
}

// In the order of RuleFact.
void RuleMatching::find_keys() {
  find_path(RuleFact::from, facts_.from);
  find_path(RuleFact::to, facts_.to);
  if (facts_.to && !facts_.to_mailbox.empty())
    tables_.facts.at(static_cast<std::size_t>(RuleFact::to)).find(facts_.to_mailbox, found_);
  begin(RuleFact::ip);
  tables_.facts.at(static_cast<std::size_t>(RuleFact::ip)).find(facts_.client, found_);
  begin(RuleFact::rdns);
  if (facts_.reverse_name) {
    find_name(*facts_.reverse_name);
    for (const std::string& name : facts_.more_names) find_name(name);
  }
  find_text(RuleFact::helo, without_dot(facts_.helo));
  find_text(RuleFact::auth, facts_.user);
  find_text(RuleFact::listener, facts_.listener);
  find_text(RuleFact::direction, facts_.direction == Direction::inbound ? "inbound" : "outbound");
  starts_.back() = found_.size();
}

// -- one rule
// ----------------------------------------------------------------------------------------------

void RuleMatching::consider_found() {
  for (const RuleKey key : found_)
    for (std::uint32_t at = tables_.starts[key]; at < tables_.starts[key + 1]; ++at)
      consider(tables_.rules[tables_.listed[at]]);
}

std::uint32_t RuleMatching::best_before(const CompiledRule& rule) const {
  return (rule.observed ? result_.would_be : result_.profile)[rule.ruleset];
}

// A rule that acts counts in both; where one that observes stands before it, for what acts alone.
void RuleMatching::consider(const CompiledRule& rule) {
  if (rule.place >= best_before(rule)) return;
  const Holds holds = look_at(rule);
  if (holds == Holds::no) return;
  if (holds == Holds::unproven) return note_unproven(rule);
  if (holds != Holds::yes) return undecided_.push_back({&rule, holds});
  if (!rule.observed) result_.profile[rule.ruleset] = rule.place;
  if (!tables_.observes) return;
  std::uint32_t& would_be = result_.would_be[rule.ruleset];
  would_be = std::min(would_be, rule.place);
}

void RuleMatching::note_unproven(const CompiledRule& rule) {
  const auto known = std::ranges::find(unproven_, rule.ruleset, &CompiledRule::ruleset);
  if (known == unproven_.end())
    unproven_.push_back(&rule);
  else if (rule.place < (*known)->place)
    *known = &rule;
}

// Behind a rule that decided it would have changed nothing.
void RuleMatching::tell_unproven() {
  for (const CompiledRule* rule : unproven_)
    if (rule->place < best_before(*rule)) result_.unproven.push_back({rule->ruleset, rule->place});
}

RuleMatching::Holds RuleMatching::look_at(const CompiledRule& rule) const {
  Holds holds = Holds::yes;
  for (std::uint32_t i = rule.first; i < rule.first + rule.count; ++i) {
    const CompiledCondition& condition = tables_.conditions[i];
    if (known_from(condition.fact) > facts_.stage) return Holds::no;
    if (condition.fact == RuleFact::rdns && !facts_.name_is_asked) return Holds::no;
    if (condition.fact == RuleFact::rdns && !facts_.reverse_name)
      holds = Holds::by_reverse_name;
    else if (!is_met(condition))
      return Holds::no;
  }
  return rule.proof == Proof::none ? holds : as_vouched_for(rule, holds);
}

// `holds`: as far as its conditions go.
RuleMatching::Holds RuleMatching::as_vouched_for(const CompiledRule& rule, Holds holds) const {
  const Holds unproven = holds == Holds::yes ? Holds::unproven : Holds::no;
  switch (facts_.vouching) {
    case Vouching::pending:
      return holds == Holds::yes ? Holds::by_sender : holds;
    case Vouching::own:
    case Vouching::spf:
      return holds;
    case Vouching::none:
      return rule.proof == Proof::always ? unproven : holds;
    case Vouching::against:
      return unproven;
  }
  return Holds::no;
}

bool RuleMatching::is_met(const CompiledCondition& condition) const {
  const auto keys = std::span(tables_.keys).subspan(condition.first, condition.count);
  const auto fact = static_cast<std::size_t>(condition.fact);
  for (std::size_t i = starts_.at(fact); i < starts_.at(fact + 1); ++i)
    if (std::ranges::binary_search(keys, found_[i])) return true;
  return false;
}

// -- what is not known yet
// ---------------------------------------------------------------------------------

bool RuleMatching::concerns(std::size_t ruleset) const {
  return !facts_.to_role || !tables_.spares_roles[ruleset];
}

// Rules that only the reverse name leads to have not been looked at.
void RuleMatching::expect_rules_by_name() {
  for (std::size_t ruleset = 0; ruleset < tables_.usual.size(); ++ruleset) {
    const bool acts = tables_.first_by_name[ruleset] < result_.profile[ruleset];
    const bool observes =
        tables_.observes && tables_.first_of_all_by_name[ruleset] < result_.would_be[ruleset];
    if ((acts || observes) && concerns(ruleset)) return expect(Holds::by_reverse_name);
  }
}

void RuleMatching::expect(Holds what) {
  const mail::FactKey key{what == Holds::by_sender ? Check::spf_mailfrom : Check::rdns};
  if (std::ranges::find(result_.missing, key) == result_.missing.end()) result_.missing.push_back(key);
}

}  // namespace sallyport::policy
