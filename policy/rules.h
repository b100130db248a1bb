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

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "policy/checks.h"
#include "policy/rule_facts.h"

namespace sallyport::policy {

// For each ruleset the place of the rule that decides. Recipients with equal profiles are treated alike.
using Profile = std::vector<std::uint32_t>;

// A rule of a ruleset, by its place.
struct RulePlace {
  std::uint32_t ruleset = 0, place = 0;
  bool operator==(const RulePlace&) const = default;
};

struct RuleMatch {
  Profile profile;
  Profile would_be;                    // where rules that only observe count too
  std::vector<mail::FactKey> missing;  // any of them could change one of both; none: they are final
  // Would have decided, did somebody vouch for MAIL FROM: of each ruleset the first, at most.
  std::vector<RulePlace> unproven;
};

// What the profile might be if what failed to be looked up were known.
struct OtherProfiles {
  std::vector<Profile> profiles;
  bool more = false;  // and more than are told
};

// A rule that decided, and is not the last of its ruleset; in words that were made when it was loaded.
struct MatchedRule {
  std::string path;       // "checks.rdns.missing"
  std::string place;      // "conf.d/20-checks.json:7"
  std::string condition;  // as written, {"to": "*@example.com"}; cut where it is long
  std::string value;      // "reject", likewise
  bool operator==(const MatchedRule&) const = default;
};

struct RuleTables;

class Rules {
 public:
  Rules() = default;
  explicit Rules(std::shared_ptr<const RuleTables> tables) : tables_(std::move(tables)) {}

  bool empty() const { return !tables_; }
  RuleMatch match(const RuleFacts& facts) const;
  OtherProfiles others(const RuleFacts& facts) const;
  std::vector<MatchedRule> matched(const Profile& profile) const;
  std::vector<MatchedRule> unproven(const RuleMatch& match) const;
  // Whether some rule needs what that check finds: one that acts, or any.
  bool needs(mail::Check check, View view) const;

 private:
  std::shared_ptr<const RuleTables> tables_;
};

}  // namespace sallyport::policy
