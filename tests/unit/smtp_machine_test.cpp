// What dialogue scripts cannot show: events, bounds, and the seam's own promises.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "proxy/smtp/server_machine.h"
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

constexpr std::string_view hello = "EHLO client.example\r\n";
constexpr std::string_view envelope = "MAIL FROM:<a@sender.example>\r\nRCPT TO:<anna@example.test>\r\n";

void open_transaction(MemorySession& session) {
  session.receive(hello);
  session.receive(envelope);
}

// The events up to the next NeedInput, each answered by `reply` where an answer is due.
template <class Expected>
Expected next_as(ServerMachine& machine, std::string_view& input) {
  Event event = machine.next(input);
  REQUIRE(std::holds_alternative<Expected>(event));
  return std::get<Expected>(std::move(event));
}

const mail::Reply ok = mail::reply(250, {2, 0, 0}, "OK");
const mail::Reply go = mail::reply(354, {}, "");

ServerMachine in_data() {
  ServerMachine machine(defaults(), "s");
  std::string_view input = hello;
  next_as<Helo>(machine, input);
  machine.answer(ok);
  input = "MAIL FROM:<a@sender.example> SIZE=5\r\n";
  CHECK(next_as<Mail>(machine, input).parameters.size == 5);
  machine.answer(ok);
  input = "RCPT TO:<anna@example.test>\r\n";
  CHECK(next_as<Rcpt>(machine, input).recipient.address() == "anna@example.test");
  machine.answer(ok);
  input = "DATA\r\n";
  CHECK_FALSE(next_as<DataBegins>(machine, input).chunked);
  machine.answer(go);
  machine.take_output();
  return machine;
}

TEST_CASE("the events of a message, in order, and what the machine says of itself on the way") {
  ServerMachine machine = in_data();
  CHECK(machine.waiting() == Waiting::data);
  CHECK(machine.in_transaction());
  CHECK(machine.transaction_number() == 1);
  CHECK(machine.id() == "s.1");
  CHECK(machine.accepted_recipients() == 1);
  CHECK(machine.helo() == "client.example");
  CHECK(machine.extended());
  CHECK(machine.commands() == 4);

  std::string_view input = "one\r\n.\r\nQUIT\r\n";
  CHECK(next_as<Body>(machine, input).bytes == "one\r\n");
  next_as<MessageEnds>(machine, input);
  CHECK(input == "QUIT\r\n");
  machine.answer(ok);
  CHECK_FALSE(machine.in_transaction());
  CHECK(machine.id() == "s");
  CHECK(next_as<Close>(machine, input).why == Close::Why::quit);
  CHECK(machine.take_output() == "250 2.0.0 OK\r\n221 2.0.0 Bye\r\n");
  CHECK(std::holds_alternative<Close>(machine.next(input)));
}

TEST_CASE("nothing is read while an answer is due") {
  ServerMachine machine(defaults(), "s");
  std::string_view input = hello;
  next_as<Helo>(machine, input);
  input = "QUIT\r\n";
  next_as<NeedInput>(machine, input);
  CHECK(input == "QUIT\r\n");
}

TEST_CASE("a message that comes to nothing is told of once, with what the client heard") {
  SUBCASE("by a wrong line end, before Close") {
    ServerMachine machine = in_data();
    std::string_view input = "a\nb\r\n.\r\n";
    CHECK(next_as<MessageDropped>(machine, input).reply.code == 550);
    CHECK(next_as<Close>(machine, input).why == Close::Why::protocol_abuse);
  }
  SUBCASE("by the owner") {
    ServerMachine machine = in_data();
    std::string_view input = "a\r\n";
    next_as<Body>(machine, input);
    machine.discard(mail::reply(451, {4, 3, 0}, "No"));
    CHECK(machine.waiting() == Waiting::discard);
    CHECK(machine.discarding());
    input = "b\r\n.\r\n";
    CHECK(next_as<MessageDropped>(machine, input).reply.code == 451);
    next_as<NeedInput>(machine, input);
    CHECK(machine.take_output() == "451 4.3.0 No; id s.1\r\n");
    CHECK_FALSE(machine.in_transaction());
  }
  SUBCASE("by an owner who let it begin in spite of early content") {
    ServerMachine machine(defaults(), "s");
    std::string_view input;
    for (const std::string_view line : {hello, envelope.substr(0, 30), envelope.substr(30)}) {
      input = line;
      machine.next(input);
      machine.answer(ok);
    }
    input = "DATA\r\n";
    next_as<DataBegins>(machine, input);
    machine.answer(go, true);
    next_as<MessageDropped>(machine, input);
    CHECK(next_as<Close>(machine, input).why == Close::Why::protocol_abuse);
  }
}

