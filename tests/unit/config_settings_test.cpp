// conf.d to Settings: the shipped configuration, a whole site, and what must never come of a broken one.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/mail/replies.h"
#include "proxy/machine_lint.h"
#include "proxy/settings.h"
#include "tests/unit/config_site.h"
#include "tests/unit/source_tree.h"

using namespace sallyport;
using namespace sallyport::proxy;
using namespace std::chrono_literals;
using sallyport::proxy::testing::ConfD;
using sallyport::proxy::testing::kSite;
using sallyport::proxy::testing::Loaded;
using sallyport::proxy::testing::write_site;
namespace fs = std::filesystem;

TEST_CASE("a whole site loads into what its files say") {
  ConfD conf;
  const Loaded loaded(write_site(conf).path());
  INFO(loaded.diagnostics.to_string());
  REQUIRE(loaded.settings);
  CHECK(loaded.diagnostics.all().empty());
  const auto& settings = *loaded.settings;
  const auto& policy = *settings.policy;
  CHECK(policy.hostname == "mx.site.test");
  REQUIRE(policy.domains.find("site.test"));
  CHECK(*policy.domains.find("site.test") == "groupware");
  CHECK(policy.domains.find("a.xn--bcher-kva.test"));
  CHECK_FALSE(policy.domains.find("xn--bcher-kva.test"));
  CHECK(policy.outbound_route == "smarthost");
  CHECK(policy.trusted_networks.size() == 2);
  CHECK(policy.upstream.begin()->to_string() == "192.0.2.0/28");
  CHECK(policy.client_certificates.fingerprints.at(0) == "aa" + std::string(62, '0'));
  CHECK(policy.role_mailbox == "it@site.test");
  CHECK(policy.max_received == 30);
  CHECK(policy.barring.senders.bars("x@spam.test"));
  CHECK_FALSE(policy.barring.senders.bars("good@spam.test"));
  CHECK(policy.barring.senders.reply == "Go away");
  CHECK_FALSE(policy.barring.senders.reply_id);
  CHECK(settings.limits.message_size == 25'000'000);
  CHECK(settings.limits.recipients == 1000);
  CHECK(settings.timeouts.data_rate == 1000);
  CHECK(settings.timeouts.drain == Duration(5s));
  CHECK(settings.early_talkers.turned_away);
  CHECK(settings.malformed_header == Mode::off);
  CHECK(settings.state_file == conf.path() + "/state.db");
  CHECK(settings.temp_directory == "/tmp");
  CHECK(settings.workers == 2);
  CHECK(settings.lenient_networks.size() == 1);
  REQUIRE(settings.listeners.size() == 2);
  CHECK(settings.listeners[0].name == "mx");
  CHECK(settings.listeners[0].bind.at(0).to_string() == "[::]:25");
  CHECK(settings.listeners[1].proxy_protocol.size() == 1);
}

TEST_CASE("routes load with their next hops, recipients and credentials") {
  ConfD conf;
  const Loaded loaded(write_site(conf).path());
  REQUIRE(loaded.settings);
  const auto* groupware = loaded.settings->route("groupware");
  REQUIRE(groupware);
  std::vector<std::string> hosts;
  for (const auto& host : groupware->hosts) hosts.push_back(host.to_string());
  CHECK(hosts == std::vector<std::string>{"10.0.0.25:25", "lmtp://10.0.0.26:24",
                                          "smtps://[2001:db8::1]:465", "mail.site.test:25"});
  CHECK(groupware->name == "groupware");
  CHECK(groupware->ask_host->to_string() == "10.0.0.25:2525");
  CHECK(groupware->tls_settings);
  CHECK(groupware->max_connections == 3);
  CHECK(groupware->source.to_string() == "10.0.0.5");
  CHECK_FALSE(groupware->eight_bit);
  CHECK(groupware->message_size == 20'000'000);
  CHECK(groupware->connect_timeout == 3s);
  CHECK(groupware->data_timeout == 9min);
  const auto* smarthost = loaded.settings->route("smarthost");
  REQUIRE(smarthost);
  CHECK(smarthost->credentials->password == "s3cret");
  CHECK(smarthost->recipients == relay::RecipientCheck::list);
  CHECK(smarthost->recipient_list->size() == 2);
  CHECK(std::ranges::is_sorted(*smarthost->recipient_list));
  CHECK_FALSE(loaded.settings->route("nowhere"));
}

