// Rulesets: what conditions mean, which rule decides, what is told of useless ones.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "tests/unit/policy_rules_support.h"

using namespace sallyport;
using namespace sallyport::policy;
using namespace sallyport::test;
using config::Stage;

namespace {

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
  // At connect no rule holds by what is known later.
  CHECK(look_up(loaded.rules, {.stage = Stage::connect}).profile == Profile{2, 2, 0});
  const auto matched = loaded.rules.matched(Profile{0, 2, 0});
  REQUIRE(matched.size() == 2);
  CHECK(matched[0].path == "rcpt");
  CHECK(matched[0].place == "conf.d/a.json:2");
  CHECK(matched[0].condition == R"({"to": "b@ours.test"})");
  CHECK(matched[0].value == "1");
  CHECK(matched[1].path == "connect");
}

TEST_CASE("a value that is read twice is read first by what is known then") {
  const Loaded loaded(R"({"rcpt": {"rules": [
    {"direction": "inbound", "use": 1}, {"auth": false, "use": 2}, {"rdns": "*", "use": 3},
    {"to": "b@ours.test", "ip": "192.0.2.0/24", "use": 4}, {"ip": "192.0.2.0/24", "use": 5}, {"use": 6}]}})");
  REQUIRE(!loaded.diagnostics.has_errors());
  const auto early = look_up(loaded.rules, {.rdns = std::nullopt, .stage = Stage::connect});
  CHECK(early.profile == Profile{4});
  CHECK(early.missing.empty());
  CHECK(look_up(loaded.rules, {}).profile == Profile{0});
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
    {"from": "sender.test", "to": "third@ours.test", "use": 9},
    {"from": "sender.test", "to": "fourth@ours.test", "helo": "h.test", "rdns": "mx.test", "use": 9}, {"use": 5}]}})");
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
  // Of two, first the one that comes first.
  CHECK(missing({.to = "fourth@ours.test", .rdns = std::nullopt, .vouching = Vouching::pending}) == "rdns");
  CHECK(loaded.rules.needs(mail::Check::rdns));
  CHECK(loaded.rules.needs(mail::Check::spf_mailfrom));
  CHECK_FALSE(loaded.rules.needs(mail::Check::helo));
}

TEST_CASE("a rule that only observes waits for what it needs as one that acts") {
  const Loaded loaded(R"({"rcpt": {"rules": [
    {"to": "first@ours.test", "use": 1},
    {"rdns": "*.pool.test", "to": ["first@ours.test", "second@ours.test"], "mode": "observe", "use": 2},
    {"from": "sender.test", "to": "third@ours.test", "mode": "observe", "use": 9}, {"use": 5}]},
   "other": {"rules": [{"to": "fourth@ours.test", "use": 1},
                       {"to": "fifth@ours.test", "mode": "observe", "use": 1},
                       {"rdns": "*.pool.test", "mode": "observe", "use": 2}, {"use": 3}]}})");
  REQUIRE(!loaded.diagnostics.has_errors());
  const auto missing = [&](std::string to, Stage stage = Stage::rcpt) {
    std::string out;
    for (const auto& key :
         look_up(loaded.rules,
                 {.to = std::move(to), .rdns = std::nullopt, .vouching = Vouching::pending, .stage = stage})
             .missing)
      out += to_string(key.check);
    return out;
  };
  CHECK(missing("first@ours.test") == "rdns");
  CHECK(missing("third@ours.test") == "rdnsspf_mailfrom");
  CHECK(missing("third@ours.test", Stage::mail).empty());
  CHECK(missing("fourth@ours.test").empty());
  // Another that observes holds before it.
  CHECK(missing("fifth@ours.test").empty());
  // What only observes is no other way in which mail could be judged.
  const mail::Path from = path("a@sender.test"), to = path("third@ours.test");
  RuleFacts failed;
  failed.stage = Stage::rcpt;
  failed.from = &from;
  failed.to = &to;
  failed.vouching = Vouching::against;
  failed.name_failed = failed.spf_failed = true;
  CHECK(loaded.rules.others(failed).profiles.empty());
}

