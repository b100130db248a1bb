// `checks` to settings: modes, outcomes and lists, and what is told of lists that do nothing.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/config_site.h"

using namespace sallyport;
using namespace sallyport::proxy;
using namespace sallyport::proxy::testing;
using namespace std::chrono_literals;

TEST_CASE("checks load into modes, outcomes and lists") {
  ConfD conf;
  const Loaded loaded(write_site(conf)
                          .file("20-checks.json", R"({
  "dns": { "servers": ["127.0.0.1", "[2001:db8::53]:5300"], "timeout": "1s", "budget": "5s" },
  "checks": {
    "early_talker": { "mode": "score", "outcome": "defer", "wait": "3s" },
    "rdns": { "mode": "observe", "missing": "reject" },
    "spf": { "mode": "off", "fail": "reject", "helo_fail": "ignore", "own_domain": {"score": 4} },
    "dnsbl": { "zones": {
      "BL.Site.Test": { "codes": { "127.0.0.2-127.0.0.11": 5, "127.0.1.*": 2, "127.0.2.2": null } },
      "wl.site.test": { "codes": { "127.0.*.2-3": -3 }, "of": ["client", "sender"] },
      "k3y.site.test": { "codes": { "127.0.0.2": 5 }, "of": ["rdns"], "secret": true, "name": "paid list", "timeout": "3s",
                         "domain": { "listed": "a.test", "clear": "b.test" } } } } },
  "thresholds": { "reject": 7 } })")
                          .path());
  INFO(loaded.diagnostics.to_string());
  REQUIRE(loaded.settings);
  using mail::Check;
  using mail::Finding;
  using policy::Outcome;
  const auto& checks = loaded.settings->policy->checks;
  CHECK(loaded.settings->dns.live.servers.at(0).to_string() == "127.0.0.1:53");
  CHECK(loaded.settings->dns.live.servers.at(1).to_string() == "[2001:db8::53]:5300");
  CHECK(loaded.settings->dns.budget.waiting == Duration(5s));
  CHECK(loaded.settings->early_talkers.wait == Duration(3s));
  CHECK_FALSE(loaded.settings->early_talkers.turned_away);
  CHECK(checks.mode(Check::early_talker) == Mode::enforce);
  CHECK(checks.outcome(Check::early_talker, Finding::early_talked) == Outcome::deferred());
  CHECK(checks.mode(Check::rdns) == Mode::observe);
  CHECK(checks.outcome(Check::rdns, Finding::rdns_missing) == Outcome::rejected());
  CHECK(checks.mode(Check::spf_helo) == Mode::off);
  CHECK(checks.outcome(Check::spf_helo, Finding::spf_fail) == Outcome::ignored());
  CHECK(checks.outcome(Check::spf_mailfrom, Finding::spf_fail) == Outcome::rejected());
  CHECK(checks.own_sender == Outcome::points(4));
  CHECK(checks.reject_at == 7);
  REQUIRE(checks.lists.size() == 3);
  CHECK(checks.lists[0].name == "bl.site.test");
  CHECK(checks.lists[0].weight({*IpAddress::parse("127.0.0.11")}) == 5);
  CHECK(checks.lists[0].weight({*IpAddress::parse("127.0.1.77")}) == 2);
  CHECK(checks.lists[0].codes.size() == 2);
  CHECK(checks.lists[2].name == "paid list");

  const auto& watched = loaded.settings->lists;
  REQUIRE(watched.size() == 3);
  CHECK(watched[0].zone.text() == "bl.site.test");
  const auto families = [](const dns::WatchedList& list) {
    std::string out;
    for (const auto& family : list.families) out += family ? 'y' : 'n';
    return out;
  };
  CHECK(families(watched[0]) == "ynn");
  CHECK(families(watched[1]) == "yny");
  CHECK(families(watched[2]) == "nny");
  CHECK(watched[0].timeout == Duration(2s));
  CHECK(watched[1].timeout == Duration(500ms));
  CHECK(watched[2].timeout == Duration(3s));
  CHECK(watched[2].shown == "paid list");
  CHECK(std::get<dns::Name>(watched[2].families[2]->listed).text() == "a.test");
}

