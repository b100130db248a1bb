#include "policy/rule_lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/config/suggestion.h"
#include "base/text.h"
#include "policy/rule_values.h"
#include "policy/sender_entry.h"
#include "policy/wildcard_pattern.h"

namespace sallyport::policy {
namespace {

using config::Node;
using Texts = std::vector<const Node*>;

// -- conditions that nobody can meet ----------------------------------------------------------------------

// The texts of a condition; none where anything else is among them (a file, true, false).
Texts texts_of(const Node& value) {
  if (value.as<std::string>()) return {&value};
  Texts texts;
  const auto* list = value.as<config::Array>();
  for (const Node& node : list ? std::span(*list) : std::span<const Node>()) {
    if (!node.as<std::string>()) return {};
    texts.push_back(&node);
  }
  return texts;
}

// The domains of an address pattern, as a pattern: "*@*.example.com" and "*.example.com" alike.
std::string domains_of(std::string_view written) {
  const auto value = read_rule_value(RuleFact::to, written);
  const auto* pattern = std::get_if<std::string>(&value);
  return pattern ? pattern->substr(pattern->rfind('@') + 1) : std::string();
}

bool may_be_ours(const std::string& domains, const Domains& ours) {
  if (domains == "postmaster" || !ours.below().empty()) return true;
  if (is_literal_pattern(domains)) return ours.find(domains) != nullptr;
  return std::ranges::any_of(ours.exact(),
                             [&](const auto& one) { return wildcard_matches(domains, one.first); });
}

bool may_be_foreign(const std::string& domains, const Domains& ours) {
  return !is_literal_pattern(domains) || (domains != "postmaster" && !ours.find(domains));
}

bool is_regular_expression(std::string_view text) {
  constexpr std::array<std::string_view, 5> signs{"\\.", "[0-9", "[a-z", "[A-Z", "\\d"};
  const bool in_slashes = text.starts_with('/') && text.find('/', 1) != std::string_view::npos;
  return in_slashes || text.starts_with('^') || text.starts_with(".*") ||
         std::ranges::any_of(signs, [&](std::string_view sign) { return text.contains(sign); });
}

class ConditionLint {
 public:
  ConditionLint(const config::Ruleset& ruleset, const config::Rule& rule, const RuleContext& context)
      : path_(ruleset.path), rule_(rule), context_(context) {}

  void run() {
    look_at_direction();
    for (const config::Member& condition : rule_.conditions) {
      const Texts texts = texts_of(condition.value);
      if (condition.key == to_string(RuleFact::auth)) look_at_users(texts);
      if (condition.key == to_string(RuleFact::to) && !find(RuleFact::direction)) look_at_recipients(texts);
      if (condition.key == to_string(RuleFact::rdns)) look_at_names(texts);
      if (condition.key == to_string(RuleFact::to) && spares_roles(path_)) look_at_roles(texts);
      for (const Node* text : texts) look_for_expressions(*text);
    }
  }

 private:
  void warn(const config::Position& position, const std::string& what, std::string hint) {
    context_.diagnostics.warning(position, fmt::format("{}: {}", path_, what), std::move(hint));
  }

  const config::Member* find(RuleFact fact) const {
    const auto found = std::ranges::find(rule_.conditions, to_string(fact), &config::Member::key);
    return found == rule_.conditions.end() ? nullptr : &*found;
  }

  void look_at_direction() {
    const config::Member* direction = find(RuleFact::direction);
    const config::Member* to = find(RuleFact::to);
    if (!direction || !to || !context_.site.domains) return;
    const Texts directions = texts_of(direction->value), recipients = texts_of(to->value);
    if (directions.size() != 1 || recipients.empty()) return;
    const bool inbound = *directions.front()->as<std::string>() == "inbound";
    const auto may_be = [&](const Node* text) {
      const std::string domains = domains_of(*text->as<std::string>());
      return (inbound ? may_be_ours : may_be_foreign)(domains, *context_.site.domains);
    };
    if (std::ranges::any_of(recipients, may_be)) return;
    warn(to->value.position,
         fmt::format("this rule never holds: {} in \"to\" is ours, and \"direction\" is \"{}\"",
                     inbound ? "no domain" : "every domain", inbound ? "inbound" : "outbound"),
         "\"domains\" has those that are ours; mail to others is \"outbound\"");
  }