TEST_CASE("RSET and EHLO between chunks forget the envelope with them, in one word") {
  for (const char* command : {"RSET\r\n", "EHLO client.example\r\n"}) {
    MemorySession session(defaults());
    open_transaction(session);
    session.receive("BDAT 1\r\nx");
    const auto before = session.log().size();
    session.receive(command);
    CHECK(session.log().back() == "reset");
    for (auto at = before; at < session.log().size(); ++at)
      CHECK_FALSE(session.log()[at].starts_with("dropped"));
  }
}

TEST_CASE("EHLO forgets an envelope only when it is accepted") {
  MemorySession session(defaults());
  open_transaction(session);
  session.receive(hello);
  CHECK(session.log().back() == "reset");
  CHECK_FALSE(session.machine().in_transaction());
}

TEST_CASE("a session that is ended from outside says so and closes") {
  ServerMachine machine = in_data();
  machine.end_session(mail::reply(421, {4, 4, 2}, "Timeout"));
  std::string_view input = "MAIL FROM:<>\r\n";
  next_as<Close>(machine, input);
  CHECK(machine.take_output() == "421 4.4.2 Timeout; id s.1\r\n");
}

TEST_CASE("a refusing banner closes") {
  ServerMachine machine(defaults(), "s");
  machine.greet(mail::reply(554, {5, 7, 1}, "No"));
  std::string_view input = hello;
  next_as<Close>(machine, input);
  CHECK(machine.take_output() == "554 5.7.1 No; id s\r\n");
}

TEST_CASE("P08 content passes byte-identical, however long its lines are") {
  ServerOptions options = defaults();
  MemorySession session(options);
  open_transaction(session);
  session.receive("DATA\r\n");
  std::string content;
  for (const std::size_t length : {998, 999, 1000, 64 * 1024}) content += std::string(length, 'a') + "\r\n";
  session.receive(content + ".\r\n");
  REQUIRE(session.delivered().size() == 1);
  CHECK(session.delivered()[0] == content);
}

TEST_CASE("P12 MAIL, 100 RCPT and DATA in one segment") {
  std::string segment = "MAIL FROM:<a@sender.example>\r\n";
  for (int i = 0; i < 100; ++i)
    segment += i % 2 == 0 ? "RCPT TO:<anna@example.test>\r\n" : "RCPT TO:<nobody@example.test>\r\n";
  segment += "DATA\r\n";
  ServerOptions options = defaults();
  options.errors = 1000;
  const auto output_of = [&](std::size_t piece) {
    MemorySession session(options);
    session.receive(hello);
    for (std::size_t at = 0; at < segment.size(); at += piece)
      session.receive(std::string_view(segment).substr(at, piece), at + piece < segment.size());
    session.receive("one\r\n.\r\n");
    CHECK(session.delivered().size() == 1);
    return session.output();
  };
  const std::string whole = output_of(segment.size());
  CHECK(std::ranges::count(whole, '\n') == 1 + 8 + 1 + 100 + 1 + 1);
  for (const std::size_t piece : {1, 2, 3, 7, 31, 1000}) CHECK(output_of(piece) == whole);
}

