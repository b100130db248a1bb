#include "base/config/ruleset.h"

#include <algorithm>

#include "base/config/type.h"

namespace sallyport::config {
namespace {

constexpr const char* kForm = R"({"rules": [{"to": "example.org", "use": ...}, {"use": ...}]})";

bool is_among(const std::string& name, const std::vector<std::string>& names) {
  return std::ranges::find(names, name) != names.end();
}

// "use" where a rule has it, and all else put where it belongs. `known`: false where something has no
// place.
const Node* take_apart(const Node& node, Rule& rule, Reader& reader, bool& known) {
  const RulesetReading& words = *reader.rulesets();
  const Node* use = nullptr;
  for (const Member& member : *node.as<Object>()) {
    if (member.key == "use") {
      use = &member.value;
    } else if (is_among(member.key, words.conditions)) {
      if (!member.value.is_null()) rule.conditions.push_back(member);
    } else if (is_among(member.key, words.modifiers)) {
      if (!member.value.is_null()) rule.modifiers.push_back(member);
    } else {
      auto names = words.conditions;
      names.insert(names.end(), words.modifiers.begin(), words.modifiers.end());
      names.emplace_back("use");
      reader.unknown_key(member, names);
      known = false;
    }
  }
  if (use && !use->is_null()) return use;
  if (use) {
    reader.error(use->position, R"("use" is null, and gives no value)",
                 R"(the value that is meant; where a file is named, "use": "" is none)");
    return nullptr;
  }
  reader.error(node.position, R"("use" is missing: what this rule gives)", kForm);
  return nullptr;
}

class RulesReader {
 public:
  RulesReader(const RulesetField& field, Reader& reader) : field_(field), reader_(reader) {}

  // All that is wrong is told, of every rule.
  bool read(const Array& written, Ruleset& out) {
    bool known = true;  // then it can be said which rules have conditions
    std::vector<const Node*> uses;
    for (const Node& node : written) {
      Rule rule{.position = node.position, .conditions = {}, .modifiers = {}, .value = {}};
      bool whole = node.as<Object>() || reader_.expected(node, R"(a rule: {"to": ..., "use": ...})");
      uses.push_back(whole ? take_apart(node, rule, reader_, whole) : nullptr);
      const bool last = uses.size() == written.size();
      if (!whole || (!last && !check_modifiers(rule))) known = false;
      out.rules.push_back(std::move(rule));
    }
    const bool ordered = known && check_order(out.rules);
    return read_values(uses, out.rules) && ordered;
  }

 private:
  // Beside no condition they say nothing; not even that the rules behind are never reached.
  bool check_modifiers(const Rule& rule) {
    if (!rule.conditions.empty() || rule.modifiers.empty()) return true;
    return reader_.error(rule.modifiers.front().position,
                         fmt::format("\"{}\" in a rule without a condition", rule.modifiers.front().key),
                         R"(name whom it holds for: {"from": "example.org", ..., "use": ...})");
  }

  bool check_order(const std::vector<Rule>& rules) {
    const auto first =
        std::ranges::find_if(rules, [](const Rule& rule) { return rule.conditions.empty(); });
    if (first == rules.end())
      return reader_.error(rules.back().position,
                           "the last rule has conditions: what counts where none of the rules holds?",
                           R"(a last rule without any: {"use": ...})");
    if (first + 1 != rules.end())
      return reader_.error((first + 1)->position,
                           "this rule is never reached: the one before it has no conditions",
                           "the first rule that holds decides; the one without conditions stands last");
    if (!rules.back().modifiers.empty())
      return reader_.error(rules.back().modifiers.front().position,
                           fmt::format("\"{}\" in the last rule", rules.back().modifiers.front().key),
                           R"(the last rule is what counts otherwise: {"use": ...})");
    return true;
  }

  bool read_values(const std::vector<const Node*>& uses, std::vector<Rule>& rules) {
    bool good = uses.back() && field_.read_last(*uses.back());
    for (std::size_t i = 0; i + 1 < rules.size(); ++i)
      if (!uses[i] || !field_.read_other(*uses[i], rules[i].value)) good = false;
    return good;
  }

  const RulesetField& field_;
  Reader& reader_;
};

}  // namespace

bool is_ruleset(const Node& node) { return node.find("rules") != nullptr; }

bool read_ruleset(const Node& node, const RulesetField& field, Reader& reader) {
  for (const Member& member : *node.as<Object>())
    if (member.key != "rules") {
      reader.unknown_key(member, {"rules"});
      return false;
    }
  const Node& rules = *node.find("rules");
  const auto* written = rules.as<Array>();
  if (!written) return reader.expected(rules, "a list of rules", kForm);
  if (written->empty()) return reader.error(rules.position, "there is no rule in this list", kForm);
  Ruleset ruleset{reader.path(), reader.steps(), field.stage, node, {}};
  const bool good = ruleset.good = RulesReader(field, reader).read(*written, ruleset);
  reader.rulesets()->rulesets.push_back(std::move(ruleset));
  return good;
}

}  // namespace sallyport::config
