// Rulesets from conf.d to the values by which somebody is treated.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "proxy/settings.h"
#include "proxy/treatment.h"
#include "tests/unit/conf_d.h"
#include "tests/unit/source_tree.h"

using namespace sallyport;
using namespace sallyport::proxy;
using namespace std::chrono_literals;
using sallyport::test::ConfD;

namespace {

constexpr const char* kSite = R"({
  "hostname": "mx.site.test",
  "domains": {"site.test": {"route": "r"}, "strict.test": {"route": "r"}},
  "routes": {"r": {"hosts": ["10.0.0.1:25"]}},
  "role_mailbox": "it@site.test",
  "listeners": {"mx": {"bind": ["127.0.0.1:2525"], "tls": "none"},
                "inside": {"bind": ["127.0.0.1:2526"], "tls": "none"}}})";

struct Loaded {
  Loaded(ConfD& conf, const std::string& rules) {
    conf.file("10-site.json", kSite).file("20-rules.json", rules);
    settings = load(conf.path(), {}, diagnostics);
  }
  std::string told() const { return diagnostics.to_string(); }

  std::shared_ptr<const Treatment> treatment(const std::string& to,
                                             const std::string& ip = "192.0.2.1") const {
    mail::Path from, recipient;
    REQUIRE(mail::parse_path("a@sender.test", {}, from) == mail::PathFault::none);
    REQUIRE(mail::parse_path(to, {}, recipient) == mail::PathFault::none);
    policy::RuleFacts facts;
    facts.stage = config::Stage::data;
    facts.client = *IpAddress::parse(ip);
    facts.from = &from;
    facts.to = &recipient;
    return settings->treatment(settings->rules.match(facts).profile);
  }

  config::Diagnostics diagnostics;
  std::shared_ptr<const Settings> settings;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("values of every section follow the rules that hold") {
  ConfD conf;
  conf.file("lists/usual", "*@spam.test\n").file("lists/strict", "*@spam.test\n*@ham.test\n");
  const Loaded loaded(conf, R"({
    "thresholds": {"reject": {"rules": [{"to": "strict.test", "use": 2}, {"use": 7}]}},
    "checks": {
      "rdns": {"missing": {"rules": [{"to": "strict.test", "use": "reject"}, {"use": {"score": 1}}]},
               "mode": {"rules": [{"to": "watch@site.test", "use": "observe"}, {"use": "enforce"}]}},
      "spf": {"mode": {"rules": [{"to": "strict.test", "use": "enforce"}, {"use": "off"}]},
              "helo_fail": {"rules": [{"to": "strict.test", "use": "ignore"}, {"use": "reject"}]}},
      "dnsbl": {"zones": {"bl.test": {
        "codes": {"rules": [{"to": "strict.test", "use": {"127.0.0.2": 9}}, {"use": {"127.0.0.2": 3}}]},
        "mode": {"rules": [{"to": "strict.test", "use": "enforce"}, {"use": "observe"}]}}}}},
    "limits": {"message_size": {"rules": [{"to": "strict.test", "use": "1MB"}, {"use": "10MB"}]},
               "header_size": {"rules": [{"ip": "192.0.2.0/24", "use": "16KB"}, {"use": "64KB"}]}},
    "barring": {"senders": {"rules": [{"to": "strict.test", "use": "lists/strict"}, {"use": "lists/usual"}]}}})");
  REQUIRE_MESSAGE(loaded.settings, loaded.told());
  CHECK(loaded.told() == "");
  const auto strict = loaded.treatment("x@strict.test"),
             usual = loaded.treatment("x@site.test", "10.0.0.1");
  using mail::Check;
  using mail::Finding;
  using policy::Outcome;
  CHECK(strict->policy->checks.reject_at == 2);
  CHECK(usual->policy->checks.reject_at == 7);
  CHECK(strict->policy->checks.outcome(Check::rdns, Finding::rdns_missing) == Outcome::rejected());
  CHECK(usual->policy->checks.outcome(Check::rdns, Finding::rdns_missing) == Outcome::points(1));
  CHECK(strict->policy->checks.mode(Check::spf_helo) == Mode::enforce);
  CHECK(usual->policy->checks.mode(Check::spf_helo) == Mode::off);
  CHECK(loaded.treatment("watch@site.test")->policy->checks.mode(Check::rdns) == Mode::observe);
  CHECK(strict->policy->checks.lists.at(0).most() == 9);
  CHECK(usual->policy->checks.lists.at(0).most() == 3);
  CHECK(strict->policy->barring.senders.bars("a@ham.test"));
  CHECK_FALSE(usual->policy->barring.senders.bars("a@ham.test"));
  CHECK(strict->limits.message_size == 1'000'000);
  CHECK(strict->limits.header_size == 16'000);
  CHECK(usual->limits.header_size == 64'000);
  // What is one for all is one.
  CHECK(&strict->policy->domains.exact() == &loaded.settings->policy->domains.exact());
  // What is needed before anybody knows the recipient.
  CHECK(loaded.settings->asked().mode(Check::spf_mailfrom) == Mode::enforce);
  CHECK(loaded.settings->policy->checks.mode(Check::spf_mailfrom) == Mode::off);
  CHECK(loaded.settings->asked().lists.at(0).mode == Mode::enforce);
  CHECK(loaded.settings->most_octets() == 10'000'000);
}

TEST_CASE("a network in \"from\" is the client's, and no claim") {
  ConfD conf;
  const Loaded loaded(conf, R"({"thresholds": {"reject": {"rules": [
      {"from": ["10.0.0.0/8", "192.0.2.9"], "use": 9}, {"from": "192.0.2.9", "ip": "192.0.2.0/24", "use": 8},
      {"use": 5}]}}})");
  REQUIRE_MESSAGE(loaded.settings, loaded.told());
  CHECK_FALSE(has(loaded.told(), "20-rules.json"));
  CHECK(loaded.treatment("a@site.test", "10.1.1.1")->policy->checks.reject_at == 9);
  CHECK(loaded.treatment("a@site.test", "192.0.2.9")->policy->checks.reject_at == 9);
  CHECK(loaded.treatment("a@site.test", "192.0.2.1")->policy->checks.reject_at == 5);
}

