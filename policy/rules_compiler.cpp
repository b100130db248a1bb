#include "policy/rules_compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <span>
#include <tuple>

#include "base/config/json_line.h"
#include "base/config/type.h"
#include "policy/condition_reader.h"
#include "policy/rule_lint.h"
#include "policy/rule_tables.h"
#include "policy/rule_values.h"

namespace sallyport::policy {
namespace {

using config::Node;

// A rule is found by its reverse name only where its other conditions have a value more common than this.
constexpr std::uint32_t kFewRules = 16;

constexpr std::size_t kMostWords = 200;  // octets of a condition, or a value, as it is shown later

MatchedRule in_words(const std::string& path, const config::Position& position, const Node& rule) {
  Node condition = rule;
  auto& members = std::get<config::Object>(condition.value);
  std::erase_if(members, [](const config::Member& member) { return member.key == "use"; });
  return {path, fmt::format("{}:{}", position.file, position.line),
          config::to_short_line(condition, kMostWords),
          config::to_short_line(*rule.find("use"), kMostWords)};
}

class Compiler {
 public:
  explicit Compiler(const RuleContext& context)
      : context_(context), tables_(std::make_shared<RuleTables>()), reader_(context, *tables_) {}

  void add(const config::Ruleset& ruleset) {
    if (!ruleset.good) return read_only(ruleset);
    const auto number = static_cast<std::uint32_t>(tables_->usual.size());
    rulesets_.push_back(&ruleset);
    tables_->usual.push_back(static_cast<std::uint32_t>(ruleset.rules.size() - 1));
    tables_->spares_roles.push_back(spares_roles(ruleset.path));
    auto& words = tables_->words.emplace_back();
    const auto& written = *ruleset.written.find("rules")->as<config::Array>();
    seen_.clear();
    for (std::uint32_t place = 0; place < tables_->usual.back(); ++place) {
      const config::Rule& rule = ruleset.rules[place];
      words.push_back(in_words(ruleset.path, rule.position, written[place]));
      add(ruleset, rule, {.ruleset = number, .place = place});
    }
  }

  Rules finish() {
    for (FactKeys& facts : tables_->facts) facts.finish();
    tables_->first_by_name.assign(tables_->usual.size(), std::numeric_limits<std::uint32_t>::max());
    tables_->first_of_all_by_name = tables_->first_by_name;
    list_rules();
    if (context_.lint) lint_reach(*tables_, reader_.meanings(), rulesets_, context_.diagnostics);
    return Rules(tables_);
  }

 private:
  // The configuration is refused for it; what else is wrong with it is to be told as well.
  void read_only(const config::Ruleset& ruleset) {
    for (const config::Rule& rule : ruleset.rules) {
      ReadRule ignored;
      reader_.read(ruleset, rule, ignored);
    }
  }

  void add(const config::Ruleset& ruleset, const config::Rule& rule, CompiledRule compiled) {
    ReadRule read;
    if (!reader_.read(ruleset, rule, read) || read.off) return;
    if (context_.lint) lint_conditions(ruleset, rule, context_);
    if (is_repeated(ruleset, rule, read)) return;
    warn_of_claim(ruleset, rule, read);
    compiled.proof = read.proof;
    compiled.observed = read.observed;
    compiled.first = static_cast<std::uint32_t>(tables_->conditions.size());
    compiled.count = static_cast<std::uint32_t>(read.conditions.size());
    for (const ReadCondition& condition : read.conditions) add(condition);
    tables_->rules.push_back(compiled);
    tables_->observes |= read.observed;
    note_needs(read, tables_->all_needs);
    if (!read.observed) note_needs(read, tables_->acting_needs);
  }

  static void note_needs(const ReadRule& read, RuleNeeds& needs) {
    needs.sender |= read.proof != Proof::none;
    needs.reverse_name |=
        std::ranges::find(read.conditions, RuleFact::rdns, &ReadCondition::fact) != read.conditions.end();
  }

  void add(const ReadCondition& condition) {
    tables_->conditions.push_back({condition.fact, static_cast<std::uint32_t>(tables_->keys.size()),
                                   static_cast<std::uint32_t>(condition.keys.size())});
    tables_->keys.insert(tables_->keys.end(), condition.keys.begin(), condition.keys.end());
  }

  bool is_repeated(const config::Ruleset& ruleset, const config::Rule& rule, const ReadRule& read) {
    const auto [first, is_new] =
        seen_.emplace(std::tuple(read.conditions, read.proof, read.observed), rule.position);
    if (!is_new)
      context_.diagnostics.warning(rule.position,
                                   fmt::format("{}: this rule is never reached", ruleset.path),
                                   "an earlier one has the same conditions: " + first->second.to_string());
    return !is_new;
  }

  // What anybody may claim must not be what makes it easier for him.
  void warn_of_claim(const config::Ruleset& ruleset, const config::Rule& rule, const ReadRule& read) {
    const auto strictness = rule.value.strictness;
    const bool easier = strictness == std::partial_ordering::less;
    if ((!easier && strictness != std::partial_ordering::unordered) || read.observed) return;
    const auto speaks_of = [&](RuleFact fact) {
      return std::ranges::find(read.conditions, fact, &ReadCondition::fact) != read.conditions.end();
    };
    const bool by_sender = speaks_of(RuleFact::from);
    const bool proven = (by_sender && read.proof == Proof::always) ||
                        std::ranges::any_of(read.conditions, &ReadCondition::proves);
    if (proven || !(by_sender || speaks_of(RuleFact::helo))) return;
    constexpr const char* kNoClaims = R"("ip", "rdns" and "auth" are no mere claims)";
    context_.diagnostics.warning(
        rule.position,
        fmt::format("{}: this rule {} it easier for whoever {}", ruleset.path,
                    easier ? "makes" : "may make",
                    by_sender ? "claims to be that sender" : "says that name in HELO"),
        by_sender ? fmt::format(R"("authenticated": true makes "from" count only where SPF passes; {})",
                                kNoClaims)
                  : kNoClaims);
  }

