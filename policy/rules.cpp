#include "policy/rules.h"

#include <algorithm>

#include "base/text.h"

namespace sallyport::policy {
namespace {

using mail::Check;

enum class Holds : std::uint8_t { no, yes, by_reverse_name, by_sender };

constexpr std::size_t kMostProfiles = 16;

// One look-up.
class Matching {
 public:
  Matching(const RuleTables& tables, const RuleFacts& facts) : tables_(tables), facts_(facts) {
    find_keys();
    result_.profile = tables.usual;
    if (tables.observes) result_.would_be = tables.usual;
  }

  RuleMatch run() {
    consider_found();
    if (!facts_.reverse_name) expect_rules_by_name();
    for (const auto& [rule, holds] : undecided_)
      if (rule->place < result_.profile[rule->ruleset]) expect(holds);
    if (!tables_.observes) result_.would_be = result_.profile;
    return std::move(result_);
  }

  // Each rule alone that may hold in front of the one that does, all of them together, and none.
  OtherProfiles others(const Profile& acting) {
    consider_found();
    if (!facts_.reverse_name)
      for (const CompiledRule& rule : tables_.rules)
        if (is_by_name(rule)) consider(rule);
    OtherProfiles others;
    if (result_.profile != acting) add(others, result_.profile);
    Profile together = result_.profile;
    for (const auto& [rule, holds] : undecided_) {
      if (rule->place >= result_.profile[rule->ruleset]) continue;
      Profile alone = result_.profile;
      alone[rule->ruleset] = rule->place;
      together[rule->ruleset] = std::min(together[rule->ruleset], rule->place);
      add(others, std::move(alone));
    }
    if (together != result_.profile) add(others, std::move(together));
    return others;
  }

 private:
  static void add(OtherProfiles& others, Profile profile) {
    if (std::ranges::find(others.profiles, profile) != others.profiles.end()) return;
    if (others.profiles.size() == kMostProfiles)
      others.more = true;
    else
      others.profiles.push_back(std::move(profile));
  }

  void consider_found() {
    for (std::size_t i = 0; i < found_.size(); ++i)
      for (std::uint32_t at = tables_.starts[found_[i]]; at < tables_.starts[found_[i] + 1]; ++at)
        consider(tables_.rules[tables_.listed[at]]);
  }

  bool is_by_name(const CompiledRule& rule) const {
    const auto conditions = std::span(tables_.conditions).subspan(rule.first, rule.count);
    return std::ranges::find(conditions, RuleFact::rdns, &CompiledCondition::fact) != conditions.end();
  }

  void begin(RuleFact fact) { starts_.at(static_cast<std::size_t>(fact)) = found_.size(); }

  void find_text(RuleFact fact, std::string_view text) {
    begin(fact);
    tables_.facts.at(static_cast<std::size_t>(fact)).find(to_lower(text), found_);
  }

  // In the order of RuleFact.
  void find_keys() {
    find_path(RuleFact::from, facts_.from);
    find_path(RuleFact::to, facts_.to);
    begin(RuleFact::ip);
    tables_.facts.at(static_cast<std::size_t>(RuleFact::ip)).find(facts_.client, found_);
    if (facts_.reverse_name)
      find_text(RuleFact::rdns, without_dot(*facts_.reverse_name));
    else
      begin(RuleFact::rdns);
    find_text(RuleFact::helo, without_dot(facts_.helo));
    find_text(RuleFact::auth, facts_.user);
    find_text(RuleFact::listener, facts_.listener);
    find_text(RuleFact::direction, facts_.direction == Direction::inbound ? "inbound" : "outbound");
    starts_.back() = found_.size();
  }

  void find_path(RuleFact fact, const mail::Path* path) {
    begin(fact);
    if (path) tables_.facts.at(static_cast<std::size_t>(fact)).find(path->key(), found_);
  }

  static std::string_view without_dot(std::string_view name) {
    if (name.ends_with('.')) name.remove_suffix(1);
    return name;
  }

