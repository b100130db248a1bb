// Rulesets compiled: what compile_rules() makes, as it lies in memory. For rules.h's own parts alone.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/config/stage.h"
#include "policy/rule_keys.h"
#include "policy/rules.h"

namespace sallyport::policy {

enum class RuleFact : std::uint8_t { from, to, ip, rdns, helo, auth, listener, direction };
inline constexpr std::size_t kRuleFacts = 8;

// What MAIL FROM needs beside it to count.
enum class Proof : std::uint8_t { none, where_published, always };

struct CompiledCondition {
  RuleFact fact{};
  std::uint32_t first = 0, count = 0;  // keys, rising: one of them must be met
};

struct CompiledRule {
  std::uint32_t ruleset = 0, place = 0;
  std::uint32_t first = 0, count = 0;  // conditions: all of them must hold
  Proof proof = Proof::none;
  bool observed = false;
};

// What has to be looked up for their conditions.
struct RuleNeeds {
  bool reverse_name = false;
  bool sender = false;
};

struct RuleTables {
  Profile usual;                                // the last rule everywhere
  std::vector<std::vector<MatchedRule>> words;  // of each ruleset's rules, but the last
  std::vector<CompiledRule> rules;
  std::vector<CompiledCondition> conditions;
  std::vector<RuleKey> keys;
  std::array<FactKeys, kRuleFacts> facts;
  std::vector<std::uint32_t> starts;  // of each key's rules in `listed`, and the end
  std::vector<std::uint32_t> listed;
  // Of each ruleset: the first rule that acts, and the first of all, among those that are found by rdns
  // only.
  std::vector<std::uint32_t> first_by_name, first_of_all_by_name;
  std::vector<bool> spares_roles;  // rulesets of what does not concern role addresses
  bool observes = false;
  RuleNeeds acting_needs, all_needs;
};

}  // namespace sallyport::policy