TEST_CASE("networks among senders, or in a file of senders, are told where they belong") {
  ConfD conf;
  conf.file("lists/mixed", "partner.test\n10.0.0.0/8 # ours\n").file("lists/nets", "192.0.2.1\n");
  const Loaded inline_network(
      conf,
      R"({"thresholds": {"reject": {"rules": [{"from": ["a.test", "10.0.0.0/8"], "use": 9}, {"use": 5}]}}})");
  CHECK(has(inline_network.told(), "\"10.0.0.0/8\" is a network, which is of the client"));
  for (const char* list : {"mixed", "nets"}) {
    const Loaded loaded(
        conf,
        fmt::format(
            R"({{"thresholds": {{"reject": {{"rules": [{{"from": {{"file": "lists/{}"}}, "use": 9}}, {{"use": 5}}]}}}}}})",
            list));
    CHECK_FALSE(loaded.settings);
    CHECK(has(loaded.told(), "is a network, which is of the client, and stands among senders"));
    CHECK(has(loaded.told(), R"("ip": {"file": "..."} for a file of networks)"));
  }
}

TEST_CASE("equal profiles are one treatment, which names its rules") {
  ConfD conf;
  const Loaded loaded(conf, R"({"thresholds": {"reject": {"rules": [
    {"to": ["strict.test", "a@site.test"], "use": 2},
    {"use": 7}]}}})");
  REQUIRE_MESSAGE(loaded.settings, loaded.told());
  const auto strict = loaded.treatment("x@strict.test");
  CHECK(strict == loaded.treatment("a@site.test"));
  CHECK(strict != loaded.treatment("b@site.test"));
  REQUIRE(strict->matched.size() == 1);
  CHECK(strict->matched.front().path == "thresholds.reject");
  CHECK(strict->matched.front().place == conf.path() + "/20-rules.json:2");
  CHECK(loaded.treatment("b@site.test")->matched.empty());
}

TEST_CASE("without rules the settings themselves are the treatment") {
  ConfD conf;
  const Loaded loaded(conf, "{}");
  REQUIRE_MESSAGE(loaded.settings, loaded.told());
  CHECK(loaded.treatment("x@strict.test").get() == loaded.settings.get());
  CHECK(&loaded.settings->asked() == &loaded.settings->policy->checks);
}

