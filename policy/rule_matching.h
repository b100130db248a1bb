// One look-up in compiled rulesets. For rules.h alone.
//
// The keys that the facts meet are found once; only rules that are listed under one of them are looked at.
// What is named outlives it; run() or others() once.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "policy/rule_facts.h"
#include "policy/rule_tables.h"
#include "policy/rules.h"

namespace sallyport::policy {

class RuleMatching {
 public:
  RuleMatching(const RuleTables& tables, const RuleFacts& facts);

  RuleMatch run();
  // Rules that wait for the same hold together or not at all; of several such groups each may hold, with
  // any of the others: those are more than the worlds there are, and never fewer.
  OtherProfiles others(const Profile& acting);

 private:
  enum class Holds : std::uint8_t { no, yes, by_reverse_name, by_sender, unproven };
  struct Undecided {
    const CompiledRule* rule;
    Holds holds;
  };

  void find_keys();
  void begin(RuleFact fact);
  void find_text(RuleFact fact, std::string_view text);
  void find_name(std::string_view name);
  void find_path(RuleFact fact, const mail::Path* path);

  void add_group(OtherProfiles& others);
  bool hold_together(const CompiledRule& one, const CompiledRule& other) const;
  void consider_found();
  void consider(const CompiledRule& rule);
  void note_unproven(const CompiledRule& rule);
  void tell_unproven();
  Holds look_at(const CompiledRule& rule) const;
  Holds as_vouched_for(const CompiledRule& rule, Holds holds) const;
  bool is_met(const CompiledCondition& condition) const;

  // The place that `rule` has to be in front of to matter: of those that act, or of all.
  std::uint32_t best_before(const CompiledRule& rule) const;
  bool concerns(std::size_t ruleset) const;
  void expect_rules_by_name();
  void expect(Holds what);

  const RuleTables& tables_;
  const RuleFacts& facts_;
  std::vector<RuleKey> found_;
  std::array<std::size_t, kRuleFacts + 1> starts_{};  // of each fact's keys in found_
  std::vector<Undecided> undecided_;
  std::vector<const CompiledRule*> unproven_;  // one of each ruleset
  RuleMatch result_;                           // would_be: only where a rule observes
};

}  // namespace sallyport::policy
