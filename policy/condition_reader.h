// Reads the conditions of one rule. For compile_rules() alone.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "policy/rule_lint.h"
#include "policy/rule_tables.h"
#include "policy/rules_compiler.h"

namespace sallyport::policy {

struct ReadCondition {
  RuleFact fact{};
  std::vector<RuleKey> keys;  // rising, each once
  bool proves = false;        // whoever meets it is somebody, and has not only said so
  auto operator<=>(const ReadCondition&) const = default;
};

struct ReadRule {
  std::vector<ReadCondition> conditions;
  Proof proof = Proof::none;
  bool observed = false;
  bool off = false;
};

class ConditionReader {
 public:
  ConditionReader(const RuleContext& context, RuleTables& tables) : context_(context), tables_(tables) {}

  // False if anything was wrong with it.
  bool read(const config::Ruleset& ruleset, const config::Rule& rule, ReadRule& out);
  RuleKey keys() const { return next_; }                                 // so many were given out
  const std::vector<KeyMeaning>& meanings() const { return meanings_; }  // of each; none without lint

 private:
  bool read_condition(const config::Member& member, ReadCondition& out);
  bool read_value(const config::Node& node, ReadCondition& out);
  bool read_text(const config::Node& node, std::string_view written, ReadCondition& out);
  bool read_file(const config::Node& node, ReadCondition& out);
  std::shared_ptr<const ConditionFile> file(RuleFact fact, const std::string& path,
                                            const config::Position& blame);
  bool read_modifiers(const config::Rule& rule, ReadRule& out);
  RuleKey meaning(RuleKey key, KeyMeaning meaning);
  RuleKey add_any(RuleFact fact, bool any);
  bool check_listener(const config::Node& node, const std::string& name);
  bool error(const config::Position& position, const std::string& message, std::string hint = {});
  FactKeys& facts(RuleFact fact) { return tables_.facts.at(static_cast<std::size_t>(fact)); }

  const RuleContext& context_;
  RuleTables& tables_;
  const config::Ruleset* ruleset_ = nullptr;
  RuleKey next_ = 0;
  std::vector<KeyMeaning> meanings_;
  std::map<std::string, std::shared_ptr<const ConditionFile>> files_;  // by fact and path
};

}  // namespace sallyport::policy
