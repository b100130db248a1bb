// The examples of docs/rules.md: each is a configuration, and sessions say what it does, and to whom not.
// Those sessions stand on the page, or in tests/examples/rules.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <set>
#include <vector>

#include "proxy/session_tests.h"
#include "proxy/settings.h"
#include "proxy/treatment.h"
#include "tests/unit/conf_d.h"
#include "tests/unit/source_tree.h"

using namespace sallyport;
using namespace sallyport::proxy;
using sallyport::test::ConfD;

namespace {

constexpr const char* kSite = R"({
  "hostname": "mx.site.test",
  "domains": {"example.com": {"route": "r"}, "*.example.com": {"route": "r"}, "example.org": {"route": "r"}},
  "routes": {"r": {"hosts": ["10.0.0.1:25"]}},
  "role_mailbox": "it@example.com",
  "listeners": {"mx": {"bind": ["127.0.0.1:2525"], "tls": "none"}},
  "checks": {"dnsbl": {"zones": {"bl.example": {"codes": {"127.0.0.2": 5}}}}},
  "lists": {"block": "lists/blocked"}})";

// What stands between ``` and ```, by the name of its first line.
struct Page {
  std::map<std::string, std::string> configurations;  // "30-sales"
  std::map<std::string, std::string> sessions;
  std::map<std::string, std::string> lists;  // "lists/barred"
};

// Of "// conf.d/30-sales.json: why" what stands between `before` and `after`; "" = it is no such line.
std::string name_in(const std::string& text, const std::string& before, const std::string& after) {
  const std::string line = text.substr(0, text.find('\n'));
  const auto end = after.empty() ? line.size() : line.find(after, before.size());
  if (!line.starts_with(before) || end == std::string::npos) return {};
  return line.substr(before.size(), end - before.size());
}

Page read_page() {
  const std::string text = test::file_text(test::source_root() / "docs/rules.md"), fence = "\n```";
  Page page;
  for (auto at = text.find(fence); at != std::string::npos;) {
    const auto begin = text.find('\n', at + fence.size()) + 1, end = text.find(fence, begin);
    const std::string kind = text.substr(at + fence.size(), begin - 1 - at - fence.size());
    const std::string body = text.substr(begin, end + 1 - begin);
    if (const auto list = name_in(body, "# lists/", ""); kind == "text" && !list.empty())
      page.lists["lists/" + list] = body;
    if (const auto name = name_in(body, "// conf.d/", ".json"); !name.empty()) {
      if (name.ends_with(".test"))
        page.sessions[name.substr(0, name.size() - 5)] = body;
      else
        page.configurations[name] = body;
    } else {
      CHECK_MESSAGE(kind != "jsonc", "an example without a name: " << body);
    }
    at = text.find(fence, end + fence.size());
  }
  return page;
}

struct Site {
  explicit Site(const Page& page) {
    conf.file("10-site.json", kSite)
        .file("lists/partners-of-sales", "partner.example\n")
        .file("lists/blocked", "spammer.example\n")
        .file("lists/testers", "anna@example.com\n");
    for (const auto& [name, text] : page.lists) conf.file(name, text);
  }
  std::shared_ptr<const Settings> settings() { return load(conf.path(), {}, diagnostics); }
  std::string told() const { return diagnostics.to_string(); }

  ConfD conf;
  config::Diagnostics diagnostics;
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

std::string sessions_of(const Page& page, const std::string& name) {
  if (const auto found = page.sessions.find(name); found != page.sessions.end()) return found->second;
  const auto file = test::source_root() / "tests/examples/rules" / (name + ".test.json");
  return std::filesystem::exists(file) ? test::file_text(file) : "";
}

}  // namespace