TEST_CASE("what is shown of a rule is bounded, and harmless") {
  std::string many = "\"first@ours.test\"";
  for (int i = 0; i < 1000; ++i) many += fmt::format(", \"user{}@ours.test\"", i);
  const Loaded loaded(
      R"({"word": {"rules": [{"to": [)" + many +
      R"(], "use": "a \"b\""}, {"from": "<>", "mode": "observe", "use": "x"}, {"use": "y"}]}})");
  REQUIRE_MESSAGE(loaded.told().empty(), loaded.told());
  const auto words = loaded.rules.matched(Profile{0}).at(0);
  CHECK(words.condition.starts_with(R"({"to": ["first@ours.test", "user0@ours.test", )"));
  CHECK(words.condition.ends_with("..."));
  CHECK(words.condition.size() <= 203);
  CHECK(words.value == R"("a \"b\"")");
  CHECK(loaded.rules.matched(Profile{1}).at(0).condition == R"({"from": "<>", "mode": "observe"})");
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
  auto several = fact(mail::Check::rdns, mail::Finding::rdns_confirmed, "a.test");
  several.more_names = {"b.test"};
  several.in_doubt = true;
  evidence.known = {several};
  add_evidence(facts, evidence);
  CHECK(facts.reverse_name == "a.test");
  CHECK(facts.more_names == std::vector<std::string>{"b.test"});
  CHECK(facts.name_failed);
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

TEST_CASE(
    "of what failed to be looked up, each rule may hold that waits for it, and with it those that do") {
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
  CHECK(others("second@ours.test", true, false) == Profiles{{1, 0}, {2, 1}});
  CHECK(others("third@ours.test", false, true) == Profiles{{4, 1}});
  CHECK(others("third@ours.test", true, true) == Profiles{{1, 0}, {4, 1}});
  const Loaded nameless(R"({"rcpt": {"rules": [{"rdns": false, "use": 1}, {"use": 5}]}})");
  RuleFacts facts;
  facts.stage = Stage::rcpt;
  facts.name_failed = true;
  CHECK(nameless.rules.match(facts).profile == Profile{0});
  const auto found = nameless.rules.others(facts).profiles;
  CHECK(std::ranges::find(found, Profile{1}) != found.end());
}

// A rule for the true name in each of two rulesets, and a stricter one for another name in front of one.
TEST_CASE("of what failed to be looked up, rules of several rulesets may hold at once") {
  const Loaded loaded(R"({
    "rcpt": {"rules": [{"rdns": "*.bad.test", "use": 3}, {"rdns": "*.good.test", "use": 8}, {"use": 5}]},
    "other": {"rules": [{"rdns": "*.good.test", "use": 1}, {"use": 2}]}})");
  REQUIRE(!loaded.diagnostics.has_errors());
  RuleFacts facts;
  facts.stage = Stage::rcpt;
  facts.name_failed = true;
  auto others = loaded.rules.others(facts);
  std::ranges::sort(others.profiles);
  CHECK(others.profiles == std::vector<Profile>{{0, 0}, {0, 1}, {1, 0}});
  CHECK_FALSE(others.more);
}

TEST_CASE("of what failed to be looked up, not more is told than can be judged") {
  std::string rules;
  for (int name = 0; name < 40; ++name) rules += fmt::format(R"({{"rdns": "n{}.test", "use": 1}}, )", name);
  const Loaded loaded(R"({"rcpt": {"rules": [)" + rules + R"({"use": 5}]}})");
  RuleFacts facts;
  facts.stage = Stage::rcpt;
  facts.name_failed = true;
  CHECK(loaded.rules.others(facts).more);
  facts.name_failed = false;
  CHECK_FALSE(loaded.rules.others(facts).more);
}

