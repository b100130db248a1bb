// Lists that are read again while all else stays.
#include <doctest/doctest.h>

#include <map>

#include "proxy/sender_list_lint.h"
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

TEST_CASE("lines of a recipient list that mean nobody are told, the first of each kind") {
  ConfD conf;
  write_site(conf).file("lists/known",
                        "anna@site.test\nj*e@site.test\n  ~ben@site.test\n!carl@site.test\njoe@else.test\n"
                        "x@sub.site.test\n\"a~!\"@site.test\nx@below.xn--bcher-kva.test\n");
  const auto told = Loaded(conf.path(), {.lint = true}).diagnostics.to_string();
  CHECK(told.contains("lists/known:2:1: warning: \"j*e@site.test\" is taken to the letter"));
  CHECK(told.contains("and clears nobody; 2 more such lines"));
  CHECK(told.contains("lists/known:5:1: warning: \"joe@else.test\" is in no domain of ours"));
  CHECK(told.contains("nobody asks for it; 1 more such lines"));
  CHECK_FALSE(Loaded(conf.path()).diagnostics.to_string().contains("lists/known"));
}

TEST_CASE("what surprises in an entry is told with the column of its word") {
  ConfD conf;
  write_lists(conf).file("lists/allow",
                         "  a.test\n  b.test  owner=j\u00f6 for=joe@else.test\nc.test expires=2020-01-01\n"
                         "   a.test\n");
  std::string told;
  const Loaded loaded(conf.path());
  REQUIRE(loaded.settings);
  for (const auto& fault : surprising_entries(*loaded.settings, WallTime::clock::now()))
    told += fault.position.to_string() + ": " + fault.what + "\n";
  CAPTURE(told);
  CHECK(told.contains("lists/allow:2:20: b.test for=joe@else.test: that recipient is not"));
  CHECK(told.contains("lists/allow:3:8: c.test: expired"));
  CHECK(told.contains("lists/allow:1:3: a.test: this line does nothing"));
}