TEST_CASE("at connect only what is known there decides") {
  ConfD conf;
  const Loaded loaded(conf, R"({
    "limits": {"errors": {"rules": [{"listener": "inside", "use": 99}, {"ip": "10.0.0.0/8", "use": 50},
                                    {"use": 5}]}},
    "checks": {"early_talker": {"wait": {"rules": [{"ip": "10.0.0.0/8", "use": "0s"}, {"use": "3s"}]}}},
    "thresholds": {"reject": {"rules": [{"to": "strict.test", "use": 2}, {"use": 7}]}}})");
  REQUIRE_MESSAGE(loaded.settings, loaded.told());
  const auto at = [&](const char* ip, const char* listener) {
    return treated_at_connect(*loaded.settings, *IpAddress::parse(ip), listener).acting;
  };
  CHECK(at("192.0.2.1", "mx")->limits.errors == 5);
  CHECK(at("192.0.2.1", "inside")->limits.errors == 99);
  CHECK(at("10.0.0.9", "mx")->limits.errors == 50);
  CHECK(at("10.0.0.9", "mx")->early_talkers.wait == Duration::zero());
  CHECK(at("10.0.0.9", "mx")->policy->checks.reject_at == 7);
}

TEST_CASE("what is waited for, counted and called generic at connect follows rules") {
  ConfD conf;
  conf.file("lists/pools", "pool\n").file("lists/customers", "cust\n");
  const Loaded loaded(conf, R"({
    "limits": {"sessions": {"rules": [{"ip": "10.0.0.0/8", "use": 900}, {"use": 800}]},
               "penalty": {"half_life": {"rules": [{"ip": "10.0.0.0/8", "use": "10m"}, {"use": "1h"}]},
                           "remember": {"rules": [{"ip": "10.0.0.0/8", "use": "1d"}, {"use": "36d"}]}}},
    "checks": {
      "rdns": {"generic_names": {"rules": [{"listener": "inside", "use": "lists/customers"}, {"use": "lists/pools"}]}},
      "dnsbl": {"timeout": {"rules": [{"ip": "10.0.0.0/8", "use": "1s"}, {"use": "3s"}]},
                "good_timeout": {"rules": [{"ip": "10.0.0.0/8", "use": "100ms"}, {"use": "600ms"}]},
                "zones": {"bl.test": {"codes": {"127.0.0.2": 5}}, "wl.test": {"codes": {"127.0.0.2": -5}},
                          "slow.test": {"codes": {"127.0.0.2": 5},
                                        "timeout": {"rules": [{"ip": "10.1.0.0/16", "use": "4s"}, {"use": "5s"}]}}}}}})");
  REQUIRE_MESSAGE(loaded.settings, loaded.told());
  CHECK(loaded.told() == "");
  const auto at = [&](const char* ip, const char* listener = "mx") {
    return treated_at_connect(*loaded.settings, *IpAddress::parse(ip), listener).acting;
  };
  const auto waits = [&](const char* ip) {
    std::vector<Duration> out;
    for (const auto& list : at(ip)->policy->checks.lists) out.push_back(list.timeout);
    return out;
  };
  CHECK(waits("192.0.2.1") == std::vector<Duration>{3s, 600ms, 5s});
  CHECK(waits("10.0.0.1") == std::vector<Duration>{1s, 100ms, 5s});
  CHECK(waits("10.1.0.1") == std::vector<Duration>{1s, 100ms, 4s});
  CHECK(loaded.settings->lists.at(2).timeout == Duration(5s));  // of the watch's tests
  CHECK(at("10.0.0.1")->limits.sessions == 900);
  CHECK(at("192.0.2.1")->limits.sessions == 800);
  CHECK(at("10.0.0.1")->limits.penalty.half_life == Duration(10min));
  CHECK(at("10.0.0.1")->limits.penalty.remember == Duration(24h));
  CHECK(loaded.treatment("a@site.test", "10.0.0.1")->limits.penalty.half_life == Duration(10min));
  const auto is_generic = [](const std::shared_ptr<const Treatment>& treatment, const char* name) {
    return treatment->policy->generic_names.matches(name, *IpAddress::parse("192.0.2.1"));
  };
  CHECK(is_generic(at("192.0.2.1"), "pool7.isp.test"));
  CHECK_FALSE(is_generic(at("192.0.2.1"), "cust7.isp.test"));
  CHECK(is_generic(at("192.0.2.1", "inside"), "cust7.isp.test"));
}

