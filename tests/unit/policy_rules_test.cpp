// Rulesets: what conditions mean, which rule decides, what is told of useless ones.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "base/config/document.h"
#include "base/config/table.h"
#include "base/text.h"
#include "policy/rule_values.h"
#include "policy/rules_compiler.h"
#include "policy/wildcard_pattern.h"

using namespace sallyport;
using namespace sallyport::policy;
using config::Stage;

namespace {

struct Values {
  int connect = 0, helo = 0, mail = 0, rcpt = 0, other = 0;
  std::string word;
};
struct Root : Values {};

const config::Table<Root>& root_table() {
  using config::integer;
  static const auto values =
      config::Table<Values>("Values.")
          .ruled()
          .field("connect", &Values::connect, integer<int>(0, 100'000), Stage::connect, "")
          .field("helo", &Values::helo, integer<int>(0, 100'000), Stage::helo, "")
          .field("mail", &Values::mail, integer<int>(0, 100'000), Stage::mail, "")
          .field("rcpt", &Values::rcpt, integer<int>(0, 100'000), Stage::rcpt, "")
          .field("other", &Values::other, integer<int>(0, 100'000), Stage::rcpt, "")
          .field("word", &Values::word, config::text(100), Stage::rcpt, "");
  static const auto root = config::Table<Root>("Root.").include(values);
  return root;
}

// A configuration, the files that it may name, and what is told of it.
struct Loaded {
  explicit Loaded(std::string text, std::map<std::string, std::string> named = {})
      : files(std::move(named)) {
    auto node = config::parse(std::move(text), "conf.d/a.json", diagnostics);
    REQUIRE(node);
    Root root;
    config::RulesetReading reading = rule_words();
    config::Reader reader(diagnostics, &reading);
    root_table().read(*node, root, reader);
    rulesets = reading.rulesets;
    rules = compile_rules(rulesets, {{"mx", "submission"},
                                     [this](const std::string& file, const config::Position& blame) {
                                       return read(file, blame);
                                     },
                                     diagnostics});
    diagnostics.sort();
  }
  std::optional<std::string> read(const std::string& file, const config::Position& blame) {
    if (files.contains(file)) return files.at(file);
    diagnostics.error(blame, file + " is not there");
    return std::nullopt;
  }
  std::string told() const { return diagnostics.to_string(); }

  std::map<std::string, std::string> files;
  config::Diagnostics diagnostics;
  std::vector<config::Ruleset> rulesets;
  Rules rules;
};

mail::Path path(std::string_view text) {
  mail::Path path;
  REQUIRE(mail::parse_path(text, {.smtputf8 = true, .allow_bare_name = true}, path) ==
          mail::PathFault::none);
  return path;
}

// A client at RCPT.
struct Asked {
  std::string from = "a@sender.test", to = "b@ours.test", ip = "192.0.2.1", helo = "h.test";
  std::string user{}, listener = "mx";
  Direction direction = Direction::inbound;
  std::optional<std::string> rdns = "";
  Vouching vouching = Vouching::none;
  Stage stage = Stage::rcpt;
};

RuleMatch look_up(const Rules& rules, const Asked& asked) {
  const mail::Path from = path(asked.from), to = path(asked.to);
  RuleFacts facts;
  facts.stage = asked.stage;
  facts.client = *IpAddress::parse(asked.ip);
  facts.listener = asked.listener;
  facts.helo = asked.helo;
  facts.user = asked.user;
  facts.from = &from;
  facts.to = &to;
  facts.direction = asked.direction;
  facts.reverse_name = asked.rdns;
  facts.vouching = asked.vouching;
  return rules.match(facts);
}

// Whether a single rule with that condition holds.
bool holds(const std::string& conditions, const Asked& asked,
           std::map<std::string, std::string> files = {}) {
  CAPTURE(conditions);
  const Loaded loaded(R"({"rcpt": {"rules": [{)" + conditions + R"(, "use": 1}, {"use": 1}]}})", files);
  REQUIRE_MESSAGE(!loaded.diagnostics.has_errors(), loaded.told());
  return look_up(loaded.rules, asked).profile.at(0) == 0;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("addresses and domains as conditions") {
  CHECK(holds(R"("to": "b@ours.test")", {}));
  CHECK(holds(R"("to": "B@OURS.Test")", {.to = "b@Ours.test"}));
  CHECK_FALSE(holds(R"("to": "c@ours.test")", {}));
  CHECK(holds(R"("to": "ours.test")", {}));
  CHECK_FALSE(holds(R"("to": "ours.test")", {.to = "b@sub.ours.test"}));
  CHECK_FALSE(holds(R"("to": "ours.test")", {.to = "b@notours.test"}));
  CHECK(holds(R"("to": "*.ours.test")", {.to = "b@deep.sub.ours.test"}));
  CHECK_FALSE(holds(R"("to": "*.ours.test")", {}));
  CHECK(holds(R"("to": "*@ours.test")", {}));
  CHECK(holds(R"("to": "?@o*.test")", {}));
  CHECK(holds(R"("to": ["x@y.test", "ours.test"])", {}));
  CHECK(holds(R"("to": "bücher.test")", {.to = "b@xn--bcher-kva.test"}));
  CHECK(holds(R"("to": "b@bücher.test")", {.to = "b@xn--bcher-kva.test"}));
  CHECK(holds(R"("from": "<>")", {.from = ""}));
  CHECK_FALSE(holds(R"("from": "<>")", {}));
  CHECK_FALSE(holds(R"("from": "*")", {.from = ""}));
  CHECK(holds(R"("from": ["<>", "sender.test"])", {}));
  CHECK_FALSE(holds(R"("to": "ours.test")", {.to = "postmaster"}));
}

TEST_CASE("networks, names, users, listeners and directions as conditions") {
  CHECK(holds(R"("ip": "192.0.2.0/24")", {}));
  CHECK(holds(R"("ip": "192.0.2.1")", {.ip = "::ffff:192.0.2.1"}));
  CHECK_FALSE(holds(R"("ip": "192.0.2.2")", {}));
  CHECK(holds(R"("ip": ["10.0.0.0/8", "2001:db8::/32"])", {.ip = "2001:db8::5"}));
  CHECK(holds(R"("rdns": "*.provider.test")", {.rdns = "mx.Provider.test."}));
  CHECK_FALSE(holds(R"("rdns": "provider.test")", {.rdns = "mx.provider.test"}));
  CHECK(holds(R"("rdns": false)", {}));
  CHECK(holds(R"("rdns": true)", {.rdns = "x.test"}));
  CHECK(holds(R"("helo": "H.test")", {}));
  CHECK(holds(R"("helo": "[192.0.2.1]")", {.helo = "[192.0.2.1]"}));
  CHECK(holds(R"("auth": "anna")", {.user = "anna"}));
  CHECK_FALSE(holds(R"("auth": "anna")", {}));
  CHECK(holds(R"("auth": true)", {.user = "anna"}));
  CHECK_FALSE(holds(R"("auth": true)", {}));
  CHECK(holds(R"("auth": false)", {}));
  CHECK(holds(R"("listener": "submission")", {.listener = "submission"}));
  CHECK_FALSE(holds(R"("listener": "submission")", {}));
  CHECK(holds(R"("direction": "outbound")", {.direction = Direction::outbound}));
  CHECK_FALSE(holds(R"("direction": "outbound")", {}));
}

TEST_CASE("several conditions must all hold") {
  const std::string both = R"("to": "ours.test", "ip": "192.0.2.0/24")";
  CHECK(holds(both, {}));
  CHECK_FALSE(holds(both, {.ip = "198.51.100.1"}));
  CHECK_FALSE(holds(both, {.to = "b@other.test"}));
}

TEST_CASE("list files as conditions") {
  const std::map<std::string, std::string> files{
      {"conf.d/lists/partners", "# partners\nsender.test\n*.big.test\none@small.test\n"},
      {"conf.d/lists/networks", "10.0.0.0/8\n2001:db8::/32\n"}};
  CHECK(holds(R"("from": {"file": "lists/partners"})", {}, files));
  CHECK(holds(R"("from": {"file": "lists/partners"})", {.from = "x@mail.big.test"}, files));
  CHECK_FALSE(holds(R"("from": {"file": "lists/partners"})", {.from = "two@small.test"}, files));
  CHECK(holds(R"("from": ["other.test", {"file": "lists/partners"}])", {.from = "x@other.test"}, files));
  CHECK(holds(R"("ip": {"file": "lists/networks"})", {.ip = "10.9.8.7"}, files));
  CHECK_FALSE(holds(R"("ip": {"file": "lists/networks"})", {}, files));
  const Loaded broken(R"({"rcpt": {"rules": [{"from": {"file": "x"}, "use": 1}, {"use": 2}]}})",
                      {{"conf.d/x", "good.test\n\n not an address\n"}});
  CHECK(has(broken.told(), "conf.d/x:3:2: error: \"not an address\" is neither"));
  const Loaded missing(R"({"rcpt": {"rules": [{"from": {"file": "x"}, "use": 1}, {"use": 2}]}})");
  CHECK(has(missing.told(), "conf.d/a.json:1:39: error: conf.d/x is not there"));
}

TEST_CASE("the first rule that holds decides, ruleset by ruleset") {
  const Loaded loaded(R"({
    "rcpt": {"rules": [{"to": "b@ours.test", "use": 1}, {"to": "ours.test", "use": 2}, {"use": 3}]},
    "other": {"rules": [{"to": "x.test", "use": 1},
                        {"to": "*", "use": 2}, {"use": 3}]},
    "connect": {"rules": [{"ip": "192.0.2.0/24", "use": 1}, {"use": 3}]}})");
  REQUIRE_MESSAGE(loaded.told().empty(), loaded.told());
  CHECK(look_up(loaded.rules, {}).profile == Profile{0, 1, 0});
  CHECK(look_up(loaded.rules, {.to = "c@ours.test"}).profile == Profile{1, 1, 0});
  CHECK(look_up(loaded.rules, {.to = "c@x.test", .ip = "10.0.0.1"}).profile == Profile{2, 0, 1});
  // At connect nobody asks for what is read later.
  CHECK(look_up(loaded.rules, {.stage = Stage::connect}).profile == Profile{2, 2, 0});
  const auto matched = loaded.rules.matched(Profile{0, 2, 0});
  REQUIRE(matched.size() == 2);
  CHECK(matched[0].path == "rcpt");
  CHECK(matched[0].place == "conf.d/a.json:2");
  CHECK(matched[1].path == "connect");
}

TEST_CASE("rules that only observe, and rules that are off") {
  const Loaded loaded(R"({"rcpt": {"rules": [
    {"to": "ours.test", "mode": "off", "use": 0},
    {"to": "ours.test", "mode": "observe", "use": 1},
    {"ip": "192.0.2.1", "use": 2}, {"use": 3}]}})");
  REQUIRE_MESSAGE(loaded.told().empty(), loaded.told());
  const auto match = look_up(loaded.rules, {});
  CHECK(match.profile == Profile{2});
  CHECK(match.would_be == Profile{1});
  CHECK(look_up(loaded.rules, {.to = "x@y.test"}).would_be == Profile{2});
}

TEST_CASE("a sender is believed as far as it is vouched for") {
  struct Case {
    const char* rule;
    Vouching vouching;
    bool holds;
  };
  using enum Vouching;
  // Looser than the last rule's 5: a number is a limit.
  const char* usual = R"("from": "sender.test", "use": 9)";
  const char* demanded = R"("from": "sender.test", "authenticated": true, "use": 9)";
  const char* claimed = R"("from": "sender.test", "authenticated": false, "use": 9)";
  const char* stricter = R"("from": "sender.test", "use": 1)";
  for (const Case& one : {
           Case{usual, spf, true},
           Case{usual, own, true},
           Case{usual, none, true},
           Case{usual, against, false},
           Case{demanded, spf, true},
           Case{demanded, own, true},
           Case{demanded, none, false},
           Case{demanded, against, false},
           Case{claimed, against, true},
           Case{stricter, against, true},
       }) {
    CAPTURE(one.rule);
    CAPTURE(static_cast<int>(one.vouching));
    const Loaded loaded(R"({"rcpt": {"rules": [{)" + std::string(one.rule) + R"(}, {"use": 5}]}})");
    REQUIRE(!loaded.diagnostics.has_errors());
    CHECK((look_up(loaded.rules, {.vouching = one.vouching}).profile == Profile{0}) == one.holds);
  }
}

TEST_CASE("what is not known yet is missed only where it could matter") {
  const Loaded loaded(R"({"rcpt": {"rules": [
    {"to": "first@ours.test", "use": 1},
    {"rdns": "*.pool.test", "use": 2},
    {"to": "second@ours.test", "use": 3},
    {"from": "sender.test", "to": "third@ours.test", "use": 9}, {"use": 5}]}})");
  const auto missing = [&](const Asked& asked) {
    std::string out;
    for (const auto& key : look_up(loaded.rules, asked).missing) out += to_string(key.check);
    return out;
  };
  CHECK(missing({.to = "first@ours.test", .rdns = std::nullopt, .vouching = Vouching::pending}).empty());
  CHECK(missing({.to = "second@ours.test", .rdns = std::nullopt, .vouching = Vouching::pending}) == "rdns");
  CHECK(missing({.to = "third@ours.test", .rdns = "mx.pool.test", .vouching = Vouching::pending}).empty());
  CHECK(missing({.to = "third@ours.test", .vouching = Vouching::pending}) == "spf_mailfrom");
  CHECK(missing({.rdns = "x.test", .vouching = Vouching::pending}).empty());
  CHECK(loaded.rules.needs(mail::Check::rdns));
  CHECK(loaded.rules.needs(mail::Check::spf_mailfrom));
  CHECK_FALSE(loaded.rules.needs(mail::Check::helo));
}

TEST_CASE("what the checks found becomes facts of rules") {
  const auto fact = [](mail::Check check, mail::Finding finding, std::string detail = {}) {
    return mail::Fact{.key = {check}, .finding = finding, .detail = std::move(detail)};
  };
  mail::Evidence evidence;
  RuleFacts facts;
  add_evidence(facts, evidence);
  CHECK(facts.reverse_name == "");
  CHECK(facts.vouching == Vouching::none);
  evidence.pending = {{mail::Check::rdns}, {mail::Check::spf_mailfrom}};
  add_evidence(facts, evidence);
  CHECK_FALSE(facts.reverse_name);
  CHECK(facts.vouching == Vouching::pending);
  evidence.known = {fact(mail::Check::rdns, mail::Finding::rdns_generic, "pool.test"),
                    fact(mail::Check::spf_mailfrom, mail::Finding::spf_pass)};
  add_evidence(facts, evidence);
  CHECK(facts.reverse_name == "pool.test");
  CHECK(facts.vouching == Vouching::spf);
  evidence.known = {fact(mail::Check::rdns, mail::Finding::rdns_mismatch, "claimed.test"),
                    fact(mail::Check::spf_mailfrom, mail::Finding::spf_temperror)};
  add_evidence(facts, evidence);
  CHECK(facts.reverse_name == "");
  CHECK_FALSE(facts.name_failed);
  CHECK(facts.vouching == Vouching::against);
  CHECK(facts.spf_failed);
  auto anybody = fact(mail::Check::spf_mailfrom, mail::Finding::spf_pass);
  anybody.open = true;
  evidence.known = {fact(mail::Check::rdns, mail::Finding::rdns_temporary, "claimed.test"), anybody};
  add_evidence(facts, evidence);
  CHECK(facts.reverse_name == "");
  CHECK(facts.name_failed);
  CHECK(facts.vouching == Vouching::against);
  CHECK_FALSE(facts.spf_failed);
}

TEST_CASE("of what failed to be looked up, each rule may hold that waits for it") {
  const Loaded loaded(R"({"rcpt": {"rules": [
    {"to": "first@ours.test", "use": 1},
    {"rdns": "*.pool.test", "use": 2},
    {"to": "second@ours.test", "rdns": "mx.test", "use": 3},
    {"to": "second@ours.test", "use": 4},
    {"from": "sender.test", "authenticated": true, "use": 9}, {"use": 5}]},
   "other": {"rules": [{"ip": "192.0.2.1", "rdns": "*.pool.test", "use": 1}, {"use": 2}]}})");
  REQUIRE(!loaded.diagnostics.has_errors());
  const auto others = [&](std::string to, bool name_failed, bool spf_failed) {
    const mail::Path from = path("a@sender.test"), rcpt = path(to);
    RuleFacts facts;
    facts.stage = Stage::rcpt;
    facts.client = *IpAddress::parse("192.0.2.1");
    facts.from = &from;
    facts.to = &rcpt;
    facts.vouching = Vouching::against;
    facts.name_failed = name_failed;
    facts.spf_failed = spf_failed;
    auto found = loaded.rules.others(facts).profiles;
    std::ranges::sort(found);
    return found;
  };
  using Profiles = std::vector<Profile>;
  CHECK(others("first@ours.test", false, false) == Profiles{});
  CHECK(others("first@ours.test", false, true) == Profiles{});
  CHECK(others("first@ours.test", true, true) == Profiles{{0, 0}});
  CHECK(others("second@ours.test", true, false) == Profiles{{1, 0}, {1, 1}, {2, 1}, {3, 0}});
  CHECK(others("third@ours.test", false, true) == Profiles{{4, 1}});
  CHECK(others("third@ours.test", true, true) == Profiles{{1, 0}, {1, 1}, {4, 1}, {5, 0}});
  const Loaded nameless(R"({"rcpt": {"rules": [{"rdns": false, "use": 1}, {"use": 5}]}})");
  RuleFacts facts;
  facts.stage = Stage::rcpt;
  facts.name_failed = true;
  CHECK(nameless.rules.match(facts).profile == Profile{0});
  const auto found = nameless.rules.others(facts).profiles;
  CHECK(std::ranges::find(found, Profile{1}) != found.end());
}

TEST_CASE("errors of conditions are told with their places") {
  struct Case {
    const char* conditions;
    const char* told;
  };
  for (const Case& one : {
           Case{R"("to": "a b")",
                "a.json:1:28: error: rcpt: \"to\": \"a b\" is neither an address nor a domain"},
           Case{R"("to": "<>")", "\"<>\" is neither"},
           Case{R"("to": 5)", "\"to\" is no 5"},
           Case{R"("to": [])", "this list may not be empty"},
           Case{R"("to": ["x.test", 7])", "a.json:1:39: error"},
           Case{R"("to": {"fle": "x"})", R"({"file": "lists/partners"})"},
           Case{R"("ip": "10.0.0.5/8")", "\"10.0.0.5/8\" is no network"},
           Case{R"("helo": "a b")", "no host name"},
           Case{R"("auth": "")", "is no user"},
           Case{R"("listener": "mxx")", "did you mean \"mx\"?"},
           Case{R"("direction": "inwards")", "is no direction"},
           Case{R"("to": true)", "\"to\" is no true"},
           Case{R"("to": "x.test", "authenticated": true)", "no \"from\" in this rule"},
           Case{R"("from": "x.test", "authenticated": 1)", "\"authenticated\" is true or false, not 1"},
           Case{R"("to": "x.test", "mode": "watch")", "the mode of a rule is no \"watch\""},
       }) {
    CAPTURE(one.conditions);
    const Loaded loaded(R"({"rcpt": {"rules": [{)" + std::string(one.conditions) +
                        R"(, "use": 1}, {"use": 1}]}})");
    CHECK(loaded.diagnostics.has_errors());
    CHECK_MESSAGE(has(loaded.told(), one.told), loaded.told());
  }
}

TEST_CASE("a condition on what is not known at the value's stage names both") {
  struct Case {
    const char* field;
    const char* condition;
    const char* told;
  };
  for (const Case& one : {
           Case{"connect", R"("to": "x.test")",
                "\"to\" is known from rcpt on, but connect is read at connect"},
           Case{"connect", R"("helo": "x.test")", "\"helo\" is known from helo on"},
           Case{"helo", R"("from": "x.test")", "\"from\" is known from mail on, but helo is read at helo"},
           Case{"mail", R"("direction": "inbound")", "\"direction\" is known from rcpt on"},
           Case{"mail", R"("rdns": "x.test")", "\"rdns\" is known from rcpt on"},
           Case{"connect", R"("ip": "10.0.0.1")", ""},
           Case{"helo", R"("helo": "x.test")", ""},
           Case{"mail", R"("auth": "x")", ""},
       }) {
    CAPTURE(one.condition);
    const Loaded loaded(R"({")" + std::string(one.field) + R"(": {"rules": [{)" + one.condition +
                        R"(, "use": 1}, {"use": 1}]}})");
    CHECK(loaded.diagnostics.has_errors() == (*one.told != '\0'));
    CHECK_MESSAGE(has(loaded.told(), one.told), loaded.told());
  }
}

TEST_CASE("rules that do nothing, and rules that believe anybody, are told of") {
  const auto told = [](const std::string& rules) {
    const Loaded loaded(R"({"rcpt": {"rules": [)" + rules + R"(, {"use": 5}]}})");
    REQUIRE_FALSE(loaded.diagnostics.has_errors());
    return loaded.told();
  };
  CHECK(has(told(R"({"to": ["a.test", "b.test"], "use": 1}, {"to": ["b.test", "a.test"], "use": 2})"),
            "warning: rcpt: this rule is never reached"));
  CHECK(told(R"({"to": "a.test", "use": 1}, {"to": "a.test", "ip": "10.0.0.1", "use": 2})").empty());
  const char* easier = "makes it easier for whoever claims to be that sender";
  CHECK(has(told(R"({"from": "a.test", "use": 9})"), easier));
  CHECK(has(told(R"({"from": "a.test", "authenticated": false, "to": "b.test", "use": 9})"), easier));
  CHECK(has(told(R"({"helo": "a.test", "use": 9})"), easier));
  // What everybody can meet proves nothing either.
  for (const char* nobody : {R"("auth": false)", R"("rdns": false)", R"("ip": "0.0.0.0/0")"})
    CHECK(has(told(fmt::format(R"({{"from": "a.test", {}, "use": 9}})", nobody)), easier));
  CHECK(told(R"({"from": "a.test", "auth": true, "use": 9})").empty());
  CHECK(told(R"({"from": "a.test", "authenticated": true, "use": 9})").empty());
  CHECK(told(R"({"from": "a.test", "ip": "10.0.0.1", "use": 9})").empty());
  CHECK(told(R"({"from": "a.test", "use": 2})").empty());
  CHECK(told(R"({"to": "a.test", "use": 9})").empty());
}

// -- the index against one rule after the other ----------------------------------------------------------

namespace {

struct RandomRule {
  std::vector<std::pair<RuleFact, std::vector<std::string>>> conditions;
  Proof proof = Proof::none;
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
    }
    const Loaded loaded(written(rules));
    REQUIRE_MESSAGE(!loaded.diagnostics.has_errors(), loaded.told());
    for (int i = 0; i < 60; ++i) {
      const Asked asked = world.asked();
      const auto first =
          std::ranges::find_if(rules, [&](const auto& rule) { return holds_in_turn(rule, asked); });
      const auto expected = static_cast<std::uint32_t>(first - rules.begin());
      CAPTURE(seed);
      CAPTURE(i);
      REQUIRE(look_up(loaded.rules, asked).profile == Profile{expected});
      // With facts pending: what is found is final, or says what is missing.
      Asked early = asked;
      early.rdns.reset();
      early.vouching = Vouching::pending;
      const auto match = look_up(loaded.rules, early);
      if (match.missing.empty()) REQUIRE(match.profile == Profile{expected});
    }
  }
}