TEST_CASE("later files override earlier ones, and null takes back") {
  ConfD conf;
  write_site(conf).file(
      "20-more.json",
      R"({ "workers": null, "trusted_networks": ["10.0.0.9"], "listeners": { "inside": null } })");
  conf.file("schema.json", "not for the loader")
      .file("30-old.json.dpkg-old", "{")
      .file(".40-editor.json", "{");
  const Loaded loaded(conf.path());
  INFO(loaded.diagnostics.to_string());
  REQUIRE(loaded.settings);
  CHECK(loaded.settings->workers == 0);
  CHECK(loaded.settings->policy->trusted_networks.begin()->to_string() == "10.0.0.9");
  CHECK(loaded.settings->listeners.size() == 1);
}

TEST_CASE("postmaster and abuse are role addresses, whatever is listed") {
  for (const char* written : {R"({ "role_names": ["info"] })", R"({ "role_names": [] })"}) {
    ConfD conf;
    write_site(conf).file("20-more.json", written);
    const Loaded loaded(conf.path());
    INFO(loaded.diagnostics.to_string());
    REQUIRE(loaded.settings);
    const auto& names = loaded.settings->policy->role_names;
    for (const char* always : {"postmaster", "abuse"}) CHECK(std::ranges::count(names, always) == 1);
  }
}