TEST_CASE("what only rules need is asked, and does not count") {
  ConfD conf;
  const Loaded loaded(conf, R"({
    "checks": {"rdns": {"mode": "off"}, "spf": {"mode": "off"}},
    "limits": {"recipients": {"rules": [{"rdns": "*.partner.test", "use": 5000},
                                        {"from": "partner.test", "ip": "192.0.2.1", "use": 3000}, {"use": 100}]}}})");
  REQUIRE_MESSAGE(loaded.settings, loaded.told());
  CHECK(loaded.settings->asked().mode(mail::Check::rdns) == Mode::observe);
  CHECK(loaded.settings->asked().mode(mail::Check::spf_mailfrom) == Mode::observe);
  CHECK(loaded.settings->policy->checks.mode(mail::Check::rdns) == Mode::off);
  CHECK(loaded.settings->most_recipients() == 5000);
}

TEST_CASE("allow and block lists follow the rules that hold, and every one of them is read at load") {
  ConfD conf;
  conf.file("lists/usual", "usual.test\n")
      .file("lists/strict", "strict.test\n")
      .file("lists/bad", "a b c\n");
  const std::string strict = R"({"to": "strict.test", "use": )", usual = R"({"use": )";
  const auto ruled = [&](const std::string& key, const std::string& one, const std::string& other) {
    return "\"" + key + R"(": {"rules": [)" + strict + one + "}, " + usual + other + "}]}";
  };
  const Loaded loaded(conf, R"({"lists": {)" + ruled("allow", "\"\"", R"("lists/usual")") + ", " +
                                ruled("block", R"("lists/strict")", R"("lists/usual")") + ", " +
                                ruled("block_mode", R"("enforce")", R"("observe")") + "}}");
  REQUIRE_MESSAGE(loaded.settings, loaded.told());
  const auto lists = [&](const char* to) { return loaded.treatment(to)->policy->sender_lists; };
  CHECK_FALSE(lists("x@strict.test").allow);
  REQUIRE(lists("x@site.test").allow);
  CHECK(lists("x@site.test").allow->find("usual.test"));
  CHECK(lists("x@strict.test").block->find("strict.test"));
  CHECK(lists("x@site.test").block->find("usual.test"));
  CHECK(lists("x@strict.test").block_mode == Mode::enforce);
  CHECK(lists("x@site.test").block_mode == Mode::observe);
  CHECK(loaded.settings->policy->sender_lists.block_files.size() == 2);
  const Loaded broken(conf, R"({"lists": {)" + ruled("allow", R"("lists/bad")", "\"\"") + "}}");
  CHECK_FALSE(broken.settings);
  CHECK(has(broken.told(), "lists/bad:1"));
}

TEST_CASE("errors of rules refuse the configuration, files that they name included") {
  ConfD conf;
  const auto told = [&](const std::string& rules) {
    const Loaded loaded(conf, rules);
    CHECK_FALSE(loaded.settings);
    return loaded.told();
  };
  CHECK(has(
      told(R"({"barring": {"senders": {"rules": [{"to": "site.test", "use": "lists/no"}, {"use": ""}]}}})"),
      "20-rules.json:1:63: error: "));
  CHECK(has(
      told(
          R"({"limits": {"sessions_per_address": {"rules": [{"to": "site.test", "use": 5}, {"use": 6}]}}})"),
      "\"to\" is known from rcpt on, but limits.sessions_per_address is read at connect"));
  CHECK(has(told(R"({"thresholds": {"reject": {"rules": [{"listener": "mxx", "use": 5}, {"use": 6}]}}})"),
            "did you mean \"mx\"?"));
  CHECK(has(told(R"({"timeouts": {"relay": {"rules": [{"use": "5s"}]}}})"),
            "timeouts.relay: this takes no ruleset, but a duration"));
}

