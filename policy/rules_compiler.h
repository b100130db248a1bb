// From the rulesets as they are written to Rules: reads conditions, and tells what is wrong or useless in
// them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/config/ruleset.h"
#include "policy/rules.h"
#include "policy/settings.h"

namespace sallyport::policy {

// What may stand in a rule beside "use".
config::RulesetReading rule_words();
// Of one rule, as it is written; of the last one: enforce.
Mode mode_of(const config::Rule& rule);
// JSON Schema of a ruleset, whatever its values are.
config::Node rule_schema();

// What of the site tells that a rule can do nothing.
struct RuleSite {
  const Domains* domains = nullptr;               // null: not known
  std::optional<std::vector<std::string>> users;  // who can log in; nullopt: not known
  std::vector<std::string> role_names = {};       // "postmaster": taken at every domain of ours
  bool sends_out = true;                          // mail to domains of others may be taken
};

struct RuleContext {
  std::vector<std::string> listeners;
  // The text of a list file; nullopt: it was told why, or files are not to be read.
  std::function<std::optional<std::string>(const std::string& file, const config::Position& blame)>
      read_file;
  config::Diagnostics& diagnostics;
  bool lint = false;  // tell of rules that do nothing: for `check`
  RuleSite site = {};
};

// What is wrong goes to the diagnostics, all of it at once.
Rules compile_rules(const std::vector<config::Ruleset>& rulesets, const RuleContext& context);

}  // namespace sallyport::policy