  std::span<const RuleKey> keys_of(const CompiledCondition& condition) const {
    return std::span(tables_->keys).subspan(condition.first, condition.count);
  }

  // The condition whose commonest value is the rarest.
  const CompiledCondition& rarest(const CompiledRule& rule, const std::vector<std::uint32_t>& uses) const {
    const CompiledCondition* rarest = nullptr;
    std::uint32_t least = 0;
    for (std::uint32_t i = rule.first; i < rule.first + rule.count; ++i) {
      const CompiledCondition& condition = tables_->conditions[i];
      std::uint32_t count = 0;
      for (const RuleKey key : keys_of(condition)) count = std::max(count, uses[key]);
      if (condition.fact == RuleFact::rdns && rule.count > 1) count += kFewRules;
      if (!rarest || count < least) rarest = &condition, least = count;
    }
    return *rarest;
  }

  void list_rules() {
    RuleTables& tables = *tables_;
    std::vector<std::uint32_t> uses(reader_.keys());
    for (const RuleKey key : tables.keys) ++uses[key];
    std::vector<std::vector<std::uint32_t>> by_key(reader_.keys());
    for (std::uint32_t i = 0; i < tables.rules.size(); ++i) {
      const CompiledRule& rule = tables.rules[i];
      const CompiledCondition& condition = rarest(rule, uses);
      for (const RuleKey key : keys_of(condition)) by_key[key].push_back(i);
      if (condition.fact == RuleFact::rdns) note_found_by_name(rule);
    }
    for (const auto& rules : by_key) {
      tables.starts.push_back(static_cast<std::uint32_t>(tables.listed.size()));
      tables.listed.insert(tables.listed.end(), rules.begin(), rules.end());
    }
    tables.starts.push_back(static_cast<std::uint32_t>(tables.listed.size()));
  }

  void note_found_by_name(const CompiledRule& rule) {
    auto& first = tables_->first_by_name[rule.ruleset];
    auto& first_of_all = tables_->first_of_all_by_name[rule.ruleset];
    first_of_all = std::min(first_of_all, rule.place);
    if (!rule.observed) first = std::min(first, rule.place);
  }

  const RuleContext& context_;
  std::shared_ptr<RuleTables> tables_;
  ConditionReader reader_;
  std::vector<const config::Ruleset*> rulesets_;  // of the tables, place by place
  std::map<std::tuple<std::vector<ReadCondition>, Proof, bool>, config::Position> seen_;
};

Node condition_schema(RuleFact fact) {
  Node text = config::text_schema();
  if (fact == RuleFact::direction) text = config::choice_schema({"inbound", "outbound"});
  config::Array values{text};
  if (fact == RuleFact::auth || fact == RuleFact::rdns)
    values.push_back(Node::object().add("type", Node::text("boolean")));
  if (fact != RuleFact::listener && fact != RuleFact::direction)
    values.push_back(Node::object()
                         .add("type", Node::text("object"))
                         .add("properties", Node::object().add("file", config::text_schema()))
                         .add("required", Node::list({Node::text("file")}))
                         .add("additionalProperties", Node::boolean(false)));
  Node one = values.size() == 1 ? text : Node::object().add("anyOf", Node::list(values));
  return Node::object().add("anyOf", Node::list({one, config::list_schema(one)}));
}

}  // namespace

config::RulesetReading rule_words() {
  config::RulesetReading words{.conditions = {}, .modifiers = {"authenticated", "mode"}};
  for (std::size_t i = 0; i < kRuleFacts; ++i)
    words.conditions.emplace_back(to_string(static_cast<RuleFact>(i)));
  return words;
}

Mode mode_of(const config::Rule& rule) {
  const auto mode = std::ranges::find(rule.modifiers, "mode", &config::Member::key);
  const auto* word = mode == rule.modifiers.end() ? nullptr : mode->value.as<std::string>();
  if (!word) return Mode::enforce;
  return *word == "observe" ? Mode::observe : *word == "off" ? Mode::off : Mode::enforce;
}

Node rule_schema() {
  Node properties = Node::object();
  for (std::size_t i = 0; i < kRuleFacts; ++i) {
    const auto fact = static_cast<RuleFact>(i);
    properties.add(std::string(to_string(fact)), condition_schema(fact));
  }
  properties.add("authenticated", Node::object().add("type", Node::text("boolean")))
      .add("mode", config::choice_schema({"enforce", "observe", "off"}))
      .add("use", Node::object());
  Node rule = Node::object()
                  .add("type", Node::text("object"))
                  .add("properties", std::move(properties))
                  .add("required", Node::list({Node::text("use")}))
                  .add("additionalProperties", Node::boolean(false));
  return Node::object()
      .add("type", Node::text("object"))
      .add("properties", Node::object().add("rules", config::list_schema(std::move(rule))))
      .add("required", Node::list({Node::text("rules")}))
      .add("additionalProperties", Node::boolean(false));
}

Rules compile_rules(const std::vector<config::Ruleset>& rulesets, const RuleContext& context) {
  if (rulesets.empty()) return {};
  Compiler compiler(context);
  for (const config::Ruleset& ruleset : rulesets) compiler.add(ruleset);
  return compiler.finish();
}

}  // namespace sallyport::policy
