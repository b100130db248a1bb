// BDAT framing: the machine alone, in a session that has a recipient already.
#include <algorithm>

#include "tests/dialogue/memory_session.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/session_reading.h"
#include "tests/fuzz/targets.h"

namespace sallyport::fuzz {
namespace {

constexpr std::string_view kOpening =
    "EHLO client.example\r\nMAIL FROM:<a@sender.example>\r\nRCPT TO:<anna@example.test>\r\n";

smtp::ServerOptions options(std::size_t choice) {
  smtp::ServerOptions options;
  options.hostname = "mx.example.test";
  options.message_size = choice % 2 == 0 ? 1000 : 12;
  options.line_length = choice % 4 < 2 ? 1000 : 6;
  return options;
}

// Reads of the socket: all that is there, cut at one place, or octet by octet.
struct Cut {
  std::size_t at;
  std::size_t step;
};

dialogue::MemorySession serve(std::string_view sent, std::size_t choice, Cut cut) {
  dialogue::MemorySession session(options(choice));
  for (const std::string_view command : {kOpening.substr(0, 21), kOpening.substr(21)})
    session.receive(command);
  while (!sent.empty() && !session.closed()) {
    const std::size_t size = std::min(cut.at != 0 ? std::exchange(cut.at, 0) : cut.step, sent.size());
    feed_piece(sent.substr(0, size),
               [&](std::string_view piece) { session.receive(piece, size < sent.size()); });
    sent.remove_prefix(size);
  }
  return session;
}

void check_delivered(const dialogue::MemorySession& session, std::string_view sent) {
  const SessionReading reading = read_session(std::string(kOpening) + std::string(sent), session.output());
  std::vector<std::string> answered;
  for (const Attempt& attempt : reading.attempts)
    if (attempt.code == 250) answered.push_back(attempt.content);
  promise(answered == session.delivered(), "what is delivered is what was sent and answered 250");
}

}  // namespace

void chunks(std::string_view input) {
  const std::size_t choice = take_choice(input, chunk_letters());
  const std::string sent = spell(input, chunk_letters());
  const auto whole = serve(sent, choice, {0, sent.size()});
  check_delivered(whole, sent);
  for (const Cut cut : {Cut{some_place_in(sent), sent.size()}, Cut{0, 1}}) {
    const auto session = serve(sent, choice, cut);
    promise(session.output() == whole.output() && session.delivered() == whole.delivered(),
            "however it is cut, it comes to the same");
  }
}

}  // namespace sallyport::fuzz