TEST_CASE("check warns of values that do little, and of rules that do nothing") {
  ConfD conf;
  conf.file("lists/users", "anna:$6$abcdefgh$abcdefghijklmnopqrstuvwxyz\n");
  const auto told = [&](const std::string& text, bool lint = true) {
    config::Diagnostics diagnostics;
    conf.file("10-site.json", kSite).file("20-rules.json", text);
    const auto settings = load(conf.path(), {.lint = lint}, diagnostics);
    CHECK_MESSAGE(settings, diagnostics.to_string());
    return diagnostics.to_string();
  };
  const char* above = R"({"thresholds": {"reject": 3,
    "doubtful": 9}})";
  CHECK(has(told(above), "20-rules.json:2:17: warning: thresholds.doubtful: above thresholds.reject"));
  CHECK(told(above, false).empty());
  CHECK(told(R"({"thresholds": {"reject": 3, "doubtful": 9}, "checks": {"greylist": {"apply": "all"}}})")
            .empty());
  const std::string by_rule =
      told(R"({"thresholds": {"doubtful": {"rules": [{"to": "site.test", "use": 9}, {"use": 1}]}}})");
  CHECK_MESSAGE(has(by_rule, "20-rules.json:1:40: warning: thresholds.doubtful"), by_rule);
  CHECK(has(told(R"({"limits": {"penalty": {"slow_at": 80, "refuse_at": 10}}})"),
            "limits.penalty.slow_at: above refuse_at"));
  CHECK(told(R"({"limits": {"penalty": {"slow_at": 80, "refuse_at": 0}}})").empty());
  CHECK(has(told(R"({"checks": {"greylist": {"delay": "0s", "window": "10s"}}})"),
            "checks.greylist.window: many"));
  CHECK(has(told(R"({"checks": {"greylist": {"remember": "1m"}}})"), "checks.greylist.remember: "));
  CHECK(has(told(R"({"limits": {"message_size": "2KB", "penalty": {"half_life": "1s"}}})"),
            "limits.message_size: "));
  CHECK(has(told(R"({"dns": {"budget": "100ms"}})"), "dns.budget: "));
  CHECK(has(told(R"({"thresholds": {"reject": {"rules": [{"to": "strict.test", "use": 2},
      {"to": "a@strict.test", "use": 3}, {"to": "no.test", "direction": "inbound", "use": 4},
      {"auth": "carl", "use": 3}, {"use": 5}]}}})"),
            "this rule is never reached"));
  CHECK(has(
      told(
          R"({"users": "lists/users", "thresholds": {"reject": {"rules": [{"auth": ["anna", "carl"], "use": 2}, {"use": 5}]}}})"),
      "nobody logs in as \"carl\""));
}

TEST_CASE("check warns of role addresses in rules by which nothing becomes of them") {
  ConfD conf;
  conf.file("lists/usual", "spam@site.test\n").file("lists/strict", "*@spam.test\nabuse@*\n");
  const auto told = [&](const std::string& text) {
    config::Diagnostics diagnostics;
    conf.file("10-site.json", kSite).file("20-rules.json", text);
    const auto settings = load(conf.path(), {.lint = true}, diagnostics);
    CHECK_MESSAGE(settings, diagnostics.to_string());
    return diagnostics.to_string();
  };
  const std::string threshold = told(R"({"thresholds": {"reject": {"rules": [
      {"to": ["anna@site.test", "Postmaster@site.test"], "use": 1}, {"use": 5}]}}})");
  CHECK_MESSAGE(
      has(threshold, "20-rules.json:2:33: warning: thresholds.reject: \"Postmaster@site.test\" is a role"),
      threshold);
  CHECK(has(
      told(
          R"({"checks": {"rdns": {"missing": {"rules": [{"to": "abuse@*", "use": "reject"}, {"use": "ignore"}]}}}})"),
      "checks.rdns.missing: \"abuse@*\" is a role address"));
  CHECK(
      told(
          R"({"limits": {"message_size": {"rules": [{"to": "abuse@site.test", "use": "90MB"}, {"use": "50MB"}]}}})")
          .empty());
  CHECK(told(R"({"thresholds": {"reject": {"rules": [{"to": "anna@site.test", "use": 1}, {"use": 5}]}}})")
            .empty());
  const std::string barred = told(R"({"barring": {"recipients": {"rules": [
      {"to": "site.test", "use": "lists/usual"},
      {"ip": "192.0.2.0/24", "use": "lists/strict"}, {"use": ""}]}}})");
  CHECK_MESSAGE(
      has(barred,
          "lists/strict:2:1: warning: abuse@*: mail to role addresses is taken, whatever this line says "
          "(barring.recipients, by the rule at "),
      barred);
  CHECK(has(barred, "20-rules.json:3:7)"));
}

