#include <doctest/doctest.h>

#include "base/config/json_line.h"
#include "proxy/greylist.h"
#include "proxy/greylist_commands.h"
#include "proxy/greylist_names.h"
#include "proxy/greylist_waiting.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::proxy;
using namespace std::chrono_literals;
using Kind = policy::GreylistStep::Kind;

namespace {

struct Bench {
  store::TestClock clock;
  std::unique_ptr<store::StateStore> state = std::move(*store::StateStore::open("", clock, {}));
  Greylist greylist{*state};
  policy::GreylistSettings settings;

  // Judged, and kept.
  GreylistStanding comes(const char* sender = "anna@example.net", const char* recipient = "bob@example.com",
                         const char* client = "192.0.2.0/24", bool watched = false) {
    GreylistCase one{{policy::ClientIdentity::Kind::network, client}, {}, {}, watched};
    REQUIRE(mail::parse_path(sender, {}, one.sender) == mail::PathFault::none);
    REQUIRE(mail::parse_path(recipient, {}, one.recipient) == mail::PathFault::none);
    const auto standing = greylist.look(one, settings);
    greylist.keep(one, standing, settings);
    return standing;
  }
  GreylistStanding comes_watched(const char* sender) {
    return comes(sender, "bob@example.com", "192.0.2.0/24", true);
  }
  // Senders of one client, each an hour after it had to wait: as many as make it known.
  void five_come_back(bool watched = false) {
    for (const char* sender : {"a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"}) {
      CHECK((watched ? comes_watched(sender) : comes(sender)).defers());
      clock.time += 1h;
      CHECK((watched ? comes_watched(sender) : comes(sender)).step.kind == Kind::came_back);
    }
  }
};

std::string ask(const Control& control, const char* request) {
  std::string answer;
  control.answer(request,
                 [&](const config::Node& line) { return answer += config::to_json_line(line), true; });
  return answer;
}

}  // namespace

TEST_CASE("greylist: deferred, taken when it comes back, and from then on") {
  Bench bench;
  CHECK(bench.comes().step.kind == Kind::begins);
  bench.clock.time += 299s;
  CHECK(bench.comes().step.kind == Kind::waits);
  bench.clock.time += 2s;
  CHECK(bench.comes().step.kind == Kind::came_back);
  CHECK(bench.comes().step.kind == Kind::passes);
  CHECK(bench.comes("other@example.net").step.kind == Kind::begins);
  CHECK(bench.state->count("greylist") == 2);
}

TEST_CASE("greylist: who waits too long starts anew, and who is remembered is renewed") {
  Bench bench;
  bench.comes();
  bench.clock.time += 48h + 1s;
  CHECK(bench.comes().step.kind == Kind::begins);
  bench.clock.time += 5min;
  CHECK(bench.comes().step.kind == Kind::came_back);
  for (int month = 0; month < 4; ++month) {
    bench.clock.time += 35 * 24h;
    CHECK(bench.comes().step.kind == Kind::passes);
  }
  bench.clock.time += 37 * 24h;
  CHECK(bench.comes().step.kind == Kind::begins);
}

TEST_CASE("greylist: an identity that came back five times is known, and leaves no records") {
  Bench bench;
  bench.five_come_back();
  const auto standing = bench.comes("f@x.example");
  CHECK(standing.known);
  CHECK_FALSE(standing.defers());
  CHECK(bench.state->count("greylist") == 5);
  for (int month = 0; month < 3; ++month) {
    bench.clock.time += 35 * 24h;
    CHECK(bench.comes("f@x.example").known);
  }
}

TEST_CASE("greylist: who is only watched is known to what watches, and remembered case by case") {
  Bench bench;
  bench.five_come_back(true);
  CHECK(bench.comes_watched("f@x.example").known);
  const auto standing = bench.comes("g@x.example");
  CHECK_FALSE(standing.known);
  CHECK(standing.defers());
  CHECK(bench.comes("a@x.example").step.kind == Kind::passes);
  GreylistWaiting waiting(*bench.state);
  CHECK(waiting.forget_client("192.0.2.0/24"));
  CHECK_FALSE(bench.comes_watched("f@x.example").known);
}

