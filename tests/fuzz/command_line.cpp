// Command lines: taking them off the stream, and their grammar.
#include "proxy/smtp/command_line.h"

#include <algorithm>
#include <vector>

#include "base/mail/codec.h"
#include "base/text.h"
#include "proxy/smtp/line_reader.h"
#include "proxy/smtp/sasl.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

namespace sallyport::fuzz {
namespace {

using smtp::LineReader;

struct TakenLine {
  LineReader::Result result;
  std::string text;
  bool operator==(const TakenLine&) const = default;
};

class Reading {
 public:
  Reading(bool lenient, std::size_t limit) : reader_(lenient), limit_(limit) {}
  void feed(std::string_view piece) {
    while (!over_) {
      const auto result = reader_.take(piece, limit_);
      if (result == LineReader::Result::more) {
        promise(piece.empty(), "more is asked for only when all is used up");
        return;
      }
      over_ = result == LineReader::Result::too_long;
      lines_.push_back({result, over_ ? std::string() : std::string(reader_.text())});
      promise(reader_.text().size() <= limit_, "a line is within its limit");
    }
  }
  std::vector<TakenLine> result() const { return lines_; }

 private:
  LineReader reader_;
  std::size_t limit_;
  bool over_ = false;  // as a session is
  std::vector<TakenLine> lines_;
};

// Each LF ends one line; a bare CR spoils the line it stands in, once for each of them.
std::vector<LineReader::Result> expected_lines(std::string_view bytes, bool lenient) {
  std::vector<LineReader::Result> lines;
  while (!bytes.empty()) {
    const std::size_t lf = bytes.find('\n');
    const std::string_view line = bytes.substr(0, lf);
    bool broken = false;
    for (std::size_t at = line.find('\r'); at != std::string_view::npos; at = line.find('\r', at + 1)) {
      const bool known = at + 1 < line.size();  // the LF is no part of `line`
      if (known) lines.push_back(LineReader::Result::broken);
      broken = broken || known;
    }
    if (lf == std::string_view::npos) break;
    const bool good = lenient || line.ends_with('\r');
    if (!broken) lines.push_back(good ? LineReader::Result::line : LineReader::Result::broken);
    bytes.remove_prefix(lf + 1);
  }
  return lines;
}

bool is_inside(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_auth(std::string_view line, std::string_view argument) {
  const auto auth = smtp::split_auth_argument(argument);
  promise(is_inside(auth.mechanism, line), "the mechanism is of the line");
  if (!auth.initial_response) return;
  const auto decoded = mail::base64_decode(*auth.initial_response);
  if (!decoded) return;
  promise(mail::base64_encode(*decoded) == *auth.initial_response, "a text has one base64 form");
  const auto plain = smtp::parse_plain(*decoded);
  if (plain)
    promise(!plain->user.empty() && !plain->password.empty(), "SASL PLAIN names user and password");
}

void check_path_argument(std::string_view keyword, std::string_view argument) {
  smtp::PathArgument strict, lenient;
  const auto fault = smtp::split_path_argument(keyword, argument, false, strict);
  const auto kind_fault = smtp::split_path_argument(keyword, argument, true, lenient);
  if (fault != smtp::PathArgumentFault::none) return;
  promise(kind_fault == fault && strict.path == lenient.path && strict.parameters == lenient.parameters,
          "lenient reading takes what strict reading takes, as it takes it");
  promise(is_inside(strict.path, argument) && is_inside(strict.parameters, argument),
          "views into the line");
  promise(strict.parameters.empty() || strict.parameters.front() == ' ',
          "a blank parts path and parameters");
}

void check_grammar(std::string_view line) {
  const auto command = smtp::parse_command(line);
  promise(is_inside(command.argument, line), "the argument is of the line");
  promise(command.argument == trim(command.argument), "no blanks around an argument");
  (void)smtp::is_other_protocol(line);
  check_auth(line, command.argument);
  check_path_argument("FROM", command.argument);
  check_path_argument("TO", command.argument);
  if (const auto chunk = smtp::parse_chunk_argument(command.argument)) {
    const std::string again = std::to_string(chunk->octets) + (chunk->last ? " LAST" : "");
    const auto same = smtp::parse_chunk_argument(again);
    promise(same && same->octets == chunk->octets && same->last == chunk->last, "a chunk is what it says");
  }
  if (smtp::is_helo_name(command.argument))
    promise(command.argument.size() <= 255 &&
                std::ranges::all_of(command.argument, [](char c) { return c > ' ' && c < '\x7f'; }),
            "a HELO name is printable");
}

}  // namespace

void command_line(std::string_view input) {
  const std::size_t choice = take_choice(input, command_letters());
  const std::string bytes = spell(input, command_letters());
  const bool lenient = choice % 2 == 1;
  const std::size_t limit = choice % 4 < 2 ? 2048 : 16;
  const auto lines = same_however_cut(bytes, [&] { return Reading(lenient, limit); });
  const auto expected = expected_lines(bytes, lenient);
  const bool cut_off = !lines.empty() && lines.back().result == LineReader::Result::too_long;
  promise(cut_off || lines.size() == expected.size(), "as many lines as there are");
  for (std::size_t i = 0; i < lines.size() - (cut_off ? 1 : 0); ++i) {
    promise(lines[i].result == expected[i], "a line ends in CRLF and in nothing else");
    if (lines[i].result != LineReader::Result::line) continue;
    promise(lines[i].text.find_first_of("\r\n") == std::string::npos, "no CR or LF inside a line");
    check_grammar(lines[i].text);
  }
}

}  // namespace sallyport::fuzz
