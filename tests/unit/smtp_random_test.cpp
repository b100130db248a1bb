// Sessions put together at random from a small alphabet of commands and fragments, cut at random places:
// whatever a client does, the machine's promises hold.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>

#include "base/text.h"
#include "tests/dialogue/memory_session.h"

namespace sallyport::smtp {
namespace {

using dialogue::MemorySession;
using namespace std::string_view_literals;

constexpr std::array alphabet = {"EHLO client.example\r\n"sv,
                                 "EHLO client.example\r\n"sv,
                                 "HELO x\r\n"sv,
                                 "MAIL FROM:<a@sender.example>\r\n"sv,
                                 "MAIL FROM:<a@sender.example>\r\n"sv,
                                 "RCPT TO:<anna@example.test>\r\n"sv,
                                 "RCPT TO:<bob@example.test>\r\n"sv,
                                 "RCPT TO:<nobody@example.test>\r\n"sv,
                                 "DATA\r\n"sv,
                                 "DATA\r\n"sv,
                                 ".\r\n"sv,
                                 "\r\n.\r\n"sv,
                                 "text\r\n"sv,
                                 "\n"sv,
                                 "\r"sv,
                                 "\0"sv,
                                 "."sv,
                                 "BDAT 3\r\n"sv,
                                 "BDAT 4 LAST\r\n"sv,
                                 "BDAT 0 LAST\r\n"sv,
                                 "BDAT x\r\n"sv,
                                 "abc"sv,
                                 "RSET\r\n"sv,
                                 "NOOP\r\n"sv,
                                 "STARTTLS\r\n"sv,
                                 "AUTH LOGIN\r\n"sv,
                                 "YW5uYQ==\r\n"sv,
                                 "*\r\n"sv,
                                 "QUIT\r\n"sv,
                                 "VRFY x\r\n"sv,
                                 "GET / \r\n"sv,
                                 "xyzzy\r\n"sv,
                                 " "sv};

// What leads on to a delivered message, so that random sessions get somewhere.
std::string_view useful(const ServerMachine& machine, std::size_t choice) {
  if (machine.waiting() != Waiting::command) return choice == 0 ? "text\r\n" : ".\r\n";
  if (machine.helo().empty()) return "EHLO client.example\r\n";
  if (!machine.in_transaction()) return "MAIL FROM:<a@sender.example>\r\n";
  if (machine.accepted_recipients() == 0) return "RCPT TO:<anna@example.test>\r\n";
  return choice == 0 ? "DATA\r\n" : "BDAT 4 LAST\r\nabc\n";
}

// Every line of output is a reply line of RFC 5321 4.2, and the codes of a reply agree.
bool is_well_formed(std::string_view output) {
  while (!output.empty()) {
    const std::size_t end = output.find("\r\n");
    if (end == std::string_view::npos || end < 4 || end > 510) return false;
    const std::string_view line = output.substr(0, end);
    const bool code = line[0] >= '2' && line[0] <= '5' && is_digit(line[1]) && is_digit(line[2]);
    if (!code || (line[3] != ' ' && line[3] != '-')) return false;
    if (std::ranges::any_of(line, is_control)) return false;
    if (line[3] == '-' && output.substr(end + 2, 3) != line.substr(0, 3)) return false;
    output.remove_prefix(end + 2);
  }
  return true;
}

// Each message that is let in either ends, is dropped or is taken back, once.
bool messages_are_settled(const std::vector<std::string>& log, bool still_open) {
  int open = 0;
  for (const std::string& entry : log) {
    if (entry.starts_with("begins")) ++open;
    if (entry == "ends" || entry.starts_with("dropped")) --open;
    if (entry == "reset") open = 0;
    if (open < 0 || open > 1) return false;
  }
  return open == 0 || still_open;
}

std::size_t refusals_in(std::string_view output) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < output.size(); at = output.find("\r\n", at) + 2)
    if (output[at] >= '4' && output[at + 3] == ' ') ++count;
  return count;
}

// By the machine itself: the driver of these tests has words of its own for recipients and logins.
bool is_named(const Refused& refused) {
  return refused.reply.refusal.has_value() || refused.verb == Verb::auth;
}

TEST_CASE("P34 random sessions keep the machine's promises") {
  std::mt19937 random(20'261'122);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  std::size_t delivered = 0;
  for (int round = 0; round < 1500; ++round) {
    ServerOptions options;
    options.hostname = "mx.example.test";
    options.auth_offered = true;
    options.normalize_line_ends = round % 5 == 0;
    options.lenient = round % 7 == 0;
    options.lmtp = false;
    options.message_size = round % 3 == 0 ? 8 : 1000;
    MemorySession session(options, round % 2 == 0);
    for (int step = 0; step < 40 && !session.closed(); ++step) {
      std::string octets(below(5) != 0 ? useful(session.machine(), below(2)) : "");
      for (std::size_t parts = octets.empty() ? 1 + below(3) : 0; parts > 0; --parts)
        octets += alphabet[below(alphabet.size())];
      const std::size_t cut = below(octets.size() + 1);
      session.receive(octets.substr(0, cut), cut < octets.size());
      session.receive(octets.substr(cut));
    }
    CAPTURE(round);
    REQUIRE(is_well_formed(session.output()));
    REQUIRE(messages_are_settled(session.log(), !session.closed()));
    if (session.closed()) REQUIRE(session.recorded() == refusals_in(session.output()));
    REQUIRE(std::ranges::all_of(session.noted(), is_named));
    for (const std::string& content : session.delivered()) {
      REQUIRE(content.size() <= options.message_size);
      REQUIRE(content.find('\0') == std::string::npos);
    }
    delivered += session.delivered().size();
  }
  CHECK(delivered > 20);
}

}  // namespace
}  // namespace sallyport::smtp