  void consider(const CompiledRule& rule) {
    std::uint32_t& best = result_.profile[rule.ruleset];
    std::uint32_t* const would_be = tables_.observes ? &result_.would_be[rule.ruleset] : nullptr;
    const bool is_first = rule.place < best && !rule.observed;
    if (!is_first && (!would_be || rule.place >= *would_be)) return;
    if (tables_.stages[rule.ruleset] > facts_.stage) return;
    const Holds holds = look_at(rule);
    if (holds == Holds::no) return;
    if (holds != Holds::yes) {
      if (is_first) undecided_.push_back({&rule, holds});
      return;
    }
    if (is_first) best = rule.place;
    if (would_be) *would_be = std::min(*would_be, rule.place);
  }

  Holds look_at(const CompiledRule& rule) const {
    Holds holds = Holds::yes;
    for (std::uint32_t i = rule.first; i < rule.first + rule.count; ++i) {
      const CompiledCondition& condition = tables_.conditions[i];
      if (condition.fact == RuleFact::rdns && !facts_.reverse_name)
        holds = Holds::by_reverse_name;
      else if (!is_met(condition))
        return Holds::no;
    }
    if (rule.proof == Proof::none) return holds;
    switch (facts_.vouching) {
      case Vouching::pending:
        return holds == Holds::yes ? Holds::by_sender : holds;
      case Vouching::own:
      case Vouching::spf:
        return holds;
      case Vouching::none:
        return rule.proof == Proof::always ? Holds::no : holds;
      case Vouching::against:
        return Holds::no;
    }
    return Holds::no;
  }

  bool is_met(const CompiledCondition& condition) const {
    const auto keys = std::span(tables_.keys).subspan(condition.first, condition.count);
    const auto fact = static_cast<std::size_t>(condition.fact);
    for (std::size_t i = starts_.at(fact); i < starts_.at(fact + 1); ++i)
      if (std::ranges::binary_search(keys, found_[i])) return true;
    return false;
  }

  // Rules that only the reverse name leads to have not been looked at.
  void expect_rules_by_name() {
    for (std::size_t ruleset = 0; ruleset < tables_.stages.size(); ++ruleset)
      if (tables_.stages[ruleset] <= facts_.stage &&
          tables_.first_by_name[ruleset] < result_.profile[ruleset])
        return expect(Holds::by_reverse_name);
  }

  void expect(Holds what) {
    const mail::FactKey key{what == Holds::by_sender ? Check::spf_mailfrom : Check::rdns};
    if (std::ranges::find(result_.missing, key) == result_.missing.end()) result_.missing.push_back(key);
  }

  struct Undecided {
    const CompiledRule* rule;
    Holds holds;
  };

  const RuleTables& tables_;
  const RuleFacts& facts_;
  std::vector<RuleKey> found_;
  std::array<std::size_t, kRuleFacts + 1> starts_{};  // of each fact's keys in found_
  std::vector<Undecided> undecided_;
  RuleMatch result_;
};

}  // namespace

RuleMatch Rules::match(const RuleFacts& facts) const {
  if (empty()) return {};
  return Matching(*tables_, facts).run();
}

OtherProfiles Rules::others(const RuleFacts& facts) const {
  if (empty() || !(facts.name_failed || facts.spf_failed)) return {};
  RuleFacts unknown = facts;
  if (facts.name_failed) unknown.reverse_name.reset();
  if (facts.spf_failed) unknown.vouching = Vouching::pending;
  return Matching(*tables_, unknown).others(match(facts).profile);
}

std::vector<MatchedRule> Rules::matched(const Profile& profile) const {
  std::vector<MatchedRule> out;
  for (std::size_t ruleset = 0; ruleset < profile.size(); ++ruleset)
    if (profile[ruleset] != tables_->usual[ruleset])
      out.push_back({tables_->paths[ruleset], tables_->places[ruleset][profile[ruleset]]});
  return out;
}

bool Rules::needs(Check check) const {
  if (empty()) return false;
  return (check == Check::rdns && tables_->asks_reverse_name) ||
         (check == Check::spf_mailfrom && tables_->asks_sender);
}

}  // namespace sallyport::policy
