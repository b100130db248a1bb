#include <doctest/doctest.h>
#include <fmt/format.h>

#include <vector>

#include "proxy/explanation.h"

using namespace sallyport;
using namespace sallyport::proxy;

namespace {

// The event of a message to one recipient.
std::string explained(const std::string& recipient, const std::string& more = "") {
  const std::vector<std::string> events{fmt::format(
      R"({{"time":"2026-11-28T16:00:00.000Z","type":"message","id":"3kf.1","session":"3kf","client":"192.0.2.9",)"
      R"("from":"joe@a.test","to":[{{"address":"anna@b.test",{}}}]{},"fate":"abandoned","ms":5}})",
      recipient, more)};
  return explanation(events, "3kf.1");
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

constexpr const char* kTexts =
    R"(,"rule_texts":[{"value":"thresholds.reject","use":"9","if":"{\"to\": \"*@b.test\"}","at":"conf.d/30.json:12"},)"
    R"({"value":"thresholds.reject","use":"1","if":"{\"to\": \"c.test\"}","at":"conf.d/30.json:1"},)"
    R"({"value":"checks.rdns.missing","use":"\"reject\"","if":"{\"rdns\": false, \"mode\": \"observe\"}","at":"conf.d/30.json:14"}])";

}  // namespace

TEST_CASE("rules are told with what they say, and only those of the recipient") {
  const auto text =
      explained(R"("code":250,"rules":"thresholds.reject: conf.d/30.json:12",)"
                R"("observed_rules":"checks.rdns.missing: conf.d/30.json:14","would_be":"reverse-name")",
                kTexts);
  CHECK_MESSAGE(has(text, R"(thresholds.reject is 9 here: rule {"to": "*@b.test"} (conf.d/30.json:12))"),
                text);
  CHECK(has(text, R"(checks.rdns.missing would be "reject" here: rule {"rdns": false, "mode": "observe"})"
                  " (conf.d/30.json:14), which is only observed"));
  CHECK(has(text, "if all that is only observed counted: reverse-name. "));
  CHECK_FALSE(has(text, "c.test"));
  CHECK_FALSE(has(text, "rule_texts"));
}

TEST_CASE("of a session the rules are told that were decided by its client alone") {
  const std::vector<std::string> events{
      R"({"time":"2026-11-28T16:00:00.000Z","type":"session","id":"3kf","listener":"mx","client":"192.0.2.9",)"
      R"("rule_texts":[{"value":"limits.sessions_per_address","use":"500","if":"{\"ip\": \"192.0.2.0/24\"}",)"
      R"("at":"conf.d/30.json:3"}],"end":"quit","ms":5})"};
  const auto text = explanation(events, "3kf");
  CHECK_MESSAGE(
      has(text,
          R"(limits.sessions_per_address is 500 here: rule {"ip": "192.0.2.0/24"} (conf.d/30.json:3))"),
      text);
}

TEST_CASE("an event from before rules had words is told by their places") {
  const auto text = explained(
      R"("code":250,"rules":"thresholds.reject: conf.d/30.json:12, limits.recipients: conf.d/30.json:2")");
  CHECK(has(text,
            "by the rules thresholds.reject: conf.d/30.json:12, limits.recipients: conf.d/30.json:2\n"));
  CHECK(
      has(explained(R"("code":550,"why":"barred-sender","rule":"lists/s:6")"), "by the line lists/s:6\n"));
}