TEST_CASE("thousands of domains load and show") {
  ConfD conf;
  std::string domains = "{ \"domains\": {\n";
  for (int i = 0; i < 2'000; ++i)
    domains += "\"d" + std::to_string(i) + ".test\": { \"route\": \"groupware\" },\n";
  write_site(conf).file("20-domains.json", domains + "\"last.test\": { \"route\": \"groupware\" } } }");
  const Loaded loaded(conf.path());
  REQUIRE(loaded.settings);
  CHECK(loaded.settings->policy->domains.find("d1999.test"));
  config::Diagnostics diagnostics;
  CHECK(show(conf.path(), false, diagnostics).find("\"last.test\"") != std::string::npos);
}

TEST_CASE("an overlay is the last file") {
  ConfD conf;
  const Loaded loaded(write_site(conf).path(),
                      {.overlay = R"({ "hostname": "demo.site.test", "limits": { "errors": 3 } })"});
  REQUIRE(loaded.settings);
  CHECK(loaded.settings->policy->hostname == "demo.site.test");
  CHECK(loaded.settings->limits.errors == 3);
  CHECK(loaded.settings->limits.message_size == 25'000'000);
  CHECK_FALSE(Loaded(conf.path(), {.overlay = "{ \"limit\": {} }"}).settings);
}

TEST_CASE("listeners on any free port do not clash") {
  ConfD conf;
  const Loaded loaded(
      write_site(conf).path(),
      {.overlay = R"({ "listeners": { "mx": { "bind": ["127.0.0.1:0", "127.0.0.1:0"] } } })"});
  CHECK(loaded.settings);
}

TEST_CASE("the system's name serves where it is fully qualified") {
  ConfD conf;
  write_site(conf).file("20-name.json", R"({ "hostname": null })");
  CHECK(Loaded(conf.path(), {.system_hostname = "Box.Site.Test"}).settings->policy->hostname ==
        "box.site.test");
  CHECK_FALSE(Loaded(conf.path(), {.system_hostname = "box"}).settings);
}

TEST_CASE("R17: a domain list that is empty, cut off or unreadable accepts nothing") {
  ConfD conf;
  write_site(conf);
  const std::string domains = "{ \"domains\": { \"more.test\": { \"route\": \"groupware\" } } }\n";
  for (std::size_t length = 0; length + 2 < domains.size(); ++length) {
    conf.file("20-domains.json", domains.substr(0, length));
    CHECK_FALSE(Loaded(conf.path()).settings);
  }
  conf.file("20-domains.json", R"({ "domains": null })");
  const Loaded none(conf.path());
  REQUIRE(none.settings);
  CHECK(none.settings->policy->domains.empty());
  CHECK_FALSE(none.settings->policy->domains.find("site.test"));
  CHECK_FALSE(Loaded(conf.path() + "/nowhere").settings);
  fs::remove(fs::path(conf.path()) / "20-domains.json");
  fs::create_directory(fs::path(conf.path()) / "20-domains.json");
  CHECK_FALSE(Loaded(conf.path()).settings);
}

TEST_CASE("the shipped configuration loads as shipped, closed") {
  const auto root = test::source_root();
  const Loaded loaded((root / "conf.d").string());
  INFO(loaded.diagnostics.to_string());
  REQUIRE(loaded.settings);
  CHECK(loaded.diagnostics.all().size() == 3);  // placeholder name, no domains, no certificate
  const auto& policy = *loaded.settings->policy;
  CHECK(policy.domains.empty());
  CHECK(policy.trusted_networks.empty());
  CHECK_FALSE(policy.outbound_route);
  CHECK(policy.barring.senders.list.size() == 0);
  CHECK(policy.barring.recipients.bars("\"a@b\"@example.com"));
  CHECK_FALSE(policy.barring.recipients.bars("user@example.com"));
  REQUIRE(loaded.settings->listeners.size() == 1);
  CHECK(loaded.settings->listeners[0].bind.at(0).to_string() == "[::]:25");
}

TEST_CASE("the site of the README loads in the place of the shipped 10-site.json") {
  const auto root = test::source_root();
  const auto readme = test::file_text(root / "README.md");
  const auto fence = readme.find("```jsonc\n");
  REQUIRE(fence != std::string::npos);
  const auto begin = fence + std::string_view("```jsonc\n").size();
  ConfD conf;
  fs::copy(root / "conf.d", conf.path(), fs::copy_options::recursive);
  conf.file("10-site.json", readme.substr(begin, readme.find("```", begin) - begin));
  const Loaded loaded(conf.path());
  INFO(loaded.diagnostics.to_string());
  REQUIRE(loaded.settings);
  CHECK(loaded.diagnostics.all().size() == 2);  // example.com is a placeholder; no certificate yet
  CHECK(loaded.settings->policy->outbound_route == "smarthost");
  CHECK(loaded.settings->listeners.at(0).bind.at(0).to_string() == "[::]:25");
}

TEST_CASE("a temp_directory that takes no files is not usable") {
  Settings settings;
  ConfD conf;
  settings.temp_directory = conf.path();
  CHECK(usable(settings));
  settings.temp_directory += "/nowhere";
  const auto result = usable(settings);
  REQUIRE_FALSE(result);
  CHECK(result.error().detail.starts_with("temp_directory: "));
}

TEST_CASE("nothing of the users file is shown") {
  config::Diagnostics diagnostics;
  CHECK(load((test::source_root() / "tests/config/bad-users").string(), {}, diagnostics));
  CHECK(diagnostics.all().size() == 6);
  CHECK(diagnostics.to_string().find("tellnobody") == std::string::npos);
  CHECK(diagnostics.to_string().find("$6$") == std::string::npos);
}

TEST_CASE("the shipped configuration states the defaults") {
  config::Diagnostics diagnostics;
  const auto changed = show((test::source_root() / "conf.d").string(), true, diagnostics);
  CHECK(changed.find("\"limits\"") == std::string::npos);
  CHECK(changed.find("\"timeouts\"") == std::string::npos);
  CHECK(changed.find("\"generic_names\"") != std::string::npos);  // a file has no default
  for (const char* key : {"\"mode\"", "\"missing\"", "\"dnsbl\"", "\"spf\"", "\"dns\"", "\"thresholds\""})
    CHECK_MESSAGE(changed.find(key) == std::string::npos, key);
  CHECK(changed.find("\"listeners\"") != std::string::npos);
}

TEST_CASE("the committed schema and pages are what the program prints") {
  const auto root = test::source_root();
  if (std::getenv("SALLYPORT_UPDATE_GOLDEN")) {
    std::ofstream(root / "conf.d/schema.json") << schema();
    std::ofstream(root / "docs/configuration.md") << reference();
    std::ofstream(root / "docs/replies.md") << mail::replies_reference();
  }
  CHECK(schema() == test::file_text(root / "conf.d/schema.json"));
  CHECK(reference() == test::file_text(root / "docs/configuration.md"));
  CHECK(mail::replies_reference() == test::file_text(root / "docs/replies.md"));
}

TEST_CASE("show tells where each value was written, never a password, and loads again") {
  ConfD conf;
  write_site(conf);
  conf.file(
      "20-more.json",
      R"({ "routes": { "smarthost": { "auth": { "password_file": null, "password": "hunter2" } } } })");
  config::Diagnostics diagnostics;
  const auto all = show(conf.path(), false, diagnostics);
  CHECK(diagnostics.all().empty());
  CHECK(all.find("\"workers\": 2,  // " + conf.path() + "/10-site.json:22") != std::string::npos);
  CHECK(all.find("\"errors\": 20,  // default") != std::string::npos);
  CHECK(all.find("hunter2") == std::string::npos);
  ConfD again;
  again.file("10.json", all);
  const Loaded loaded(again.path());
  INFO(loaded.diagnostics.to_string());
  REQUIRE(loaded.settings);
  CHECK(loaded.settings->limits.message_size == 25'000'000);
  CHECK(show(conf.path(), true, diagnostics).find("// default") == std::string::npos);
}

TEST_CASE("show has codes and zones as they are written, and knows where") {
  ConfD conf;
  write_site(conf).file("20.json", R"({ "checks": { "dnsbl": { "zones": { "BL.Test": { "codes": {
    "127.0.0.2-127.0.0.11": 5, "127.0.*.2": 1 },
    "of": ["client", "helo"], "ipv4": { "listed": "127.0.0.3", "clear": "127.0.0.1" } } } } } })");
  config::Diagnostics diagnostics;
  const auto all = show(conf.path(), true, diagnostics);
  INFO(all);
  CHECK(all.find("\"127.0.0.2-127.0.0.11\": 5,  // " + conf.path() + "/20.json:2") != std::string::npos);
  CHECK(all.find("\"127.0.*.2\": 1  // " + conf.path() + "/20.json:2") != std::string::npos);
  CHECK(all.find("\"BL.Test\"") != std::string::npos);
  const auto zones = all.substr(all.find("BL.Test"));
  CHECK(zones.find("// default") == std::string::npos);
}

