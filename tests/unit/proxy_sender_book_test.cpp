#include <doctest/doctest.h>

#include "base/config/json_line.h"
#include "proxy/sender_commands.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::proxy;
using config::Node;
using enum SenderListKind;

namespace {

struct Desk {
  store::ScratchDirectory scratch;
  std::unique_ptr<store::StateStore> state = open();
  SenderBook book{*state, system_clock()};

  std::unique_ptr<store::StateStore> open() {
    return *store::StateStore::open(scratch.file("state.db"), system_clock(), [](std::string_view) {});
  }
};

policy::SenderEntry entry(std::string_view line) { return *policy::parse_sender_entry(line); }

Result<> kept() { return {}; }

// Lines of an answer, the last one apart.
struct Asked {
  std::vector<std::string> lines;
  std::string end;
};

Asked ask(const Control& control, const char* text) {
  Asked asked;
  control.answer(text, [&](const Node& line) {
    asked.lines.push_back(config::to_json_line(line));
    return true;
  });
  asked.end = asked.lines.back();
  asked.lines.pop_back();
  return asked;
}

}  // namespace

TEST_CASE("an entry that is added is found, with its shape, also by the next process") {
  Desk desk;
  CHECK_FALSE(desk.book.shape(block, nullptr).any());
  CHECK(desk.book.add(block, entry("192.0.2.0/24 owner=anna # spam")));
  CHECK(desk.book.shape(block, nullptr).prefixes.test(120));
  CHECK_FALSE(desk.book.shape(allow, nullptr).any());
  const auto found = desk.book.find(block, nullptr, {"192.0.2.0/24"});
  REQUIRE(found.size() == 1);
  CHECK(found.front().entry.reason == "spam");
  CHECK(found.front().where == "block");
  desk.state.reset();
  desk.state = desk.open();
  const SenderBook next(*desk.state, system_clock());
  CHECK(next.shape(block, nullptr).prefixes.test(120));
  CHECK(next.find(block, nullptr, {"192.0.2.0/24"}).size() == 1);
}

TEST_CASE("an entry that has expired means nobody") {
  Desk desk;
  CHECK(desk.book.add(allow, entry("example.com expires=2020-01-01")));
  CHECK(desk.book.find(allow, nullptr, {"example.com"}).empty());
  std::vector<policy::ListFault> faults;
  const auto file = policy::SenderList::parse("example.com expires=2020-01-01\nb.test\n", "f", faults);
  CHECK(desk.book.find(allow, &file, {"example.com"}).empty());
  CHECK(desk.book.find(allow, &file, {"b.test"}).front().where == "f:2");
}

TEST_CASE("commands add so many entries and no more, but may change one") {
  const auto state = std::move(*store::StateStore::open("", system_clock(), [](std::string_view) {}));
  SenderBook book(*state, system_clock());
  for (std::size_t i = 0; i < SenderBook::kMaxEntries; ++i)
    state->put("block", "x" + std::to_string(i), "x", system_clock().wall() + std::chrono::hours(1));
  const auto one_more = book.add(block, entry("a.test"));
  REQUIRE_FALSE(one_more);
  CHECK(one_more.error().detail.contains("belong into a file (lists.block)"));
  CHECK(book.add(allow, entry("a.test")));
  state->erase("block", "x0");
  CHECK(book.add(block, entry("a.test")));
  CHECK(book.add(block, entry("a.test # why")));
  CHECK(book.find(block, nullptr, {"a.test"}).front().entry.reason == "why");
}

TEST_CASE("hits are counted for each entry of each list") {
  Desk desk;
  CHECK(desk.book.hits(block, entry("example.com")).count == 0);
  desk.book.count_hit(block, entry("example.com"));
  desk.book.count_hit(block, entry("example.com"));
  CHECK(desk.book.hits(block, entry("example.com")).count == 2);
  CHECK(desk.book.hits(block, entry("example.com")).last);
  CHECK(desk.book.hits(allow, entry("example.com")).count == 0);
}

