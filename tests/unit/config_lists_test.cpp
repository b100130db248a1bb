// Lists that are read again while all else stays.
#include <doctest/doctest.h>

#include <map>

#include "tests/unit/config_site.h"

using namespace sallyport;
using namespace sallyport::proxy;
using namespace sallyport::proxy::testing;

namespace {

// Every kind of list, as a file of its own.
ConfD& write_lists(ConfD& conf) {
  return write_site(conf)
      .file("20-lists.json",
            R"({ "lists": { "allow": "lists/allow", "block": "lists/block" },
                 "checks": { "rdns": { "generic_names": "lists/generic" } },
                 "barring": { "mode": { "rules": [{ "from": { "file": "lists/friends" }, "use": "off" },
                                                  { "use": "enforce" }] } } })")
      .file("lists/allow", "partner.test\n")
      .file("lists/block", "spam.test\n")
      .file("lists/generic", "dynamic\n")
      .file("lists/friends", "friend.test\n");
}

// What was made of each file.
std::map<std::string, const void*> objects(const Settings& settings) {
  return {{"allow", settings.policy->sender_lists.allow.get()},
          {"block", settings.policy->sender_lists.block.get()},
          {"bar", &settings.policy->barring.senders.list.patterns()},
          {"known", settings.route("smarthost")->recipient_list.get()}};
}

std::shared_ptr<const Settings> read_again(const Settings& before) {
  config::Diagnostics diagnostics;
  auto settings = load_lists(before, diagnostics);
  INFO(diagnostics.to_string());
  REQUIRE(settings);
  return settings;
}

std::string refused(const Settings& before) {
  config::Diagnostics diagnostics;
  CHECK_FALSE(load_lists(before, diagnostics));
  return diagnostics.to_string();
}

}  // namespace

TEST_CASE("a list that has not changed is shared, and not read again") {
  const std::map<std::string, std::string> changes = {{"allow", "partner.test\nother.test\n"},
                                                      {"block", "spam.test\nother.test\n"},
                                                      {"bar", "*@spam.test\n*@other.test\n"},
                                                      {"known", "anna@site.test\n"}};
  for (const auto& [changed, text] : changes) {
    CAPTURE(changed);
    ConfD conf;
    const Loaded loaded(write_lists(conf).path());
    REQUIRE_MESSAGE(loaded.settings, loaded.diagnostics.to_string());
    conf.file("lists/" + changed, text);
    const auto again = read_again(*loaded.settings);
    const auto before = objects(*loaded.settings), now = objects(*again);
    for (const auto& [name, object] : before) {
      CAPTURE(name);
      REQUIRE(object);
      CHECK((now.at(name) == object) == (name != changed));
    }
    CHECK(again->list_files.size() == loaded.settings->list_files.size());
  }
}

TEST_CASE("a list that is gone is not shared") {
  ConfD conf;
  const Loaded loaded(write_lists(conf).path());
  REQUIRE_MESSAGE(loaded.settings, loaded.diagnostics.to_string());
  std::filesystem::remove(conf.path() + "/lists/allow");
  CHECK(refused(*loaded.settings).contains("lists/allow cannot be read"));
}

TEST_CASE("what was found out of clients holds while generic names are the same") {
  ConfD conf;
  const Loaded loaded(write_lists(conf).path());
  REQUIRE_MESSAGE(loaded.settings, loaded.diagnostics.to_string());
  for (const char* list : {"allow", "block", "friends"})
    conf.file(std::string("lists/") + list, "x.test\n");
  const auto others = read_again(*loaded.settings);
  CHECK(others->fact_scope == loaded.settings->fact_scope);
  conf.file("lists/generic", "customer\n");
  CHECK(read_again(*others)->fact_scope != others->fact_scope);
  CHECK(Loaded(conf.path()).settings->fact_scope != others->fact_scope);
}

TEST_CASE("a list that loses all its entries is taken for one that is being written, but by a reload") {
  for (const char* list : {"allow", "block", "bar", "generic", "friends"}) {
    for (const char* text : {"", "# made by a program\n", "\n  \n"}) {
      CAPTURE(list);
      CAPTURE(text);
      ConfD conf;
      Loaded loaded(write_lists(conf).path());
      REQUIRE_MESSAGE(loaded.settings, loaded.diagnostics.to_string());
      conf.file(std::string("lists/") + list, text);
      CHECK(refused(*loaded.settings).contains("it has no entry any more: is it still being written?"));
      const Loaded reloaded(conf.path());
      REQUIRE(reloaded.settings);
      read_again(*reloaded.settings);  // it has none, and had none
    }
  }
}