TEST_CASE("each of several reverse names counts") {
  const Loaded loaded(R"({"rcpt": {"rules": [{"rdns": "*.good.test", "use": 1}, {"use": 2}]}})");
  RuleFacts facts;
  facts.stage = Stage::rcpt;
  facts.reverse_name = "h.other.test";
  CHECK(loaded.rules.match(facts).profile == Profile{1});
  facts.more_names = {"x.test", "MX.good.test."};
  CHECK(loaded.rules.match(facts).profile == Profile{0});
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
           Case{R"("to": 5)", "\"to\" cannot be 5"},
           Case{R"("to": [])", "this list may not be empty"},
           Case{R"("to": ["x.test", 7])", "a.json:1:39: error"},
           Case{R"("to": {"fle": "x"})", R"({"file": "lists/partners"})"},
           Case{R"("listener": {"file": "x"})", "\"listener\" cannot be an object"},
           Case{R"("from": "lists/partners")", R"({"file": "lists/partners"}, one entry a line)"},
           Case{R"("recipient": "x.test")", R"(did you mean "to"?)"},
           Case{R"("subject": "x")", "known are from, to, ip, rdns, helo, auth, listener, direction"},
           Case{R"("ip": "10.0.0.5/8")", "\"10.0.0.5/8\" is no network"},
           Case{R"("helo": "a b")", "no host name"},
           Case{R"("auth": "")", "is no user"},
           Case{R"("listener": "mxx")", "did you mean \"mx\"?"},
           Case{R"("direction": "inwards")", "is no direction"},
           Case{R"("to": true)", "\"to\" cannot be true"},
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
  // What is said in HELO is no sender, and no SPF of a sender proves it.
  const auto of_helo = told(R"({"helo": "a.test", "use": 9})");
  CHECK(has(of_helo, "makes it easier for whoever says that name in HELO"));
  CHECK_FALSE(has(of_helo, "authenticated"));
  CHECK(told(R"({"from": "a.test", "authenticated": true, "helo": "a.test", "use": 9})").empty());
  // What everybody can meet proves nothing either.
  for (const char* nobody : {R"("auth": false)", R"("rdns": false)", R"("ip": "0.0.0.0/0")"})
    CHECK(has(told(fmt::format(R"({{"from": "a.test", {}, "use": 9}})", nobody)), easier));
  CHECK(told(R"({"from": "a.test", "auth": true, "use": 9})").empty());
  CHECK(told(R"({"from": "a.test", "authenticated": true, "use": 9})").empty());
  CHECK(told(R"({"from": "a.test", "ip": "10.0.0.1", "use": 9})").empty());
  CHECK(told(R"({"from": "a.test", "use": 2})").empty());
  CHECK(told(R"({"to": "a.test", "use": 9})").empty());
}

TEST_CASE("errors of all rules are told at once, whatever is wrong with one of them") {
  const Loaded loaded(R"({"rcpt": {"rules": [
    {"to": "a.test", "use": "x"},
    {"to": "b.test", "mode": "test", "use": 1},
    {"from": "@", "use": 1},
    {"to": "c.test"},
    {"use": 2}]}})");
  for (const char* told :
       {"a.json:2:29: error: rcpt: expected an integer", "a.json:3:30: error: rcpt: the mode of a rule",
        "a.json:4:14: error: rcpt: \"from\": \"@\"", "a.json:5:5: error: rcpt: \"use\" is missing"})
    CHECK_MESSAGE(has(loaded.told(), told), loaded.told());
  // Whom it speaks of is missing, not the last rule.
  const Loaded everybody(R"({"rcpt": {"rules": [
    {"authenticated": true, "use": 50},
    {"use": 2}]}})");
  CHECK(everybody.diagnostics.all().size() == 1);
  CHECK_MESSAGE(
      has(everybody.told(), "a.json:2:6: error: rcpt: \"authenticated\" in a rule without a condition"),
      everybody.told());
}

