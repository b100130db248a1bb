// Rulesets: what conditions mean, and which rule decides. What is told of wrong ones:
// policy_rules_errors_test.cpp.
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
  CHECK(holds(R"("to": "?ÖRG@ours.test")", {.to = "jörg@ours.test"}));
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
  for (const char* of_any : {R"("rdns": false)", R"("rdns": true)", R"("rdns": "*")"})
    CHECK_FALSE(holds(of_any, {.name_is_asked = false}));
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

TEST_CASE("a rule for somebody is gone around by no detail of his address") {
  const Loaded loaded(R"({"rcpt": {"rules": [{"to": "joe@ours.test", "use": 1}, {"use": 5}]}})");
  const mail::Path from = path("a@sender.test"), to = path("joe+x@ours.test");
  RuleFacts facts;
  facts.stage = Stage::rcpt;
  facts.from = &from;
  facts.to = &to;
  CHECK(loaded.rules.match(facts).profile == Profile{1});
  facts.to_mailbox = "joe@ours.test";
  CHECK(loaded.rules.match(facts).profile == Profile{0});
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

TEST_CASE("a rule that only lacks somebody who vouches for the sender is told, where it would decide") {
  const Loaded loaded(R"({"rcpt": {"rules": [
    {"from": "other.test", "use": 8}, {"from": "sender.test", "use": 9},
    {"from": "*@sender.test", "use": 7}, {"to": "second@ours.test", "use": 6},
    {"from": "sender.test", "mode": "observe", "use": 9}, {"use": 5}]},
   "other": {"rules": [{"to": "ours.test", "use": 9}, {"from": "sender.test", "use": 8}, {"use": 5}]}})");
  REQUIRE_MESSAGE(!loaded.diagnostics.has_errors(), loaded.told());
  const auto unproven = [&](const Asked& asked) { return look_up(loaded.rules, asked).unproven; };
  const std::vector<RulePlace> second{{0, 1}};
  CHECK(unproven({.vouching = Vouching::against}) == second);
  CHECK(unproven({.to = "second@ours.test", .vouching = Vouching::against}) == second);
  CHECK(unproven({.vouching = Vouching::spf}).empty());
  CHECK(unproven({.vouching = Vouching::pending}).empty());
  CHECK(unproven({.from = "a@else.test", .vouching = Vouching::against}).empty());
  const auto match = look_up(loaded.rules, {.vouching = Vouching::against});
  REQUIRE(loaded.rules.unproven(match).size() == 1);
  CHECK(loaded.rules.unproven(match).front().condition == R"({"from": "sender.test"})");
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
  for (const View view : {View::acting, View::would_be}) {
    CHECK(loaded.rules.needs(mail::Check::rdns, view));
    CHECK(loaded.rules.needs(mail::Check::spf_mailfrom, view));
    CHECK_FALSE(loaded.rules.needs(mail::Check::helo, view));
  }
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