  void look_at_recipients(const Texts& texts) {
    for (const Node* text : texts)
      if (const auto& written = *text->as<std::string>(); is_nobodys(written, path_, context_.site))
        warn(text->position,
             fmt::format("\"{}\" is in no domain of ours, and this rule does nothing for it",
                         printable(written, 80)),
             hint_for_recipient(written, context_.site));
  }

  void look_at_users(const Texts& texts) {
    if (!context_.site.users) return;
    const auto& users = *context_.site.users;
    for (const Node* text : texts) {
      const auto& written = *text->as<std::string>();
      const auto is_meant = [&](const std::string& user) { return wildcard_matches(written, user); };
      if (std::ranges::any_of(users, is_meant)) continue;
      warn(text->position, fmt::format("nobody logs in as \"{}\"", printable(written, 80)),
           hint_for_user(written));
    }
  }

  std::string hint_for_user(const std::string& written) const {
    constexpr std::array<std::string_view, 5> anybody{"yes", "true", "any", "anybody", "all"};
    if (std::ranges::find(anybody, to_lower(written)) != anybody.end())
      return R"("auth": true is anybody who has logged in, false whoever has not)";
    std::string hint = config::did_you_mean(written, *context_.site.users);
    return hint.empty() ? "the file that \"users\" names has those who can" : hint;
  }

  void look_at_names(const Texts& texts) {
    for (const Node* text : texts)
      if (const auto& written = *text->as<std::string>(); Network::parse(written))
        warn(text->position, fmt::format("\"{}\" is an address, and no reverse name is one", written),
             fmt::format(R"("ip": "{}")", written));
  }

  void look_at_roles(const Texts& texts) {
    for (const Node* text : texts)
      if (const auto& written = *text->as<std::string>(); is_role_entry(written, context_.site.role_names))
        warn(text->position,
             fmt::format("\"{}\" is a role address: its mail is taken whatever this value is, "
                         "and this rule does nothing for it",
                         printable(written, 80)),
             "take it out; sizes hold for role addresses too, and \"role_names\" has those that are some");
  }

  void look_for_expressions(const Node& text) {
    const auto& written = *text.as<std::string>();
    if (is_regular_expression(written))
      warn(text.position,
           fmt::format("\"{}\" is read as a pattern, not as a regular expression", printable(written, 80)),
           "* is one or more characters, ? one, $ a letter, % a digit: \"*@spam%.example\"");
  }

  const std::string& path_;
  const config::Rule& rule_;
  const RuleContext& context_;
};

// -- rules behind others that hold wherever they do
// ---------------------------------------------------------

constexpr std::size_t kMostComparisons = 5'000'000;

class ReachLint {
 public:
  ReachLint(const RuleTables& tables, const std::vector<KeyMeaning>& meanings)
      : tables_(tables), meanings_(meanings) {}

  // The first of the rules before it, of its ruleset, that holds wherever it does.
  const CompiledRule* cover_of(std::span<const CompiledRule> before, const CompiledRule& rule) {
    for (const CompiledRule& earlier : before)
      if (covers(earlier, rule)) return &earlier;
    return nullptr;
  }

 private:
  std::span<const CompiledCondition> conditions(const CompiledRule& rule) const {
    return std::span(tables_.conditions).subspan(rule.first, rule.count);
  }
  std::span<const RuleKey> keys(const CompiledCondition& condition) const {
    return std::span(tables_.keys).subspan(condition.first, condition.count);
  }

  bool covers(const CompiledRule& earlier, const CompiledRule& rule) {
    if (earlier.proof > rule.proof || (earlier.observed && !rule.observed)) return false;
    return std::ranges::all_of(conditions(earlier), [&](const CompiledCondition& wide) {
      return std::ranges::any_of(conditions(rule), [&](const CompiledCondition& narrow) {
        return narrow.fact == wide.fact && covers(wide, narrow);
      });
    });
  }