TEST_CASE("commands add, list and remove entries") {
  Desk desk;
  Control control;
  add_sender_commands(control, desk.book, [] { return std::make_shared<policy::Settings>(); }, kept);
  CHECK(ask(control,
            R"({"command": "block", "action": "add", "pattern": "Example.com", "for": "joe@our.example",
                         "owner": "anna", "reason": "spam", "expires": "2199-01-31"})")
            .end == R"({"ok":true})");
  const auto listed = ask(control, R"({"command": "block", "action": "list"})");
  REQUIRE(listed.lines.size() == 1);
  CHECK(listed.lines.front().contains(R"("pattern":"example.com","for":"joe@our.example","owner":"anna")"));
  CHECK(ask(control, R"({"command": "block", "action": "list", "for": "ann@our.example"})").lines.empty());
  CHECK(ask(control, R"({"command": "allow", "action": "list"})").lines.empty());
  const char* remove =
      R"({"command": "block", "action": "remove", "pattern": "example.com", "for": "joe@our.example"})";
  CHECK(ask(control, remove).end == R"({"ok":true})");
  CHECK(ask(control, remove).end.contains("error"));
}

TEST_CASE("an entry with blanks in a quoted local part holds, stays, and goes") {
  Desk desk;
  Control control;
  add_sender_commands(control, desk.book, [] { return std::make_shared<policy::Settings>(); }, kept);
  const auto request = [](const char* action) {
    return std::string(R"({"command": "block", "action": ")") + action +
           R"(", "pattern": "\"a b\"@x.test", "for": "\"c # d\"@our.example"})";
  };
  CHECK(ask(control, request("add").c_str()).end == R"({"ok":true})");
  const std::vector<std::string> names{R"("a b"@x.test for="c # d"@our.example)"};
  CHECK(desk.book.find(block, nullptr, names).size() == 1);
  CHECK(ask(control, R"({"command": "block", "action": "list"})").lines.size() == 1);
  CHECK(ask(control, request("remove").c_str()).end == R"({"ok":true})");
  CHECK(desk.book.find(block, nullptr, names).empty());
}

TEST_CASE("whoever replaces an entry is told what it was") {
  Desk desk;
  Control control;
  add_sender_commands(control, desk.book, [] { return std::make_shared<policy::Settings>(); }, kept);
  const char* first =
      R"({"command": "block", "action": "add", "pattern": "a.test", "owner": "bert", "reason": "orders"})";
  CHECK(ask(control, first).lines.empty());
  CHECK(ask(control, first).lines.empty());  // nothing has changed
  const auto again =
      ask(control, R"({"command": "block", "action": "add", "pattern": "a.test", "owner": "anna"})");
  REQUIRE(again.lines.size() == 1);
  CHECK(again.lines.front() == R"({"replaced":"a.test owner=bert # orders"})");
  CHECK(again.end == R"({"ok":true})");
}

TEST_CASE("who takes away an entry for everybody is told for whom it is") {
  Desk desk;
  Control control;
  add_sender_commands(control, desk.book, [] { return nullptr; }, kept);
  const auto remove = [&](const std::string& pattern, const char* recipient) {
    return ask(control, (R"({"command": "block", "action": "remove", "pattern": ")" + pattern +
                         R"(", "for": ")" + recipient + "\"}")
                            .c_str())
        .end;
  };
  CHECK(desk.book.add(block, entry("a.test for=our.example")));
  CHECK(desk.book.add(block, entry("b.test")));
  CHECK(remove("a.test", "")
            .contains("no command has added a.test, only for our.example: add --for our.example"));
  CHECK(remove("b.test", "our.example").contains("only for everybody: leave --for out"));
  CHECK(remove("c.test", "").contains("entries of a file are removed from the file"));
  for (const char* name : {"1", "2", "3", "4", "5", "6"})
    CHECK(desk.book.add(block, entry(std::string("a.test for=x") + name + "@our.example")));
  CHECK(remove("a.test", "").contains(" and 2 more: add --for"));
}

