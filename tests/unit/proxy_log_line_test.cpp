#include <doctest/doctest.h>
#include <fmt/format.h>

#include <utility>

#include "proxy/log_line.h"

using namespace sallyport;
using namespace sallyport::proxy;

namespace {

std::string line_of(std::string event, const LogChoice& choice = {}) {
  const auto view = JsonView::parse(event);
  REQUIRE(view);
  return log_line(view->root(), {}, WallTime(std::chrono::milliseconds(1'795'363'200'123)), choice)
      .value_or("");
}

constexpr const char* kRefused =
    R"({"type":"message","id":"3kf.1","client":"192.0.2.9","from":"ann@a.example","to":[)"
    R"({"address":"bob@b.example","code":250},{"address":"eve@b.example","code":550,"enhanced":"5.1.1","reply":"no"}],)"
    R"("fate":"refused","code":554,"reply":"bad \u001b[31m"})";
constexpr const char* kTaken =
    R"({"type":"message","id":"3kf.2","client":"2001:db8::1","from":"<>","to":[{"address":"bob@b.example","code":250}],)"
    R"("fate":"delivered","code":250,"reply":"ok","would_be":"reject"})";
constexpr const char* kAtRecipients =
    R"({"type":"message","id":"3kf.3","client":"192.0.2.9","from":"ann@a.example","to":[)"
    R"({"address":"bob@b.example","code":451,"reply":"later"},{"address":"eve@b.example","code":550,"reply":"no"}],)"
    R"("fate":"abandoned"})";
constexpr const char* kSession =
    R"({"type":"session","id":"3kf","client":"192.0.2.9","helo":"a","transactions":0,"end":"timeout"})";

constexpr const char* kTurnedAway =
    R"({"type":"session","id":"3kf","client":"192.0.2.9","refused":[{"code":421,"enhanced":"4.7.0","reply":"too many"}],)"
    R"("transactions":0,"end":"too many sessions"})";
constexpr const char* kBesideItsMail =
    R"({"type":"session","id":"3kf","client":"192.0.2.9","helo":"a","refused":[{"code":421,"reply":"later","why":"going-down"},)"
    R"({"command":"MAIL FROM:<>","code":552,"enhanced":"5.3.4","reply":"large"}],"transactions":1,"end":"quit"})";
constexpr const char* kSilent =
    R"({"type":"session","id":"3kf","client":"192.0.2.9","refused":[{"code":421,"reply":"silent","why":"timeout"}],)"
    R"("transactions":1,"end":"timeout"})";
constexpr const char* kInTransaction =
    R"({"type":"message","id":"3kf.4","client":"192.0.2.9","from":"<>","to":[{"address":"b@b.example","code":250}],)"
    R"("fate":"abandoned","refused":[{"command":"NOOP","code":421,"reply":"junk","why":"too-much-junk"}]})";

bool chosen(const char* event, const LogChoice& choice) { return !line_of(event, choice).empty(); }
LogChoice verdict(const char* word) { return {.from = {}, .to = {}, .ip = {}, .verdict = word}; }

}  // namespace

TEST_CASE("a message is one line that can fool nobody") {
  CHECK(line_of(kRefused) ==
        "2026-11-22 16:00:00.123  3kf.1           reject  192.0.2.9  <ann@a.example> -> <bob@b.example> "
        "and 1 more  "
        "554 bad \\u001b[31m");
  CHECK(line_of(kTaken) ==
        "2026-11-22 16:00:00.123  3kf.2           accept (would reject)  2001:db8::1  <> -> "
        "<bob@b.example>  250 ok");
  CHECK(line_of(kAtRecipients)
            .ends_with("reject  192.0.2.9  <ann@a.example> -> <bob@b.example> and 1 more  550 no"));
  CHECK(line_of(kSession).ends_with("none    192.0.2.9  no mail; HELO a; timeout"));
  CHECK(line_of(R"({"type":"session","transactions":1})").empty());
  CHECK(line_of(R"({"type":"start"})").empty());
  CHECK(line_of(R"([1])").empty());
  CHECK_FALSE(line_of(R"({"type":"message","to":3,"code":"x"})").empty());
}

TEST_CASE("lines are chosen by verdict, of the message or of a recipient") {
  CHECK(chosen(kRefused, verdict("reject")));
  CHECK_FALSE(chosen(kRefused, verdict("accept")));
  CHECK(chosen(kTaken, verdict("accept")));
  CHECK(chosen(kTaken, verdict("would-reject")));
  CHECK_FALSE(chosen(kTaken, verdict("would-defer")));
  for (const auto& [name, word] :
       {std::pair("blocked-sender lists/block:3", "reject"), std::pair("greylisted", "defer"),
        std::pair("client", "reject"), std::pair("allowed lists/allow:1", "accept")}) {
    const std::string event = fmt::format(
        R"({{"type":"message","to":[{{"address":"bob@b.example","code":250,"would_be":"{}"}}],"fate":"delivered"}})",
        name);
    CHECK(chosen(event.c_str(), verdict(fmt::format("would-{}", word).c_str())));
    CHECK(line_of(event).find(fmt::format("accept (would {})", word)) != std::string::npos);
  }
  CHECK_FALSE(chosen(kTaken, verdict("reject")));
  CHECK(chosen(kAtRecipients, verdict("reject")));
  CHECK(chosen(kAtRecipients, verdict("defer")));
  CHECK_FALSE(chosen(kAtRecipients, verdict("accept")));
  CHECK(chosen(kSession, verdict("none")));
}

TEST_CASE("lines are chosen by address and client") {
  CHECK(chosen(kRefused, {.from = "a.example", .to = {}, .ip = {}, .verdict = {}}));
  CHECK(chosen(kRefused, {.from = {}, .to = "EVE@*", .ip = {}, .verdict = {}}));
  CHECK_FALSE(chosen(kTaken, {.from = {}, .to = "eve@*", .ip = {}, .verdict = {}}));
  CHECK_FALSE(chosen(kSession, {.from = "a.example", .to = {}, .ip = {}, .verdict = {}}));
  CHECK(chosen(kTaken, {.from = "<>", .to = {}, .ip = {}, .verdict = {}}));
  CHECK(chosen(kTaken, {.from = {}, .to = {}, .ip = Network::parse("2001:db8::/32"), .verdict = {}}));
  CHECK_FALSE(
      chosen(kRefused, {.from = {}, .to = {}, .ip = Network::parse("2001:db8::/32"), .verdict = {}}));
}

TEST_CASE("lines are chosen by who had logged in, and by reason") {
  const std::string event =
      R"({"type":"message","user":"anna","to":[{"address":"b@b.example","code":451,"why":"over-rate"},)"
      R"({"address":"c@b.example","code":250,"why":"role"}],"fate":"refused","code":552,"why":"message-too-large",)"
      R"("refused":[{"command":"NOOP","code":503,"why":"helo-first"}]})";
  CHECK(chosen(event.c_str(), {.from = {}, .to = {}, .ip = {}, .user = "Anna", .verdict = {}}));
  CHECK_FALSE(chosen(event.c_str(), {.from = {}, .to = {}, .ip = {}, .user = "ann", .verdict = {}}));
  CHECK_FALSE(chosen(kTaken, {.from = {}, .to = {}, .ip = {}, .user = "anna", .verdict = {}}));
  for (const char* why : {"over-rate", "role", "message-too-large", "helo-first"})
    CHECK(chosen(event.c_str(), {.from = {}, .to = {}, .ip = {}, .user = {}, .why = why, .verdict = {}}));
  CHECK_FALSE(
      chosen(event.c_str(), {.from = {}, .to = {}, .ip = {}, .user = {}, .why = "relay", .verdict = {}}));
  CHECK(is_reason("over-rate"));
  CHECK(is_reason("next hop"));
  CHECK(is_reason("role"));
  CHECK_FALSE(is_reason("over-rated"));
}

TEST_CASE("recipient, verdict and reason have to be true of one and the same") {
  const std::string event =
      R"({"type":"message","to":[{"address":"bob@b.example","code":250,"why":"allowed"},)"
      R"({"address":"eve@b.example","code":550,"why":"blocked-sender","would_be":"greylisted"}],)"
      R"("fate":"delivered","code":250,"would_be":"reject","refused":[{"command":"NOOP","code":503,"why":"helo-first"}]})";
  const auto fits = [&](const char* to, const char* why, const char* verdict) {
    return chosen(event.c_str(),
                  {.from = {}, .to = to, .ip = {}, .user = {}, .why = why, .verdict = verdict});
  };
  CHECK(fits("bob@*", "", "accept"));
  CHECK_FALSE(fits("bob@*", "", "reject"));
  CHECK(fits("eve@*", "", "reject"));
  CHECK_FALSE(fits("eve@*", "", "accept"));
  CHECK(fits("bob@*", "allowed", ""));
  CHECK_FALSE(fits("bob@*", "blocked-sender", ""));
  CHECK_FALSE(fits("bob@*", "helo-first", ""));
  CHECK(fits("", "blocked-sender", "reject"));
  CHECK_FALSE(fits("", "blocked-sender", "accept"));
  CHECK(fits("", "helo-first", ""));
  CHECK_FALSE(fits("", "helo-first", "reject"));  // the message arrived
  CHECK(fits("bob@*", "", "would-reject"));       // as the message
  CHECK(fits("eve@*", "", "would-defer"));
  CHECK_FALSE(fits("bob@*", "", "would-defer"));
  CHECK_FALSE(fits("eve@*", "", "would-reject"));
}

TEST_CASE("a recipient that was taken heard what the message did") {
  const auto fits = [](const char* event, const char* to, const char* word) {
    return chosen(event, {.from = {}, .to = to, .ip = {}, .verdict = word});
  };
  CHECK(fits(kRefused, "bob@*", "reject"));
  CHECK_FALSE(fits(kRefused, "bob@*", "accept"));
  CHECK(fits(kAtRecipients, "bob@*", "defer"));
  CHECK_FALSE(fits(kAtRecipients, "bob@*", "reject"));
  CHECK(fits(kInTransaction, "b@*", "defer"));
}

TEST_CASE("a domain stands for its addresses, and those below it for another") {
  CHECK(address_matches("example.com", "ann@Example.com"));
  CHECK_FALSE(address_matches("example.com", "ann@mail.example.com"));
  CHECK(address_matches("*.example.com", "ann@mail.example.com"));
  CHECK_FALSE(address_matches("*.example.com", "ann@example.com"));
  CHECK(address_matches("ann@*", "ann@example.com"));
}

TEST_CASE("what was refused beside recipients and content is found, under the id that its reply bore") {
  CHECK(line_of(kTurnedAway)
            .ends_with("defer   192.0.2.9  no mail; HELO not said; 421 4.7.0 too many; too many sessions"));
  CHECK(chosen(kTurnedAway, verdict("defer")));
  CHECK_FALSE(chosen(kTurnedAway, verdict("none")));
  CHECK(line_of(kBesideItsMail)
            .ends_with("reject  192.0.2.9  beside its mail; HELO a; 552 5.3.4 large; quit"));
  CHECK(chosen(kBesideItsMail, verdict("reject")));
  CHECK(chosen(kBesideItsMail, verdict("defer")));
  CHECK(line_of(kSilent).empty());
  CHECK(line_of(kInTransaction).ends_with("defer   192.0.2.9  <> -> <b@b.example>  421 junk"));
  CHECK(chosen(kInTransaction, verdict("defer")));
  CHECK_FALSE(chosen(kInTransaction, verdict("reject")));
}

TEST_CASE("a message is chosen by all of its recipients, in however many events they stand") {
  const std::string own =
      R"({"type":"message","id":"3kf.1","client":"192.0.2.9","from":"ann@a.example",)"
      R"("to":[{"address":"bob@b.example","code":250}],"fate":"delivered","code":250,"reply":"ok"})";
  const std::string other =
      R"({"type":"recipients","id":"3kf.1","to":[{"address":"eve@c.example","code":550,"why":"barred-recipient"}]})";
  const auto message = JsonView::parse(own), recipients = JsonView::parse(other);
  const auto chosen = [&](const LogChoice& choice) {
    return log_line(message->root(), std::span(&*recipients, 1), WallTime(), choice).value_or("");
  };
  const auto by = [](std::string LogChoice::* what, const char* word) {
    LogChoice choice;
    choice.*what = word;
    return choice;
  };
  CHECK(chosen({}).find("<bob@b.example> and 1 more") != std::string::npos);
  CHECK_FALSE(chosen(by(&LogChoice::to, "c.example")).empty());
  CHECK_FALSE(chosen(by(&LogChoice::why, "barred-recipient")).empty());
  CHECK_FALSE(chosen(by(&LogChoice::verdict, "reject")).empty());
  CHECK(chosen(by(&LogChoice::to, "d.example")).empty());
  CHECK_FALSE(log_line(recipients->root(), {}, WallTime(), {}));
}