TEST_CASE("lines of lists are told with what they say") {
  const auto barred =
      explained(R"("code":550,"why":"barred-sender","rule":"lists/s:6","entry":"*@hotmail.test")");
  CHECK_MESSAGE(has(barred, "barred: *@hotmail.test (lists/s:6)\n"), barred);
  const auto blocked = explained(
      R"("code":550,"why":"blocked-sender","rule":"lists/block:3",)"
      R"("entry":"*.a.test for=b.test owner=anna expires=2027-01-31 # sends \u001b[31mtoo much")");
  CHECK_MESSAGE(has(blocked,
                    "blocked: *.a.test, for b.test; reason: sends \\u001b[31mtoo much; owner: anna; "
                    "ends with 2027-01-31 (lists/block:3)\n"),
                blocked);
  const auto allowed = explained(
      R"("code":250,"why":"allowed","rule":"allow a.test","entry":"a.test authenticated # our \"bank\"")");
  CHECK_MESSAGE(has(allowed, "allowed: a.test, where SPF passes; reason: our \"bank\" (allow a.test)\n"),
                allowed);
  const auto long_one = explained(R"("code":550,"why":"barred-sender","rule":"l:1","entry":")" +
                                  std::string(1000, 'x') + "\"");
  CHECK(has(long_one, "barred: " + std::string(300, 'x') + "... (l:1)"));
}

TEST_CASE("whoever is taken in spite of what speaks against him is told why, and what would have been") {
  const std::string otherwise =
      R"("otherwise":"client","otherwise_code":550,"otherwise_reply":"Mail from [192.0.2.9] refused: listed")";
  const auto role = explained(R"("code":250,"why":"role",)" + otherwise);
  CHECK_MESSAGE(has(role, "a role address: its mail is taken whatever is found about the client"), role);
  CHECK(has(role, "else it would have been refused (client): 550 Mail from [192.0.2.9] refused: listed\n"));
  CHECK_FALSE(has(explained(R"("code":250,"why":"role")"), "else it would"));
  const auto correspondent = explained(R"("code":250,"why":"allowed","rule":"correspondent",)" + otherwise);
  CHECK(has(correspondent, "anna@b.test has written to this sender"));
  CHECK(has(correspondent, "else it would have been refused (client)"));
}

TEST_CASE("what fits the sender and does not hold is told with what SPF says") {
  const std::string spf =
      R"(,"evidence":[{"check":"spf_mailfrom","found":"fail","subject":"a.test","detail":"-all"}])";
  const std::string entry =
      R"("code":550,"why":"client","unheld":"lists/allow:3","unheld_entry":"a.test # our bank")";
  const auto text = explained(entry, spf);
  CHECK_MESSAGE(has(text,
                    "an allow entry fits: a.test; reason: our bank (lists/allow:3), but it does not hold "
                    "without an SPF pass: SPF of a.test does not permit this address (-all)\n"),
                text);
  CHECK(has(explained(entry),
            "(lists/allow:3), but it does not hold without an SPF pass: it was not asked\n"));
  CHECK(has(explained(R"("code":550,"unheld":"correspondent")", spf),
            "that somebody here has written to this sender would count for it, but it does not hold "));
  const auto rule =
      explained(R"("code":550,"unproven_rules":"thresholds.reject: conf.d/30.json:12")", spf + kTexts);
  CHECK_MESSAGE(
      has(rule,
          R"(thresholds.reject would be 9 here: rule {"to": "*@b.test"} (conf.d/30.json:12), but it does )"
          "not hold without an SPF pass: SPF of a.test does not permit this address (-all)\n"),
      rule);
}

TEST_CASE("greylisting is told in words, with what it rests on") {
  const auto text = explained(
      R"("code":451,"why":"greylisted","greylist":"waits","greylist_for":"points from 1 on","identity":"192.0.2.0/24",)"
      R"("first_seen":"2026-11-28T15:58:00Z")");
  CHECK_MESSAGE(has(text,
                    "greylisting of 192.0.2.0/24 (points from 1 on): it came back too early; it first came "
                    "2026-11-28T15:58:00Z\n"),
                text);
  CHECK(has(explained(R"("code":250,"greylist":"known","identity":"a.test")"),
            "greylisting of a.test: it has come back so often that it waits no more"));
  CHECK(has(explained(R"("code":250,"greylist":"begins","identity":"a.test")"),
            "it comes for the first time, and would have to come again, were this not only observed\n"));
  CHECK(has(explained(R"("code":550,"why":"client","greylist":"came back, refused","identity":"a.test")"),
            "the delay is over, but what is known by now speaks against it: it has not passed\n"));
}

TEST_CASE("who ended it is told: the client, or we with 421") {
  CHECK(has(explained(R"("code":550)"), "in the end: the client went on or away without sending it\n"));
  const char* ours = "in the end: we closed the connection with that 421, before it was sent\n";
  CHECK(has(explained(R"("code":421,"why":"harvest")"), ours));
  CHECK(has(explained(R"("code":250)", R"(,"refused":[{"code":421,"reply":"silent","why":"timeout"}])"),
            ours));
}

TEST_CASE("the text of a refusal is told of the mail alone that was refused so") {
  const std::string texts =
      R"(,"rule_texts":[{"value":"barring.reply","use":"\"No\"","if":"{\"to\": \"b.test\"}","at":"c:1"},)"
      R"({"value":"lists.block_reply","use":"\"Go\"","if":"{\"to\": \"b.test\"}","at":"c:2"}])";
  const std::string rules = R"("rules":"barring.reply: c:1, lists.block_reply: c:2")";
  CHECK_FALSE(has(explained(R"("code":250,)" + rules, texts), "reply"));
  const auto barred = explained(R"("code":550,"why":"barred-sender","rule":"s:6",)" + rules, texts);
  CHECK_MESSAGE(has(barred, R"(barring.reply is "No" here)"), barred);
  CHECK_FALSE(has(barred, "block_reply"));
  const auto blocked = explained(R"("code":250,"would_be":"blocked-sender b:1",)" + rules, texts);
  CHECK_MESSAGE(has(blocked, R"(lists.block_reply is "Go" here)"), blocked);
  CHECK_FALSE(has(blocked, "barring.reply"));
}