TEST_CASE("check tells of rules that an earlier one holds for already") {
  const auto told = [](const std::string& rules, const std::string& list = "") {
    const Loaded loaded(R"({"rcpt": {"rules": [)" + rules + R"(, {"use": 5}]}})", {{"conf.d/list", list}},
                        RuleSite{});
    REQUIRE_FALSE(loaded.diagnostics.has_errors());
    return loaded.told();
  };
  const auto reached = [&](const std::string& earlier, const std::string& later,
                           const std::string& list = "") {
    return !has(told("{" + earlier + R"(, "use": 4}, {)" + later + R"(, "use": 3})", list),
                "this rule is never reached");
  };
  CHECK(has(told(R"({"to": "our.test", "use": 1}, {"to": "anna@our.test", "use": 2})"),
            R"(an earlier one holds wherever it does: {"to": "our.test"} (conf.d/a.json:1))"));
  struct Case {
    const char *earlier, *later;
    bool reached;
  };
  for (const Case& one : {
           Case{R"("to": "our.test")", R"("to": "anna@our.test", "ip": "10.0.0.1")", false},
           Case{R"("to": "our.test", "ip": "10.0.0.1")", R"("to": "anna@our.test")", true},
           Case{R"("to": "anna@our.test")", R"("to": "our.test")", true},
           Case{R"("to": ["our.test", "other.test"])", R"("to": ["anna@our.test", "b@other.test"])", false},
           Case{R"("to": ["our.test", "other.test"])", R"("to": ["anna@our.test", "b@third.test"])", true},
           Case{R"("to": "*@*.our.test")", R"("to": "x.our.test")", false},
           Case{R"("to": "*.our.test")", R"("to": "our.test")", true},
           Case{R"("ip": "10.0.0.0/8")", R"("ip": ["10.1.0.0/16", "10.2.2.2"])", false},
           Case{R"("ip": "10.1.0.0/16")", R"("ip": "10.0.0.0/8")", true},
           Case{R"("auth": true)", R"("auth": "anna")", false},
           Case{R"("auth": false)", R"("auth": "anna")", true},
           Case{R"("to": {"file": "list"})", R"("to": "anna@our.test")", false},
           Case{R"("to": {"file": "list"})", R"("to": "our.test")", true},
           // Who needs no proof comes first; who does, lets others through.
           Case{R"("from": "a.test", "authenticated": false)", R"("from": "a.test", "to": "b.test")",
                false},
           Case{R"("from": "a.test", "authenticated": true)", R"("from": "a.test", "to": "b.test")", true},
           Case{R"("to": "our.test", "mode": "observe")", R"("to": "anna@our.test")", true},
           Case{R"("to": "our.test")", R"("to": "anna@our.test", "mode": "observe")", false},
           Case{R"("to": "our.test", "mode": "off")", R"("to": "anna@our.test")", true},
       }) {
    CAPTURE(one.earlier);
    CAPTURE(one.later);
    CHECK(reached(one.earlier, one.later, "anna@our.test\n") == one.reached);
  }
  // Another ruleset has rules of its own.
  const Loaded two(R"({"rcpt": {"rules": [{"to": "our.test", "use": 1}, {"use": 2}]},
                       "other": {"rules": [{"to": "anna@our.test", "use": 1}, {"use": 2}]}})",
                   {}, RuleSite{});
  CHECK(two.told().empty());
}

TEST_CASE("check tells of conditions that nobody can meet") {
  Domains ours;
  ours.add("our.test", "r");
  const RuleSite site{&ours, std::vector<std::string>{"anna", "ben"}};
  const auto told = [&](const std::string& conditions, const RuleSite& of) {
    const Loaded loaded(R"({"rcpt": {"rules": [{)" + conditions + R"(, "use": 1}, {"use": 5}]}})", {}, of);
    REQUIRE_MESSAGE(!loaded.diagnostics.has_errors(), loaded.told());
    return loaded.told();
  };
  struct Case {
    const char *conditions, *told;
  };
  for (const Case& one : {
           Case{R"("direction": "inbound", "to": "no.test")",
                "this rule never holds: no domain in \"to\" is ours"},
           Case{R"("direction": "inbound", "to": ["no.test", "a@our.test"])", ""},
           Case{R"("direction": "inbound", "to": "joe@*")", ""},
           Case{R"("direction": "inbound", "to": "*.no.test")", "never holds"},
           Case{R"("direction": "outbound", "to": "a@our.test")", "every domain in \"to\" is ours"},
           Case{R"("direction": "outbound", "to": "no.test")", ""},
           Case{R"("direction": ["inbound", "outbound"], "to": "no.test")", ""},
           Case{R"("auth": "carl")", "a.json:1:30: warning: rcpt: nobody logs in as \"carl\""},
           Case{R"("auth": "yes")", R"("auth": true is anybody who has logged in)"},
           Case{R"("auth": "bem")", "did you mean \"ben\"?"},
           Case{R"("auth": ["Anna", "b*"])", ""},
           Case{R"("rdns": "203.0.113.1")", R"("ip": "203.0.113.1")"},
           Case{R"("rdns": "1.example.test")", ""},
           Case{R"("to": "/.*@spam[0-9]+\\.example$/")",
                "is read as a pattern, not as a regular expression"},
           Case{R"("helo": "^mail")", "not as a regular expression"},
           Case{R"("to": "sales.*@our.test")", ""},
       }) {
    CAPTURE(one.conditions);
    const std::string what = told(one.conditions, site);
    CHECK_MESSAGE((*one.told ? has(what, one.told) : what.empty()), what);
  }
  // Below a wildcard of ours may be anything.
  Domains wide;
  wide.add("*.our.test", "r");
  CHECK(told(R"("direction": "inbound", "to": "x.our.test")", {&wide, std::nullopt}).empty());
  CHECK(told(R"("auth": "carl")", {&ours, std::nullopt}).empty());
  CHECK(has(told(R"("auth": "anna")", {&ours, std::vector<std::string>{}}), "nobody logs in"));
}