TEST_CASE("a list for somebody has all that holds for him") {
  Desk desk;
  Control control;
  add_sender_commands(control, desk.book, [] { return std::make_shared<policy::Settings>(); }, kept);
  for (const char* line : {"a.test", "b.test for=our.example", "c.test for=anna@our.example",
                           "d.test for=bert@our.example", "e.test for=other.example"})
    CHECK(desk.book.add(block, entry(line)));
  const auto shown = [&](const std::string& recipient) {
    std::string patterns;
    for (const auto& line :
         ask(control, (R"({"command": "block", "action": "list", "for": ")" + recipient + "\"}").c_str())
             .lines)
      patterns += line.substr(line.find(":\"") + 2, 1);
    return patterns;
  };
  CHECK(shown("anna@our.example") == "abc");
  CHECK(shown("our.example") == "ab");
  CHECK(shown("carl@third.example") == "a");
  CHECK(shown("") == "abcde");
}

TEST_CASE("times of an entry are told as those of events") {
  Desk desk;
  Control control;
  add_sender_commands(control, desk.book, [] { return std::make_shared<policy::Settings>(); }, kept);
  CHECK(desk.book.add(block, entry("a.test expires=2199-01-31")));
  desk.book.count_hit(block, entry("a.test"));
  const auto line = ask(control, R"({"command": "block", "action": "list"})").lines.front();
  CHECK(line.contains(R"("expires":"2199-01-31T23:59:59.000Z")"));
  CHECK(line.contains(R"("last_hit":"20)"));
}

TEST_CASE("an entry that means the world is taken, with a warning") {
  Desk desk;
  Control control;
  add_sender_commands(control, desk.book, [] { return nullptr; }, kept);
  const auto added =
      ask(control, R"({"command": "allow", "action": "add", "pattern": "*.com", "authenticated": true})");
  REQUIRE(added.lines.size() == 1);
  CHECK(added.lines.front().starts_with(R"({"warning":"*.com: anybody can have a name there)"));
  CHECK(added.end == R"({"ok":true})");
  CHECK(ask(control, R"({"command": "block", "action": "add", "pattern": "::/0"})")
            .lines.front()
            .contains("::/0: so wide a network refuses"));
  CHECK(ask(control, R"({"command": "block", "action": "add", "pattern": "a.test"})").lines.empty());
}

TEST_CASE("an entry for a recipient who is none of ours is taken, with a warning") {
  Desk desk;
  Control control;
  auto settings = std::make_shared<policy::Settings>();
  settings->domains.add("our.example", {});
  add_sender_commands(control, desk.book, [&] { return settings; }, kept);
  const auto add = [&](const std::string& recipient) {
    const auto request =
        R"({"command": "block", "action": "add", "pattern": "a.test", "for": ")" + recipient + "\"}";
    const auto added = ask(control, request.c_str());
    CHECK(added.end == R"({"ok":true})");
    return added.lines.size();
  };
  CHECK(add("joe@our.example") == 0);
  CHECK(add("our.example") == 0);
  CHECK(add("joe@oru.example") == 1);
  CHECK(add("joe") == 1);
  // And what was added is shown in order.
  std::string shown;
  for (const auto& line : ask(control, R"({"command": "block", "action": "list"})").lines)
    shown += line.substr(line.find("\"for\":"), 12);
  CHECK(shown == R"("for":"joe","for":"joe@o"for":"joe@o"for":"our.e)");
}

TEST_CASE("an entry that may do nothing, or too much, is taken with a warning") {
  Desk desk;
  Control control;
  auto settings = std::make_shared<policy::Settings>();
  settings->domains.add("our.example", {});
  settings->trusted_networks = {{*Network::parse("192.168.0.0/16")}};
  settings->upstream = {{*Network::parse("198.51.100.7")}};
  std::vector<policy::ListFault> faults;
  settings->sender_lists.allow = std::make_shared<policy::SenderList>(
      policy::SenderList::parse("*.good.test\nc.test for=our.example\n", "lists/allow", faults));
  add_sender_commands(control, desk.book, [&] { return settings; }, kept);
  const auto add = [&](const std::string& list, const std::string& pattern, const char* more = "") {
    const auto added = ask(control, (R"({"command": ")" + list + R"(", "action": "add", "pattern": ")" +
                                     pattern + "\"" + more + "}")
                                        .c_str());
    CHECK(added.end == R"({"ok":true})");
    return added.lines.empty() ? std::string() : added.lines.front();
  };
  CHECK(add("allow", "plain.test").contains("whoever writes that in MAIL FROM is let through"));
  CHECK(add("allow", "proven.test", R"(, "authenticated": true)").empty());
  CHECK(add("allow", "192.0.2.1").empty());
  CHECK(add("block", "a@plain.test")
            .contains("an allow entry beats it where that holds: plain.test (allow)"));
  CHECK(add("block", "a@x.good.test").contains("*.good.test (lists/allow:1)"));
  CHECK(add("block", "c.test", R"(, "for": "joe@our.example")")
            .contains("c.test for=our.example (lists/allow:2)"));
  CHECK(add("block", "c.test").empty());  // that one is for some alone
  CHECK(add("block", "192.168.7.0/24").contains("this blocks nobody"));
  CHECK(add("block", "198.51.100.0/24").contains("`upstream` hands over"));
  CHECK(add("block", "127.0.0.1").contains("the programs of this machine"));
  CHECK(add("block", "203.0.113.0/24").empty());
}

