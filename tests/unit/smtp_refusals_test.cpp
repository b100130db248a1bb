// What the machine notes of the commands that it refused, for the events of sessions and messages.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/mail/replies.h"
#include "tests/dialogue/memory_session.h"

namespace sallyport::smtp {
namespace {

using dialogue::MemorySession;

ServerOptions defaults() {
  ServerOptions options;
  options.hostname = "mx.example.test";
  options.starttls = true;
  return options;
}

// "MAIL FROM:<a@b..c>: bad-sender", one a refusal.
std::vector<std::string> told(const Refusals& refusals) {
  std::vector<std::string> out;
  for (const Refused& refused : refusals.list())
    out.push_back(refused.command + ": " + std::string(mail::reason_of(refused.reply)));
  return out;
}

// A read of the socket for each.
std::vector<std::string> outside(const std::vector<std::string_view>& reads,
                                 ServerOptions options = defaults(), bool tls = false) {
  MemorySession session(std::move(options), tls);
  for (const std::string_view octets : reads) session.receive(octets);
  return told(session.machine().refusals());
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a refused command is noted with its words and the reason's name") {
  CHECK(outside({"EHLO x\r\n", "MAIL FROM:<a@b..c>\r\n"}) == Lines{"MAIL FROM:<a@b..c>: bad-sender"});
  CHECK(outside({"EHLO x\r\n", "mail from:<a@b.example> SIZE=999999999999\r\n"}) ==
        Lines{"mail from:<a@b.example> SIZE=999999999999: message-too-large"});
  CHECK(outside({"MAIL FROM:<a@b.example>\r\n"}) == Lines{"MAIL FROM:<a@b.example>: helo-first"});
  CHECK(outside({"EHLO x\r\n", "RCPT TO:<a@b.example>\r\n", "DATA\r\n"}) ==
        Lines{"RCPT TO:<a@b.example>: mail-first", "DATA: mail-first"});
  CHECK(outside({"GET / HTTP/1.0\r\n"}) == Lines{"GET: other-protocol"});
  CHECK(outside({"EHLO x\r\n", "\x16\x03\x01"}) == Lines{": other-protocol"});
  CHECK(outside({"EHLO x\r\n", "EHLO x\r\nNOOP\r\n"}) == Lines{"EHLO x: illegal-pipelining"});
  CHECK(outside({"EHLO x\r\n", "BDAT y\r\n"}) == Lines{"BDAT y: bdat-syntax"});
}

TEST_CASE("what may be a password is not noted") {
  ServerOptions options = defaults();
  options.auth_offered = true;
  const auto noted = outside({"EHLO x\r\n", "AUTH PLAIN AGEAc2VjcmV0\r\n", "AUTH LOGIN\r\n", "YQ==\r\n",
                              "!!\r\n", "c2VjcmV0\r\n", "c2VjcmV0\n"},
                             options, true);
  CHECK(noted ==
        Lines{"AUTH: next hop", "AUTH: auth-response-malformed", ": unknown-command", ": broken-line"});
  CHECK(outside({"EHLO x\r\n", "AUTH LOGIN\n", "c2VjcmV0\n"}) ==
        Lines{"AUTH: broken-line", ": broken-line"});
  CHECK(outside({"EHLO x\r\n", "PASS secret\r\n"}) == Lines{"PASS: unknown-command"});
}

TEST_CASE("nor what follows AUTH in another spelling") {
  for (const char* line : {"AUTH\tPLAIN\tAGEAc2VjcmV0\r\n", "AUTH:LOGIN\r\n", "AUTH=PLAIN\r\n",
                           "authlogin\r\n", " AUTH:LOGIN\r\n"}) {
    CAPTURE(line);
    const auto noted = outside({"EHLO x\r\n", line, "YQ==\r\n", "c2VjcmV0\r\n"});
    CHECK(noted == Lines{": unknown-command", ": unknown-command", ": unknown-command"});
  }
  CHECK(outside({"EHLO x\r\n", "FOO\tbar\r\n"}) == Lines{"FOO: unknown-command"});
}

TEST_CASE("what is refused in a transaction is noted for it, and not what the driver refused") {
  MemorySession session(defaults());
  session.receive("EHLO x\r\n");
  session.receive("XYZZY\r\nMAIL FROM:<a@b.example>\r\n");
  session.receive(
      "RCPT TO:<nobody@example.test>\r\nRCPT TO:<u@@x>\r\nRCPT TO:<anna@example.test> FOO=1\r\n");
  session.receive("RCPT TO:<anna@example.test>\r\nMAIL FROM:<b@b.example>\r\nDATA\r\n");
  session.receive("a\r\n.\r\n");
  Lines lines;
  for (const Refused& refused : session.noted())
    lines.push_back(refused.command + ": " + std::string(mail::reason_of(refused.reply)));
  CHECK(lines == Lines{"RCPT TO:<u@@x>: bad-recipient",
                       "RCPT TO:<anna@example.test> FOO=1: parameter-unknown",
                       "MAIL FROM:<b@b.example>: sender-given", "XYZZY: unknown-command"});
  CHECK(session.recorded() == 5);
}

TEST_CASE("the first refusals are kept, and the last") {
  ServerOptions options = defaults();
  options.errors = 30;
  MemorySession session(options);
  for (int i = 0; i < 30; ++i) session.receive("XYZZY" + std::to_string(i) + "\r\n");
  const Refusals& refusals = session.machine().refusals();
  CHECK(refusals.count() == 31);
  const auto lines = told(refusals);
  REQUIRE(lines.size() == Refusals::kKept);
  CHECK(lines.front() == "XYZZY0: unknown-command");
  CHECK(lines.back() == "XYZZY29: too-many-errors");
  MemorySession long_line(defaults());
  long_line.receive("EHLO x\r\n");
  long_line.receive("MAIL FROM:<" + std::string(1500, 'a') + "@@>\r\n");
  CHECK(long_line.noted().front().command.size() == 300);
}

TEST_CASE("an end that comes from the driver is noted with what it came upon") {
  MemorySession session(defaults());
  session.receive("EHLO x\r\n");
  session.machine().end_session(mail::reply(mail::Refusal::timeout));
  CHECK(told(session.machine().refusals()) == Lines{": timeout"});
  ServerMachine greeted(defaults(), "s");
  greeted.greet(mail::reply(mail::Refusal::talked_early));
  CHECK(told(greeted.refusals()) == Lines{": talked-early"});
  MemorySession in_data(defaults());
  in_data.receive("EHLO x\r\n");
  in_data.receive("MAIL FROM:<a@b.example>\r\nRCPT TO:<anna@example.test>\r\nDATA\r\n");
  in_data.receive("a\r\n");
  in_data.machine().end_session(mail::reply(mail::Refusal::going_down));
  CHECK(told(in_data.machine().take_refusals_of_transaction()) == Lines{"DATA: going-down"});
}

TEST_CASE("whom a refused RCPT meant is told, whatever is wrong with it") {
  CHECK(written_recipient("RCPT TO:<u@@x> FOO=1") == "u@@x");
  CHECK(written_recipient("RCPT TO:u@x") == "u@x");
  CHECK(written_recipient("RCPT TO:<u@x") == "u@x");
  CHECK(written_recipient("RCPT u@x") == "u@x");
  CHECK(written_recipient("RCPT").empty());
  CHECK(written_recipient("RCPT TO:").empty());
}

}  // namespace sallyport::smtp