TEST_CASE("without files nothing is opened") {
  ConfD conf;
  conf.file("10-site.json", kSite);
  CHECK(Loaded(conf.path(), {.open_files = false}).settings);
  CHECK_FALSE(Loaded(conf.path()).settings);
}

TEST_CASE("barring.star: how many characters * stands for") {
  ConfD conf;
  write_site(conf);
  CHECK_FALSE(Loaded(conf.path()).settings->policy->barring.senders.bars("@spam.test"));
  conf.file("20-star.json", R"({ "barring": { "star": "zero_or_more" } })");
  CHECK(Loaded(conf.path()).settings->policy->barring.senders.bars("@spam.test"));
}

TEST_CASE("barring: what one list has otherwise than the other") {
  ConfD conf;
  write_site(conf);
  conf.file("20-lists.json", R"({ "barring": {
    "mode": "observe", "reply": "No", "reply_id": false, "star": "zero_or_more",
    "senders_mode": "enforce", "senders_reply": "Go", "senders_reply_id": true, "senders_star": "one_or_more",
    "recipients_mode": { "rules": [ { "to": "anna@our.example", "use": "off" }, { "use": "observe" } ] } } })");
  const Loaded loaded(conf.path());
  REQUIRE(loaded.settings);
  const auto& [senders, recipients] = loaded.settings->policy->barring;
  CHECK(senders.mode == policy::Mode::enforce);
  CHECK(senders.reply == "Go");
  CHECK(senders.reply_id);
  CHECK_FALSE(senders.bars("@spam.test"));
  CHECK(recipients.mode == policy::Mode::observe);
  CHECK(recipients.reply == "No");
  CHECK_FALSE(recipients.reply_id);
  CHECK(recipients.star == policy::Star::zero_or_more);
}

TEST_CASE("check tells of lines of a barring list that do nothing, others do not pay for it") {
  ConfD conf;
  write_site(conf);
  std::string lines = "*@spam.test\n";
  for (int i = 0; i < 22; ++i) lines += "a" + std::to_string(i) + "@spam.test\n";
  conf.file("lists/bar", lines);
  const auto told = Loaded(conf.path(), {.lint = true}).diagnostics.to_string();
  CHECK(told.find("lists/bar:2:1: warning: this line does nothing: line 1 bars all of it already\n"
                  "    a0@spam.test\n") != std::string::npos);
  CHECK(told.find("lists/bar:21:1: warning") != std::string::npos);
  CHECK(told.find("hint: and 2 more of this list") != std::string::npos);
  CHECK(told.find("lists/bar:22:1: warning") == std::string::npos);
  CHECK(Loaded(conf.path()).diagnostics.to_string().find("does nothing") == std::string::npos);
}

TEST_CASE("certificates load, and an implicit listener needs one") {
  ConfD conf;
  write_site(conf);
  const std::string overlay =
      R"({ "listeners": { "smtps": { "bind": ["[::]:465"], "tls": "implicit" } } })";
  CHECK_FALSE(Loaded(conf.path(), {.overlay = overlay}).settings);
  REQUIRE(io::make_self_signed("mx.site.test", {conf.path() + "/cert.pem", conf.path() + "/key.pem"}));
  conf.file("20-tls.json", R"({ "tls": { "certificate": "cert.pem", "key": "key.pem" } })");
  const Loaded loaded(conf.path(), {.overlay = overlay});
  INFO(loaded.diagnostics.to_string());
  REQUIRE(loaded.settings);
  CHECK(loaded.settings->tls);
  CHECK(loaded.settings->listeners.back().tls == ListenerTls::implicit);
  conf.file("key.pem", "half a key");
  CHECK_FALSE(Loaded(conf.path(), {.overlay = overlay}).settings);
}