TEST_CASE("where the files are not known a list says so") {
  Desk desk;
  Control control;
  add_sender_commands(control, desk.book, [] { return nullptr; }, kept);
  CHECK(desk.book.add(block, entry("a.test")));
  const auto listed = ask(control, R"({"command": "block", "action": "list"})");
  CHECK(listed.lines.size() == 1);
  CHECK(listed.end.contains("the entries of files are not known"));
  CHECK(ask(control, R"({"command": "block", "action": "list", "where": "command"})").end ==
        R"({"ok":true})");
}

TEST_CASE("a change that is not on disk is not said to be done") {
  Desk desk;
  Control control;
  int waited = 0;
  add_sender_commands(
      control, desk.book, [] { return nullptr; },
      [&]() -> Result<> {
        ++waited;
        return fail(Errc::no_space, "in memory only");
      });
  const char* add = R"({"command": "block", "action": "add", "pattern": "a.test"})";
  CHECK(ask(control, add).end == R"({"error":"in memory only","status":74})");
  CHECK(desk.book.find(block, nullptr, {"a.test"}).size() == 1);
  const char* remove = R"({"command": "block", "action": "remove", "pattern": "a.test"})";
  CHECK(ask(control, remove).end == R"({"error":"in memory only","status":74})");
  CHECK(desk.book.find(block, nullptr, {"a.test"}).empty());
  CHECK(waited == 2);
  ask(control, R"({"command": "block", "action": "list"})");
  ask(control, remove);
  CHECK(waited == 2);
}

TEST_CASE("a command refuses what it could not read again, and blocks no role address") {
  Desk desk;
  Control control;
  add_sender_commands(control, desk.book, [] { return std::make_shared<policy::Settings>(); }, kept);
  for (const char* request :
       {R"({"command": "block", "action": "add", "pattern": "a.test", "for": "Postmaster@our.example"})",
        R"({"command": "block", "action": "add", "pattern": "a.test", "reason": "two\nlines"})",
        R"({"command": "block", "action": "add", "pattern": "a.test", "owner": "two words"})",
        R"({"command": "block", "action": "add", "pattern": "a.test", "authenticated": true})",
        R"({"command": "block", "action": "add", "pattern": "*"})", R"({"command": "block"})"})
    CHECK_MESSAGE(ask(control, request).end.contains("error"), request);
  CHECK(desk.state->count("block") == 0);
}
