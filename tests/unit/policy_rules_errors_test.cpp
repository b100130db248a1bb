// Rulesets: what is told of wrong and of useless ones.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "policy/rule_lint.h"
#include "tests/unit/policy_rules_support.h"

using namespace sallyport;
using namespace sallyport::policy;
using namespace sallyport::test;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("errors of conditions are told with their places") {
  struct Case {
    const char* conditions;
    const char* told;
  };
  for (const Case& one : {
           Case{R"("to": "a b")",
                "a.json:1:28: error: rcpt: \"to\": \"a b\" is neither an address nor a domain"},
           Case{R"("to": "<>")", "\"<>\" is neither"},
           Case{R"("from": "")", R"("<>" is the null sender)"},
           Case{R"("to": "@example.test")", R"(write "example.test")"},
           Case{R"("to": ".example.test")", R"(write "*.example.test": what is below it)"},
           Case{R"("from": "192.0.2.")", R"("ip": "192.0.2.0/24")"},
           Case{R"("from": "10.")", R"("ip": "10.0.0.0/8")"},
           Case{R"("from": "host:mx.a.test")", R"("rdns": "mx.a.test")"},
           Case{R"("from": "rdns:mx.a.test")", R"("rdns": "mx.a.test")"},
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

TEST_CASE("check tells of recipients that no rule could apply to") {
  Domains ours;
  ours.add("our.test", "r");
  RuleSite site{&ours, std::nullopt, {}, false};
  const auto told = [&](const std::string& recipient, const std::string& list = "x@our.test\n") {
    const Loaded loaded(R"({"rcpt": {"rules": [{"to": )" + recipient + R"(, "use": 1}, {"use": 5}]}})",
                        {{"conf.d/f", list}}, site);
    REQUIRE_MESSAGE(!loaded.diagnostics.has_errors(), loaded.told());
    return loaded.told();
  };
  CHECK(told(R"("anna@our.test")").empty());
  CHECK(told(R"("anna@*")").empty());
  CHECK(told(R"("postmaster")").empty());
  const auto slip = told(R"("anna@oru.test")");
  CHECK_MESSAGE(has(slip, "rcpt: \"anna@oru.test\" is in no domain of ours"), slip);
  CHECK(has(slip, "did you mean \"our.test\"?"));
  CHECK(told(R"({"file": "f"})").empty());
  const auto in_file = told(R"({"file": "f"})", "x@our.test\nanna@oru.test # c\n*.no.test\n");
  CHECK_MESSAGE(has(in_file, "conf.d/f:2:1: warning: \"anna@oru.test\" is in no domain of ours"), in_file);
  CHECK(has(in_file, "nor are 1 more of this list"));
  CHECK(has(told(R"({"file": "f"})", "# nobody\n"), "there is no entry in conf.d/f"));
  site.sends_out = true;  // it may be for outbound mail
  CHECK(told(R"("anna@oru.test")").empty());
  CHECK(is_nobodys("anna@oru.test", "thresholds.reject", site));
  CHECK(is_nobodys("anna@oru.test", "checks.rdns.missing", site));
  CHECK_FALSE(is_nobodys("anna@oru.test", "checks.malformed_header", site));
  CHECK_FALSE(is_nobodys("anna@oru.test", "lists.correspondents.mode", site));
  CHECK_FALSE(is_nobodys("anna@oru.test", "limits.rate.messages", site));
}

TEST_CASE("role addresses are spared all but what size and syntax a mail may have") {
  for (const char* path : {"checks.rdns.missing", "thresholds.reject", "lists.block", "barring.senders",
                           "limits.rate.messages", "limits.penalty.slow", "limits.harvest"})
    CHECK_MESSAGE(spares_roles(path), path);
  for (const char* path : {"checks.malformed_header", "limits.message_size", "limits.recipients"})
    CHECK_FALSE_MESSAGE(spares_roles(path), path);
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