TEST_CASE("no mistake in a secret list shows its zone") {
  for (const char* list :
       {R"({ "codes": { "127.0.0": 5 }, "secret": true, "name": "paid" })", R"({ "secret": true })",
        R"({ "codes": { "127.0.0.2": 5 }, "secret": "yes", "of": [] })",
        R"({ "codes": { "127.0.0.2": 5 }, "secret": true, "name": "K3Y.bl.site.test" })",
        R"({ "nmae": "paid", "secret": true, "codes": { "127.0.0.2": 5 } })"}) {
    ConfD conf;
    const std::string zone = "k3y.bl.site.test",
                      longer = "k3y." + std::string(60, 'x') + ".very-long.bl.site.test";
    for (const std::string& name : {zone, longer}) {
      const Loaded loaded(write_site(conf)
                              .file("20.json", "{ \"checks\": { \"dnsbl\": { \"zones\": {\n\"" + name +
                                                   "\": " + list + " } } } }")
                              .path());
      const auto told = loaded.diagnostics.to_string();
      INFO(told);
      const bool is_named_otherwise =
          name == longer && std::string_view(list).find("K3Y") != std::string::npos;
      CHECK(loaded.diagnostics.has_errors() != is_named_otherwise);
      CHECK(told.find("k3y") == std::string::npos);
      CHECK(told.find("K3Y") == std::string::npos);
    }
  }
}

namespace {

// The warnings of one list.
std::string warnings_of(const std::string& list, const std::string& more = {}) {
  ConfD conf;
  const Loaded loaded(
      write_site(conf)
          .file("20.json", "{ " + more + " \"checks\": { \"dnsbl\": { \"zones\": { " + list + " } } } }")
          .path());
  INFO(loaded.diagnostics.to_string());
  CHECK(loaded.settings);
  std::string out;
  for (const auto& one : loaded.diagnostics.all())
    if (one.message.starts_with("checks.dnsbl")) out += one.message + "\n";
  return out;
}

}  // namespace

TEST_CASE("lists that are never asked, and those whose answers never count, draw a warning") {
  const auto with = [](const std::string& keys) {
    return warnings_of(R"("bl.test": { "codes": { "127.0.0.2": 5 }, )" + keys + " }");
  };
  CHECK(with(R"("ipv4": false)").find("never asked") != std::string::npos);
  CHECK(with(R"("ipv4": false, "ipv6": true)").empty());
  CHECK(with(R"("of": ["sender"], "domain": false)").find("never asked") != std::string::npos);
  CHECK(with(R"("of": ["sender"], "ipv4": true)").find("\"ipv4\" without") != std::string::npos);
  CHECK(with(R"("of": ["sender"], "ipv4": false)").empty());
  CHECK(with(R"("domain": true)").find("\"domain\" without") != std::string::npos);
  CHECK(with(R"("of": ["client", "helo"], "ipv6": true)").empty());
  CHECK(warnings_of(R"("bl.test": { "codes": {} })").find("no answer counts") != std::string::npos);
}

TEST_CASE("a range from one address to another that leaves out what lies between draws a warning") {
  const auto with = [](const std::string& range) {
    return warnings_of(R"("bl.test": { "codes": { ")" + range + R"(": 5 } })");
  };
  CHECK(with("127.0.0.2-127.0.1.11").find("octet by octet, as 127.0.0-1.2-11") != std::string::npos);
  CHECK(with("127.0.0.0-127.1.255.9").find("octet by octet") != std::string::npos);
  for (const char* good : {"127.0.0.2", "127.0.0.2-127.0.0.11", "127.0.0.0-127.0.3.255", "127.0.0-1.2-11",
                           "127.0.0.2-127.0.0.2"})
    CHECK_MESSAGE(with(good).empty(), good);
}

TEST_CASE("more lists than a session may ask draw a warning") {
  std::string lists;
  for (int i = 0; i < 30; ++i)
    lists += (i ? ", " : "") + fmt::format(R"("bl{}.test": {{ "codes": {{ "127.0.0.2": 1 }} }})", i);
  CHECK(warnings_of(lists).empty());
  CHECK(warnings_of(lists, R"("dns": { "questions": 40 },)").find("40 in all") != std::string::npos);
  for (int i = 0; i < 20; ++i)
    lists += fmt::format(R"(, "wl{}.test": {{ "codes": {{ "127.0.0.2": -1 }} }})", i);
  CHECK(warnings_of(lists).find("50 questions about a client") != std::string::npos);
}