TEST_CASE("keys that others have, or that stand elsewhere, are told where they belong") {
  ConfD conf;
  const auto told = [&](const std::string& text) {
    const Loaded loaded(conf, text);
    CHECK_FALSE(loaded.settings);
    return loaded.told();
  };
  CHECK(has(told(R"({"greylist": {"mode": "off"}})"), "\"greylist\" belongs into checks"));
  CHECK(has(told(R"({"checks": {"codes": {}}})"), "\"codes\" belongs into checks.dnsbl.zones.<name>"));
  CHECK(has(told(R"({"lists": {"whitelist": "x"}})"), "did you mean \"allow\"?"));
  CHECK(has(told(R"({"lists": {"allow": ["a@b.test"]}})"), "the entries stand in that file, one a line"));
}

TEST_CASE("points are whole numbers, and whoever writes others is told how to") {
  ConfD conf;
  for (const char* text :
       {R"({"thresholds": {"reject": 2.5}})", R"({"checks": {"rdns": {"missing": {"score": 2.5}}}})",
        R"({"checks": {"dnsbl": {"zones": {"bl.test": {"codes": {"127.0.0.2": 2.5}}}}}})"}) {
    const Loaded loaded(conf, text);
    CHECK_MESSAGE(has(loaded.told(), "found 2.5"), loaded.told());
    CHECK(has(loaded.told(), "points are whole numbers: where others count 2.5 of 5.0, write 5 of 10"));
  }
}

TEST_CASE("of two rates the stricter is the one that allows no more, at once and at length") {
  const auto warned = [](const char* rule, const char* usual) {
    ConfD conf;
    const std::string text = fmt::format(
        R"({{"limits": {{"rate": {{"messages": {{"rules": [{{"from": "site.test", "use": "{}"}}, {{"use": "{}"}}]}}}}}}}})",
        rule, usual);
    return has(Loaded(conf, text).told(), "warning");
  };
  CHECK(warned("off", "5/1h"));
  CHECK(warned("6/1h", "5/1h"));
  CHECK(warned("200/1d", "5/1h"));
  CHECK(warned("50/1d", "5/1h"));  // more at once, less at length: neither is stricter, and it may help
  CHECK_FALSE(warned("5/1h", "off"));
  CHECK_FALSE(warned("5/1h", "5/1h"));
  CHECK_FALSE(warned("4/1h", "5/1h"));
  CHECK_FALSE(warned("5/1d", "5/1h"));
}

TEST_CASE("config show has a ruleset as it is written") {
  ConfD conf;
  conf.file("10-site.json", kSite)
      .file(
          "20-rules.json",
          R"({"checks": {"rdns": {"missing": {"rules": [{"to": "strict.test", "use": "reject"}, {"use": {"score": 2}}]}}}})");
  config::Diagnostics diagnostics;
  for (const bool changed : {true, false}) {
    const std::string shown = show(conf.path(), changed, diagnostics);
    CHECK_MESSAGE(has(shown, "\"to\": \"strict.test\",  // "), shown);
    CHECK(has(shown, "20-rules.json:1"));
  }
}

TEST_CASE("every example of docs/rates.md is a configuration") {
  const std::string page = test::file_text(test::source_root() / "docs/rates.md");
  const std::string fence = "```jsonc\n";
  int examples = 0;
  for (auto at = page.find(fence); at != std::string::npos; at = page.find(fence, at + 1), ++examples) {
    const auto begin = at + fence.size();
    ConfD conf;
    const Loaded loaded(conf, page.substr(begin, page.find("```", begin) - begin));
    CHECK_MESSAGE(loaded.settings, loaded.told());
    CHECK_MESSAGE(loaded.told().empty(), loaded.told());
  }
  CHECK(examples >= 1);
}