TEST_CASE("greylist: what watches knows whom what acts knows, and renews none of it") {
  Bench bench;
  bench.settings.known_after = 1;
  bench.comes();
  bench.clock.time += 1h;
  CHECK(bench.comes().step.kind == Kind::came_back);
  bench.clock.time += 35 * 24h;
  CHECK(bench.comes_watched("other@example.net").known);
  bench.clock.time += 2 * 24h;
  CHECK_FALSE(bench.comes("other@example.net").known);
}

TEST_CASE("greylist: nobody waits while what is remembered cannot be read") {
  Bench bench;
  const store::ScratchDirectory scratch;
  const auto hear = [](std::string_view) {};
  bench.state = std::move(*store::StateStore::open(scratch.file("missing/state.db"), bench.clock, hear));
  Greylist greylist(*bench.state);
  const auto standing =
      greylist.look({{policy::ClientIdentity::Kind::network, "192.0.2.0/24"}, {}, {}}, bench.settings);
  CHECK(standing.unread);
  CHECK_FALSE(standing.defers());
}

TEST_CASE("greylist: who waits is shown by name, until it comes back") {
  Bench bench;
  GreylistWaiting waiting(*bench.state);
  bench.comes("Anna@example.net");
  bench.comes("other@example.net");
  std::vector<GreylistWaiter> shown;
  const auto keep = [&](const GreylistWaiter& one) { return shown.push_back(one), true; };
  waiting.show(keep);
  REQUIRE(shown.size() == 2);
  CHECK(shown[0].identity == "192.0.2.0/24");
  CHECK(shown[0].recipient == "bob@example.com");
  CHECK(shown[0].first <= bench.clock.time);
  bench.clock.time += 10min;
  bench.comes("Anna@example.net");
  shown.clear();
  waiting.show(keep);
  REQUIRE(shown.size() == 1);
  CHECK(shown[0].sender == "other@example.net");
}

TEST_CASE("greylist: who is released passes at its next try, who is forgotten starts anew") {
  Bench bench;
  GreylistWaiting waiting(*bench.state);
  bench.comes();
  std::string key;
  waiting.show([&](const GreylistWaiter& one) { return key = one.key, true; });
  CHECK(waiting.release(key, bench.settings.remember));
  CHECK_FALSE(waiting.release(key, bench.settings.remember));
  CHECK(waiting.count() == 0);
  CHECK(bench.comes().step.kind == Kind::passes);
  CHECK(waiting.forget(key));
  CHECK_FALSE(waiting.forget(key));
  CHECK(bench.comes().step.kind == Kind::begins);
}

TEST_CASE("greylist: who is released by command is remembered as long as configured") {
  Bench bench;
  bench.settings.remember = 24h * 100;
  auto policy = std::make_shared<policy::Settings>();
  policy->checks.greylist = bench.settings;
  Control control;
  const auto keep = []() -> Result<> { return fail(Errc::io, "not on disk"); };
  add_greylist_commands(control, *bench.state, [policy] { return policy; }, keep);
  bench.comes();
  CHECK(ask(control, R"({"command": "greylist-release", "all": true})") ==
        R"({"released":1}{"error":"not on disk","status":74})");
  CHECK(ask(control, R"({"command": "greylist-release", "all": true})") == R"({"released":0}{"ok":true})");
  CHECK(ask(control, R"({"command": "greylist-forget", "from": "x@y.test"})") ==
        R"({"forgotten":0}{"ok":true})");
  bench.clock.time += 24h * 99;
  CHECK(bench.comes().step.kind == Kind::passes);
}