  bool covers(const CompiledCondition& wide, const CompiledCondition& narrow) {
    return std::ranges::all_of(keys(narrow), [&](RuleKey one) {
      return std::ranges::any_of(keys(wide), [&](RuleKey other) {
        if (one == other) return true;
        if (comparisons_left_ == 0) return false;
        --comparisons_left_;
        return meanings_[other].covers(meanings_[one]);
      });
    });
  }

  const RuleTables& tables_;
  const std::vector<KeyMeaning>& meanings_;
  std::size_t comparisons_left_ = kMostComparisons;
};

}  // namespace

// What is found out about strangers counts for mail to us alone, for they may send to nobody else.
bool is_nobodys(std::string_view recipient, std::string_view path, const RuleSite& site) {
  if (!site.domains || may_be_ours(domains_of(recipient), *site.domains)) return false;
  const bool of_strangers = path.starts_with("thresholds.") ||
                            (path.starts_with("checks.") && path != "checks.malformed_header") ||
                            (path.starts_with("lists.") && !path.starts_with("lists.correspondents."));
  return of_strangers || !site.sends_out;
}

bool spares_roles(std::string_view path) {
  constexpr std::array<std::string_view, 7> spared{
      "thresholds.", "lists.", "barring.", "checks.", "limits.rate.", "limits.penalty.", "limits.harvest"};
  return path != "checks.malformed_header" &&
         std::ranges::any_of(spared, [&](std::string_view name) { return path.starts_with(name); });
}

std::string hint_for_recipient(std::string_view recipient, const RuleSite& site) {
  std::vector<std::string> names;
  for (const auto& [name, route] : site.domains->exact()) names.push_back(name);
  std::string hint = config::did_you_mean(recipient.substr(recipient.rfind('@') + 1), names);
  return hint.empty() ? "\"domains\" has those that are ours" : hint;
}

void lint_conditions(const config::Ruleset& ruleset, const config::Rule& rule, const RuleContext& context) {
  ConditionLint(ruleset, rule, context).run();
}

bool KeyMeaning::covers(const KeyMeaning& other) const {
  switch (kind) {
    case Kind::pattern:
      return other.kind == Kind::pattern && wildcard_covers(pattern, other.pattern);
    case Kind::network:
      return other.kind == Kind::network && network.prefix128() <= other.network.prefix128() &&
             network.contains(other.network.base());
    case Kind::file: {
      constexpr int kOneAddress = 128;
      if (other.kind == Kind::network)
        return other.network.prefix128() == kOneAddress && file->networks.contains(other.network.base());
      return other.kind == Kind::pattern && is_literal_pattern(other.pattern) &&
             file->texts.last_match(other.pattern) != 0;
    }
    case Kind::anybody:
      return other.kind == Kind::pattern || other.kind == Kind::file;
    case Kind::nobody:
      return false;
  }
  return false;
}

void lint_reach(const RuleTables& tables, const std::vector<KeyMeaning>& meanings,
                const std::vector<const config::Ruleset*>& rulesets, config::Diagnostics& diagnostics) {
  ReachLint lint(tables, meanings);
  const std::span<const CompiledRule> all = tables.rules;
  std::size_t begin = 0;  // of the ruleset
  for (std::size_t at = 0; at < all.size(); ++at) {
    const CompiledRule& rule = all[at];
    if (rule.ruleset != all[begin].ruleset) begin = at;
    const CompiledRule* earlier = lint.cover_of(all.subspan(begin, at - begin), rule);
    if (!earlier) continue;
    const config::Ruleset& ruleset = *rulesets[rule.ruleset];
    const MatchedRule& words = tables.words[rule.ruleset][earlier->place];
    diagnostics.warning(
        ruleset.rules[rule.place].position, fmt::format("{}: this rule is never reached", ruleset.path),
        fmt::format("an earlier one holds wherever it does: {} ({})", words.condition, words.place));
  }
}

}  // namespace sallyport::policy