TEST_CASE("P21 a million one-octet chunks end at a cap, in constant memory") {
  ServerOptions options = defaults();
  options.message_size = 1'000'000;
  MemorySession session(options);
  open_transaction(session);
  std::string thousand;
  for (int i = 0; i < 1000; ++i) thousand += "BDAT 1\r\nx";
  for (int i = 0; i < 1000 && !session.closed(); ++i) session.receive(thousand);
  CHECK(session.closed());
  CHECK(session.delivered().empty());
  CHECK(session.output().find("552 5.3.4 Too many chunks; id sess1.1") != std::string::npos);
  CHECK(session.largest_output() < 20'000);
}

TEST_CASE("a line over the limit is refused in a chunk as in DATA, wherever chunks are cut") {
  ServerOptions options = defaults();
  options.line_length = 1000;  // without the CRLF
  const std::string half(500, 'x');
  for (const auto& [line, taken] :
       {std::pair(half + std::string(500, 'y'), true), std::pair(half + std::string(501, 'y'), false)}) {
    for (const std::size_t cut : {std::size_t{1}, half.size(), line.size()}) {
      MemorySession session(options);
      open_transaction(session);
      session.receive("BDAT " + std::to_string(cut) + "\r\n" + line.substr(0, cut));
      const std::string rest = line.substr(cut) + "\r\n";
      session.receive("BDAT " + std::to_string(rest.size()) + " LAST\r\n" + rest);
      CHECK(session.delivered().size() == (taken ? 1 : 0));
      CHECK((session.output().find("550 5.6.0 Message holds a line that is too long") ==
             std::string::npos) == taken);
    }
  }
}

TEST_CASE("P24 a refused message is read to its end only so far") {
  ServerOptions options = defaults();
  options.message_size = 1000;
  MemorySession session(options);
  open_transaction(session);
  session.receive("DATA\r\n");
  const std::string block(8192, 'a');
  std::size_t read = 0;
  while (!session.closed() && read < 50'000'000) {
    session.receive(block);
    read += block.size();
  }
  CHECK(session.closed());
  CHECK(read < 1'100'000);
  CHECK(session.output().ends_with("; id sess1.1\r\n"));
  CHECK(session.output().find("552 5.3.4") != std::string::npos);
}

TEST_CASE("P26 1,000 recipients are taken, then 452, then the end") {
  MemorySession session(defaults());
  session.receive(hello);
  session.receive("MAIL FROM:<a@sender.example>\r\n");
  for (int i = 0; i < 100'000 && !session.closed(); ++i) session.receive("RCPT TO:<anna@example.test>\r\n");
  CHECK(session.closed());
  CHECK(std::ranges::count(session.log(), "rcpt anna@example.test") == 1000);
  CHECK(session.output().find("452 4.5.3") != std::string::npos);
  CHECK(session.output().ends_with("421 4.7.0 Too many recipients; id sess1.1\r\n"));
}

TEST_CASE("P27 junk is counted between delivered messages") {
  ServerOptions options = defaults();
  options.junk_commands = 3;
  MemorySession session(options);
  for (int i = 0; i < 10; ++i) {
    session.receive("EHLO client.example\r\n");
    session.receive(std::string(envelope) + "DATA\r\n");
    session.receive("one\r\n.\r\nNOOP\r\n");
  }
  CHECK_FALSE(session.closed());
  session.receive("NOOP\r\nNOOP\r\nNOOP\r\n");
  CHECK(session.closed());
}

TEST_CASE("E06 output is bounded: NeedInput asks for a flush though there is input") {
  ServerOptions options = defaults();
  options.junk_commands = 1'000'000;
  ServerMachine machine(options, "s");
  std::string noops;
  for (int i = 0; i < 20'000; ++i) noops += "NOOP\r\n";
  std::string_view input = noops;
  std::size_t flushes = 0;
  std::size_t output = 0;
  while (!input.empty()) {
    next_as<NeedInput>(machine, input);
    CHECK(machine.output().size() < 17 * 1024);
    output += machine.take_output().size();
    ++flushes;
  }
  CHECK(output == 20'000 * std::string("250 2.0.0 OK\r\n").size());
  CHECK(flushes > 15);
}

TEST_CASE("P29 a password is in the Auth event and nowhere else") {
  ServerOptions options = defaults();
  options.auth_offered = true;
  ServerMachine machine(options, "s");
  machine.set_tls_from_start();
  std::string_view input = hello;
  next_as<Helo>(machine, input);
  machine.answer(ok);
  input = "AUTH PLAIN AGFubmEAc2VjcmV0\r\n";
  const Auth auth = next_as<Auth>(machine, input);
  CHECK(auth.user == "anna");
  CHECK(auth.password == "secret");
  machine.answer(mail::reply(454, {4, 7, 0}, "Later"));
  CHECK(machine.authenticated().empty());
  input = "AUTH PLAIN AGFubmEAc2VjcmV0\r\n";
  next_as<Auth>(machine, input);
  machine.answer(mail::reply(235, {2, 7, 0}, "Yes"));
  CHECK(machine.authenticated() == "anna");
  CHECK(machine.take_output().find("secret") == std::string::npos);
}

TEST_CASE("LMTP gives each recipient its own reply") {
  ServerOptions options = defaults();
  options.lmtp = true;
  ServerMachine machine(options, "s");
  std::string_view input = "LHLO x\r\n";
  next_as<Helo>(machine, input);
  machine.answer(ok);
  input = "MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nRCPT TO:<c@b.example>\r\nBDAT 1 LAST\r\nx";
  CHECK(next_as<Mail>(machine, input).sender.is_null());
  machine.answer(ok);
  next_as<Rcpt>(machine, input);
  machine.answer(ok);
  next_as<Rcpt>(machine, input);
  machine.answer(ok);
  CHECK(next_as<DataBegins>(machine, input).chunked);
  machine.answer(go);
  next_as<Body>(machine, input);
  next_as<MessageEnds>(machine, input);
  machine.take_output();
  machine.answer_each({ok, mail::reply(452, {4, 2, 2}, "Full")});
  CHECK(machine.take_output() == "250 2.0.0 OK\r\n452 4.2.2 Full; id s.1\r\n");
}

TEST_CASE("P33 a QUIT that was received is a client that still waits") {
  CHECK(ServerMachine::ends_in_quit("QUIT\r\n"));
  CHECK(ServerMachine::ends_in_quit("NOOP\r\nquit\r\n"));
  CHECK_FALSE(ServerMachine::ends_in_quit("QUIT"));
  CHECK_FALSE(ServerMachine::ends_in_quit("QUIT\r\nNOOP\r\n"));
  CHECK_FALSE(ServerMachine::ends_in_quit("XQUIT\r\n"));
  CHECK_FALSE(ServerMachine::ends_in_quit("QUIT\n"));
  CHECK_FALSE(ServerMachine::ends_in_quit(""));
}

}  // namespace
}  // namespace sallyport::smtp
