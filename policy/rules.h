// All rulesets of a configuration, compiled: for each the first rule that holds, found by index.
//
// Every distinct value of a condition has a key (rule_keys.h). A look-up finds the keys that the facts
// meet, once for all rulesets; each rule is listed under the keys of its rarest condition, and only rules
// so found are looked at whole. What it costs does not grow with the number of rules, but with that of the
// rules that have their rarest value in common.
//
// Facts that come late (the reverse name, SPF) may be pending: then the look-up says which of them could
// still change what it found. Of facts that failed, others() says where else they might have led.
// Immutable; usable from every thread.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/config/ruleset.h"
#include "policy/rule_facts.h"
#include "policy/rule_keys.h"

namespace sallyport::policy {

// For each ruleset the place of the rule that decides. Recipients with equal profiles are treated alike.
using Profile = std::vector<std::uint32_t>;

struct RuleMatch {
  Profile profile;
  Profile would_be;                    // where rules that only observe count too
  std::vector<mail::FactKey> missing;  // any of them could change the profile; none: it is final
};

// What the profile might be if what failed to be looked up were known.
struct OtherProfiles {
  std::vector<Profile> profiles;
  bool more = false;  // too many to be told
};

// A rule that decided, and is not the last of its ruleset.
struct MatchedRule {
  std::string path;   // "checks.rdns.missing"
  std::string place;  // "conf.d/20-checks.json:7"
};

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

// What compile_rules() makes, as it lies in memory.
struct RuleTables {
  std::vector<config::Stage> stages;  // of the rulesets
  Profile usual;                      // the last rule everywhere
  std::vector<std::string> paths;
  std::vector<std::vector<std::string>> places;  // of each ruleset's rules
  std::vector<CompiledRule> rules;
  std::vector<CompiledCondition> conditions;
  std::vector<RuleKey> keys;
  std::array<FactKeys, kRuleFacts> facts;
  std::vector<std::uint32_t> starts;  // of each key's rules in `listed`, and the end
  std::vector<std::uint32_t> listed;
  std::vector<std::uint32_t> first_by_name;  // of each ruleset: the first rule that is found by rdns only
  bool observes = false;
  bool asks_reverse_name = false;
  bool asks_sender = false;
};

class Rules {
 public:
  Rules() = default;
  explicit Rules(std::shared_ptr<const RuleTables> tables) : tables_(std::move(tables)) {}

  bool empty() const { return !tables_; }
  RuleMatch match(const RuleFacts& facts) const;
  OtherProfiles others(const RuleFacts& facts) const;
  std::vector<MatchedRule> matched(const Profile& profile) const;
  // Whether some rule needs what that check finds.
  bool needs(mail::Check check) const;

 private:
  std::shared_ptr<const RuleTables> tables_;
};

}  // namespace sallyport::policy
