// Rules that are written rightly and do nothing: conditions that nobody can meet, rules behind others that
// hold wherever they do. For compile_rules() alone, and there for `check`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/rule_tables.h"
#include "policy/rules_compiler.h"

namespace sallyport::policy {

// Of one rule as it is written: what nobody can meet, and what is no pattern.
void lint_conditions(const config::Ruleset& ruleset, const config::Rule& rule, const RuleContext& context);

// Whether a recipient, as a condition has it, is nobody to whom rules for the value of `path` could apply:
// it is in no domain of ours, and mail to others is not taken, or not judged by that value.
bool is_nobodys(std::string_view recipient, std::string_view path, const RuleSite& site);
// Whether role addresses are taken whatever the value of `path` is (promise P4). What size and syntax a
// mail may have holds for them, too.
bool spares_roles(std::string_view path);
std::string hint_for_recipient(std::string_view recipient, const RuleSite& site);

// What a key of the compiled rules stands for.
struct KeyMeaning {
  enum class Kind : std::uint8_t { pattern, network, file, anybody, nobody };
  Kind kind = Kind::pattern;
  std::string pattern{};
  Network network{IpAddress(), 0};
  std::shared_ptr<const ConditionFile> file{};

  // Whoever meets `other` meets this; it may be missed, and is never said wrongly.
  bool covers(const KeyMeaning& other) const;
};

// Rules that are never reached, for an earlier one of their ruleset holds wherever they do. `meanings`: of
// the keys in `tables`. Compares as far as it costs no second.
void lint_reach(const RuleTables& tables, const std::vector<KeyMeaning>& meanings,
                const std::vector<const config::Ruleset*>& rulesets, config::Diagnostics& diagnostics);

}  // namespace sallyport::policy