TEST_CASE("every example of docs/rules.md does what its sessions state, and is what does it") {
  const Page page = read_page();
  CHECK(page.configurations.size() >= 9);
  CHECK(page.lists.size() >= 4);
  // What is remembered, or is read at connect, is judged elsewhere.
  const std::set<std::string> without_sessions = {"30-places", "30-redlist"};
  for (const auto& [name, configuration] : page.configurations) {
    CAPTURE(name);
    Site site(page), bare(page);
    site.conf.file(name + ".json", configuration);
    const auto settings = site.settings();
    REQUIRE_MESSAGE(settings, site.told());
    CHECK_MESSAGE(site.told().empty(), site.told());
    const std::string sessions = sessions_of(page, name);
    if (without_sessions.contains(name)) continue;
    REQUIRE_FALSE(sessions.empty());
    for (Site* one : {&site, &bare}) one->conf.file(name + ".test.json", sessions);
    run_session_tests(site.conf.path(), settings, site.diagnostics);
    CHECK_MESSAGE(!site.diagnostics.has_errors(), site.told());  // the site has no listener for users
    // Without it some recipients fare otherwise, and others, to whom it says nothing, do not.
    const auto usual = bare.settings();
    REQUIRE_MESSAGE(usual, bare.told());
    run_session_tests(bare.conf.path(), usual, bare.diagnostics);
    const auto otherwise = count(bare.told(), "error: session ");
    const auto stated = count(sessions, "\"accept\"") + count(sessions, "\"reject\"");
    CHECK_MESSAGE(otherwise > 0, "its sessions end so without it");
    CHECK_MESSAGE(otherwise < stated, "no session says whom it does not concern");
  }
}

TEST_CASE("what no session of docs/rules.md can show: limits, and who becomes a correspondent") {
  const Page page = read_page();
  const auto treatment = [&](Site& site, const char* example, policy::RuleFacts facts) {
    site.conf.file("30.json", page.configurations.at(example));
    const auto settings = site.settings();
    REQUIRE_MESSAGE(settings, site.told());
    facts.stage = config::Stage::data;
    return settings->treatment(settings->rules.match(facts).profile);
  };
  const auto path = [](const char* text) {
    mail::Path path;
    REQUIRE(mail::parse_path(text, {}, path) == mail::PathFault::none);
    return path;
  };
  const mail::Path anna = path("anna@example.com"), boss = path("boss@example.com"),
                   newsletter = path("newsletter@example.com"), joe = path("joe@partner.example");
  const auto limits_of = [&](const char* example, const char* client, const char* user) {
    Site site(page);
    policy::RuleFacts facts;
    facts.client = *IpAddress::parse(client);
    facts.user = user;
    return treatment(site, example, facts)->limits;
  };
  const auto limits = [&](const char* client, const char* user) {
    return limits_of("30-sizes", client, user);
  };
  CHECK(limits("198.51.100.7", "newsletter").recipients == 10'000);
  CHECK(limits("198.51.100.7", "anna").recipients == 200);
  CHECK(limits("192.0.2.7", "").sessions_per_address == 500);
  CHECK(limits("198.51.100.7", "").sessions_per_address == 20);
  CHECK(limits_of("30-places", "192.0.2.7", "").sessions == 10'500);
  CHECK(limits_of("30-places", "198.51.100.7", "").sessions == 10'000);
  CHECK(limits_of("30-places", "198.51.100.7", "").penalty.half_life == std::chrono::hours(6));
  using enum policy::Direction;
  const auto mode = [&](const mail::Path& from, const mail::Path& to, policy::Direction direction) {
    Site site(page);
    policy::RuleFacts facts;
    facts.from = &from;
    facts.to = &to;
    facts.direction = direction;
    return treatment(site, "30-redlist", facts)->policy->sender_lists.correspondents.mode;
  };
  CHECK(mode(newsletter, joe, outbound) == policy::Mode::off);
  CHECK(mode(anna, joe, outbound) == policy::Mode::enforce);
  CHECK(mode(joe, boss, inbound) == policy::Mode::observe);
  CHECK(mode(joe, anna, inbound) == policy::Mode::enforce);
}