TEST_CASE("what is only observed is told beside the score of a recipient") {
  const auto text = explained(
      R"("code":250,"score":4,"reject_at":5,"counts":"+4 no SPF","observed_counts":"+5 listed","would_be_score":9)");
  CHECK_MESSAGE(has(text,
                    "for it counts: +4 no SPF\n    only observed: +5 listed\n"
                    "    its score: 4 (9 with what is only observed); its mail is refused from 5 on\n"),
                text);
  CHECK(has(explained(R"("code":250,"score":4,"reject_at":5)"), "its score: 4; its mail"));
}

TEST_CASE("limits of a session and of a message are told in words") {
  const std::vector<std::string> events{
      R"({"time":"2026-11-28T16:00:00.000Z","type":"session","id":"3kf","listener":"mx","client":"192.0.2.9",)"
      R"("rate":"connections 1/1h","identity":"192.0.2.0/24","would_be_at_connect":"connection-rate","end":"quit","ms":5})"};
  const auto session = explanation(events, "3kf");
  CHECK_MESSAGE(has(session, "  192.0.2.0/24 had reached its limit: connections 1/1h (`limits.rate`)\n"),
                session);
  CHECK(has(session, "at connect: connection-rate. `limits.rate.connections` (docs/rates.md)"));
  CHECK_FALSE(has(session, "rate: connections"));
  CHECK_FALSE(has(session, "identity: "));
  const auto message = explained(R"("code":250)", R"(,"rate":"bytes 200/1h","identity":"a.test")");
  CHECK_MESSAGE(has(message, "\n  a.test had reached its limit: bytes 200/1h (`limits.rate`)\n"), message);
}

TEST_CASE("recipients that one event has no room for are told with their message") {
  const std::string of_recipients =
      R"({"time":"2026-11-28T16:00:00.000Z","type":"recipients","id":"3kf.1","to":[{"address":"eve@b.test",)"
      R"("code":421,"reply":"later","rules":"thresholds.reject: conf.d/30.json:12"}])" +
      std::string(kTexts) + "}";
  const auto message = [](int recipients) {
    return fmt::format(
        R"({{"time":"2026-11-28T16:00:00.000Z","type":"message","id":"3kf.1","session":"3kf","from":"joe@a.test",)"
        R"("to":[{{"address":"anna@b.test","code":250}}],"recipients":{},"fate":"abandoned","ms":5}})",
        recipients);
  };
  const std::vector<std::string> events{of_recipients, message(2)};
  const auto text = explanation(events, "3kf.1");
  const auto first = text.find("to <anna@b.test>: taken"), second = text.find("to <eve@b.test>: deferred");
  CHECK_MESSAGE((first < second && second < text.find("in the end: we closed the connection")), text);
  CHECK(has(text, "thresholds.reject is 9 here"));
  CHECK_FALSE(has(text, "not kept"));
  CHECK_FALSE(has(text, "recipients: "));

  const std::vector<std::string> incomplete{of_recipients, message(5)};
  CHECK(has(explanation(incomplete, "3kf.1"), "of its 5 recipients the others were not kept"));
  const std::vector<std::string> alone{of_recipients};
  CHECK(has(explanation(alone, "3kf.1"), "eve@b.test"));
  CHECK_FALSE(has(explanation(alone, "3kf.2"), "eve@b.test"));
}
