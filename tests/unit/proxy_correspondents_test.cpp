#include <doctest/doctest.h>

#include "base/config/json_line.h"
#include "proxy/correspondent_commands.h"
#include "tests/unit/envelope_support.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::proxy;
using namespace std::chrono_literals;
using sallyport::testing::path;
using Of = Correspondents::Of;

namespace {

struct Desk {
  store::ScratchDirectory scratch;
  store::TestClock clock;
  std::unique_ptr<store::StateStore> state = open();
  policy::CorrespondentSettings settings;

  std::unique_ptr<store::StateStore> open() {
    return std::move(*store::StateStore::open(scratch.file("state.db"), clock, [](std::string_view) {}));
  }
  void writes(const char* ours, const char* theirs) {
    Correspondents(*state).learn(path(ours), path(theirs), settings);
  }
  Of of(const char* sender, const char* recipient) {
    return Correspondents(*state).look(path(sender), path(recipient), settings);
  }
};

std::string ask(const Control& control, const char* text) {
  std::string answer;
  control.answer(text, [&](const config::Node& line) {
    answer += config::to_json_line(line) + "\n";
    return true;
  });
  return answer;
}

}  // namespace

TEST_CASE("correspondents: of the user who wrote, and of his domain") {
  Desk desk;
  CHECK(desk.of("joe@ext.test", "anna@our.test") == Of::nobody);
  desk.writes("Anna+shop@our.test", "Joe@ext.test");
  CHECK(desk.of("joe@ext.test", "anna@our.test") == Of::recipient);
  CHECK(desk.of("prvs=1234ABCDEF=joe@ext.test", "anna+orders@our.test") == Of::recipient);
  CHECK(desk.of("joe@ext.test", "bert@our.test") == Of::domain);
  CHECK(desk.of("joe@ext.test", "bert@other.test") == Of::nobody);
  CHECK(desk.of("jim@ext.test", "anna@our.test") == Of::nobody);
}

TEST_CASE("correspondents: survive a restart, age out, and are renewed by writing alone") {
  Desk desk;
  desk.writes("anna@our.test", "joe@ext.test");
  desk.state.reset();
  desk.state = desk.open();
  CHECK(desk.of("joe@ext.test", "anna@our.test") == Of::recipient);
  desk.clock.time += 89 * 24h;
  CHECK(desk.of("joe@ext.test", "anna@our.test") == Of::recipient);
  desk.writes("anna@our.test", "joe@ext.test");
  desk.clock.time += 89 * 24h;
  CHECK(desk.of("joe@ext.test", "anna@our.test") == Of::recipient);
  desk.clock.time += 2 * 24h;
  CHECK(desk.of("joe@ext.test", "anna@our.test") == Of::nobody);
  // A shorter time counts at once, for what is remembered already.
  desk.writes("anna@our.test", "jim@ext.test");
  desk.clock.time += 2h;
  desk.settings.remember = 1h;
  CHECK(desk.of("jim@ext.test", "anna@our.test") == Of::nobody);
}

TEST_CASE("correspondents: a second letter on the same day is not written again") {
  Desk desk;
  desk.writes("anna@our.test", "joe@ext.test");
  (void)desk.state->flush();
  desk.writes("anna@our.test", "joe@ext.test");
  CHECK(desk.state->figures().unwritten == 0);
}

TEST_CASE("correspondents: commands say who wrote, and forget it") {
  Desk desk;
  SenderBook book(*desk.state, desk.clock);
  Control control;
  const auto settings = std::make_shared<policy::Settings>();
  settings->domains.add("our.test", "groupware");
  add_correspondent_commands(
      control, book, [settings] { return settings; },
      []() -> Result<> { return fail(Errc::io, "not on disk"); });
  desk.writes("anna@our.test", "joe@ext.test");
  desk.writes("bert@our.test", "joe@ext.test");
  CHECK(ask(control, R"({"command": "correspondents-count"})").starts_with("{\"correspondents\":2}"));
  const auto said =
      ask(control,
          R"({"command": "correspondents-check", "ours": "Anna@our.test", "theirs": "joe+x@ext.test"})");
  CHECK(said.starts_with(R"({"who":"anna@our.test","last_written":"2026-11-22T16:00:00.000Z"})"));
  CHECK(said.contains(R"({"who":"our.test","last_written":"2026-11-22T16:00:00.000Z"})"));
  CHECK(ask(control,
            R"({"command": "correspondents-check", "ours": "our.test", "theirs": "jim@ext.test"})") ==
        "{\"ok\":true}\n");
  CHECK(ask(control,
            R"({"command": "correspondents-check", "ours": "joe@ext.test", "theirs": "anna@our.test"})")
            .contains("ext.test is none of our domains; the first is ours"));
  CHECK(ask(control,
            R"({"command": "correspondents-forget", "ours": "anna@our.test", "theirs": "joe@ext.test"})")
            .starts_with("{\"forgotten\":2}\n{\"error\":\"not on disk\",\"status\":74}"));
  CHECK(ask(control,
            R"({"command": "correspondents-forget", "ours": "anna@our.test", "theirs": "joe@ext.test"})") ==
        "{\"forgotten\":0}\n{\"ok\":true}\n");
  CHECK(desk.of("joe@ext.test", "anna@our.test") == Of::nobody);
  CHECK(desk.of("joe@ext.test", "bert@our.test") == Of::recipient);
  for (const char* request :
       {R"({"command": "correspondents-check", "ours": "our.test", "theirs": "ext.test"})",
        R"({"command": "correspondents-forget", "ours": "a b", "theirs": "joe@ext.test"})",
        R"({"command": "correspondents-forget"})"})
    CHECK_MESSAGE(ask(control, request).contains("error"), request);
}
