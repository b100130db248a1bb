// Rulesets: the index against one rule after the other.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "base/text.h"
#include "policy/rule_values.h"
#include "policy/wildcard_pattern.h"
#include "tests/unit/policy_rules_support.h"

using namespace sallyport;
using namespace sallyport::policy;
using namespace sallyport::test;

namespace {

struct RandomRule {
  std::vector<std::pair<RuleFact, std::vector<std::string>>> conditions;
  Proof proof = Proof::none;
  bool observed = false;
};

bool meets(RuleFact fact, const std::string& written, const Asked& asked) {
  const auto matches = [&](const std::string& text) {
    return !text.empty() &&
           wildcard_matches(std::get<std::string>(read_rule_value(fact, written)), to_lower(text));
  };
  switch (fact) {
    case RuleFact::from:
      return written == "<>" ? asked.from.empty() : matches(asked.from);
    case RuleFact::to:
      return matches(asked.to);
    case RuleFact::ip:
      return Network::parse(written)->contains(*IpAddress::parse(asked.ip));
    case RuleFact::rdns:
      return matches(*asked.rdns);
    case RuleFact::helo:
      return matches(asked.helo);
    case RuleFact::auth:
      return matches(asked.user);
    case RuleFact::listener:
      return written == asked.listener;
    case RuleFact::direction:
      return (written == "inbound") == (asked.direction == Direction::inbound);
  }
  return false;
}

bool holds_in_turn(const RandomRule& rule, const Asked& asked) {
  for (const auto& [fact, values] : rule.conditions)
    if (std::ranges::none_of(values, [&](const auto& value) { return meets(fact, value, asked); }))
      return false;
  if (rule.proof == Proof::none || asked.vouching == Vouching::own || asked.vouching == Vouching::spf)
    return true;
  return rule.proof == Proof::where_published && asked.vouching == Vouching::none;
}

// The first that holds: of those that act, or of all.
std::uint32_t first_of(const std::vector<RandomRule>& rules, const Asked& asked, bool of_all) {
  const auto first = std::ranges::find_if(
      rules, [&](const auto& rule) { return (of_all || !rule.observed) && holds_in_turn(rule, asked); });
  return static_cast<std::uint32_t>(first - rules.begin());
}

class World {
 public:
  explicit World(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
  }
  std::string one_of(std::initializer_list<const char*> words) {
    return *(words.begin() + below(words.size()));
  }

  std::string value(RuleFact fact) {
    switch (fact) {
      case RuleFact::from:
        return one_of(
            {"<>", "a@x.test", "b@x.test", "x.test", "*.x.test", "y.test", "?@x.test", "*", "*a*@*"});
      case RuleFact::to:
        return one_of({"a@x.test", "b@x.test", "x.test", "*.x.test", "y.test", "a@*.test", "*"});
      case RuleFact::ip:
        return one_of({"10.0.0.0/8", "10.1.0.0/16", "10.1.1.1", "2001:db8::/32", "0.0.0.0/0"});
      case RuleFact::rdns:
      case RuleFact::helo:
        return one_of({"mx.x.test", "*.x.test", "*", "*.test", "mx.y.test"});
      case RuleFact::auth:
        return one_of({"anna", "bert", "*n*"});
      case RuleFact::listener:
        return one_of({"mx", "submission"});
      case RuleFact::direction:
        return one_of({"inbound", "outbound"});
    }
    return {};
  }

  RandomRule rule() {
    RandomRule rule;
    for (std::size_t fact = 0; fact < kRuleFacts; ++fact) {
      if (below(4) != 0) continue;
      std::vector<std::string> values;
      for (std::size_t i = 0, count = 1 + below(3); i < count; ++i)
        values.push_back(value(static_cast<RuleFact>(fact)));
      rule.conditions.emplace_back(static_cast<RuleFact>(fact), values);
    }
    if (rule.conditions.empty())
      rule.conditions.emplace_back(RuleFact::to, std::vector{value(RuleFact::to)});
    return rule;
  }

  Asked asked() {
    Asked out;
    out.from = one_of({"", "a@x.test", "b@x.test", "c@sub.x.test", "a@y.test"});
    out.to = one_of({"a@x.test", "b@x.test", "c@sub.x.test", "a@y.test"});
    out.ip = one_of({"10.1.1.1", "10.1.2.3", "10.9.9.9", "2001:db8::1", "192.0.2.1"});
    out.helo = one_of({"mx.x.test", "mx.y.test", "localhost"});
    out.rdns = one_of({"", "mx.x.test", "mx.y.test"});
    out.user = one_of({"", "anna", "bert"});
    out.listener = one_of({"mx", "submission"});
    out.direction = below(2) == 0 ? Direction::inbound : Direction::outbound;
    out.vouching = static_cast<Vouching>(1 + below(4));
    return out;
  }

 private:
  std::mt19937 random_;
};

std::string written(const std::vector<RandomRule>& rules) {
  std::string out;
  for (const RandomRule& rule : rules) {
    out += "{";
    for (const auto& [fact, values] : rule.conditions) {
      out += fmt::format(R"("{}": [)", to_string(fact));
      for (const auto& value : values)
        out += fmt::format(R"({}"{}")", &value == &values.front() ? "" : ", ", value);
      out += "], ";
      if (fact == RuleFact::from && rule.proof != Proof::where_published)
        out += fmt::format(R"("authenticated": {}, )", rule.proof == Proof::always);
    }
    if (rule.observed) out += "\"mode\": \"observe\", ";
    out += "\"use\": \"x\"}, ";
  }
  return R"({"word": {"rules": [)" + out + R"({"use": "last"}]}})";
}

}  // namespace

TEST_CASE("property: by index the same rule is found as by trying one after the other") {
  for (unsigned seed = 0; seed < 60; ++seed) {
    World world(seed);
    std::vector<RandomRule> rules(1 + world.below(seed < 30 ? 12 : 120));
    for (RandomRule& rule : rules) {
      rule = world.rule();
      if (rule.conditions.front().first == RuleFact::from) rule.proof = static_cast<Proof>(world.below(3));
      rule.observed = seed % 2 == 1 && world.below(3) == 0;
    }
    const Loaded loaded(written(rules));
    REQUIRE_MESSAGE(!loaded.diagnostics.has_errors(), loaded.told());
    for (int i = 0; i < 60; ++i) {
      const Asked asked = world.asked();
      const std::uint32_t acting = first_of(rules, asked, false), would_be = first_of(rules, asked, true);
      CAPTURE(seed);
      CAPTURE(i);
      REQUIRE(look_up(loaded.rules, asked).profile == Profile{acting});
      REQUIRE(look_up(loaded.rules, asked).would_be == Profile{would_be});
      // With facts pending: what is found is final, or says what is missing.
      Asked early = asked;
      early.rdns.reset();
      early.vouching = Vouching::pending;
      const auto match = look_up(loaded.rules, early);
      if (!match.missing.empty()) continue;
      REQUIRE(match.profile == Profile{acting});
      REQUIRE(match.would_be == Profile{would_be});
    }
  }
}