TEST_CASE("greylist: whatever is named chooses what is forgotten, waiting or passed, and it is told") {
  Bench bench;
  Control control;
  const auto keep = []() -> Result<> { return {}; };
  add_greylist_commands(control, *bench.state, [] { return nullptr; }, keep);
  const auto forget = [&](const char* choice) {
    return ask(control, (R"({"command": "greylist-forget", )" + std::string(choice) + "}").c_str());
  };
  const auto passes = [&](const char* sender, const char* recipient, const char* client) {
    bench.comes(sender, recipient, client);
    bench.clock.time += 6min;
    REQUIRE(bench.comes(sender, recipient, client).step.kind == Kind::came_back);
  };
  passes("anna@example.net", "bob@example.com", "192.0.2.0/24");
  passes("anna@example.net", "ben@example.com", "192.0.3.0/24");
  passes("joe@example.net", "ben@example.com", "192.0.4.0/24");
  bench.comes("joe@example.net", "bob@example.com", "192.0.4.0/24");
  CHECK(ask(control, R"({"command": "greylist-list", "to": "bob@example.com"})") ==
        R"({"first_seen":"2026-11-22T16:18:00.000Z","client":"192.0.4.0/24","from":"joe@example.net",)"
        R"("to":"bob@example.com"}{"ok":true})");
  CHECK(forget(R"("from": "Anna@example.net")") ==
        R"({"first_seen":"2026-11-22T16:00:00.000Z","from":"Anna@example.net","passed":true})"
        R"({"first_seen":"2026-11-22T16:06:00.000Z","from":"Anna@example.net","passed":true})"
        R"({"forgotten":2}{"ok":true})");
  CHECK(bench.comes("anna@example.net", "ben@example.com", "192.0.3.0/24").step.kind == Kind::begins);
  CHECK(forget(R"("client": "192.0.4.7", "to": "bob@example.com")") ==
        R"({"first_seen":"2026-11-22T16:18:00.000Z","client":"192.0.4.0/24","from":"joe@example.net",)"
        R"("to":"bob@example.com"}{"forgotten":1}{"ok":true})");
  CHECK(bench.comes("joe@example.net", "ben@example.com", "192.0.4.0/24").step.kind == Kind::passes);
  CHECK(forget(R"("from": "not an address")").contains("is neither an address nor a domain"));
  CHECK(forget(R"("to": "")").contains("name a client"));
}

TEST_CASE("greylist: what it costs is counted by days") {
  Bench bench;
  GreylistWaiting waiting(*bench.state);
  bench.comes("a@example.net");
  bench.comes("b@example.net");
  bench.clock.time += 10min;
  bench.comes("a@example.net");
  bench.clock.time += 24h;
  bench.comes("c@example.net");
  const auto today = waiting.sum(1), both = waiting.sum(2);
  CHECK(today.begun == 1);
  CHECK(both.begun == 3);
  CHECK(both.came_back == 1);
  CHECK(both.seconds == 600);
}

TEST_CASE(
    "greylist: who waits is named by his address as it is remembered, by his domain, or by a pattern") {
  const auto sender = [](const char* written, const char* waiting) {
    return GreylistName(GreylistName::Of::sender, written).means(waiting);
  };
  CHECK(sender("list-18@x.example", "list-17@x.example"));
  CHECK(sender("Anna@X.example", "anna@x.example"));
  CHECK(sender("SRS0=AAA=BB=x.example=anna@y.example", "SRS0=CCC=DD=x.example=anna@y.example"));
  CHECK_FALSE(sender("anna@x.example", "ann@x.example"));
  CHECK(sender("x.example", "list-17@x.example"));
  CHECK_FALSE(sender("x.example", "list-17@mail.x.example"));
  CHECK(sender("*.x.example", "list-17@mail.x.example"));
  CHECK(sender("list-*@x.example", "list-17@x.example"));
  CHECK(sender("", "list-17@x.example"));
  CHECK(sender("<>", ""));
  CHECK_FALSE(sender("<>", "anna@x.example"));
  CHECK_FALSE(sender("x.example", ""));
  const auto recipient = [](const char* written, const char* waiting) {
    return GreylistName(GreylistName::Of::recipient, written).means(waiting);
  };
  CHECK(recipient("ANNA@x.example", "anna@x.example"));
  CHECK_FALSE(recipient("room-18@x.example", "room-17@x.example"));
  CHECK(recipient("x.example", "room-17@x.example"));
}

TEST_CASE("greylist: what only observes is told as what would be") {
  Bench bench;
  Control control;
  auto policy = std::make_shared<policy::Settings>();
  add_greylist_commands(control, *bench.state, [&] { return policy; }, [] { return Result<>{}; });
  bench.comes();
  const auto stats = [&] { return ask(control, R"({"command": "greylist-stats"})"); };
  CHECK_FALSE(stats().contains("observed"));
  policy->checks.greylist.mode = policy::Mode::observe;
  CHECK(stats().contains(R"({"waiting":1,"observed":true})"));
  CHECK(ask(control, R"({"command": "greylist-list"})").contains(R"("observed":true)"));
}
