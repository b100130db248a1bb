#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/smtp/line_reader.h"

namespace sallyport::smtp {
namespace {

using Result = LineReader::Result;

// All results for `pieces`, written down.
std::string read_all(const std::vector<std::string>& pieces, std::size_t limit, bool lenient) {
  LineReader reader(lenient);
  std::string log;
  for (const std::string& piece : pieces) {
    std::string_view input = piece;
    while (true) {
      const Result result = reader.take(input, limit);
      if (result == Result::more) break;
      log += "mlbt"[static_cast<int>(result)];
      log += '[' + std::string(reader.text()) + ']';
      if (result == Result::too_long) return log;
    }
    REQUIRE(input.empty());
  }
  return log;
}

// The three standard runs of a push parser.
std::string read(const std::string& text, std::size_t limit = 20, bool lenient = false) {
  const std::string whole = read_all({text}, limit, lenient);
  std::vector<std::string> octets;
  for (const char c : text) octets.emplace_back(1, c);
  CHECK(read_all(octets, limit, lenient) == whole);
  for (std::size_t at = 0; at <= text.size(); ++at)
    CHECK(read_all({text.substr(0, at), text.substr(at)}, limit, lenient) == whole);
  return whole;
}

TEST_CASE("lines end in CRLF") {
  CHECK(read("NOOP\r\nQUIT\r\n") == "l[NOOP]l[QUIT]");
  CHECK(read("\r\n\r\n") == "l[]l[]");
  CHECK(read("NOOP") == "");
}

TEST_CASE("P06 a line ended by LF alone is broken, unless hand-typed ones are taken") {
  CHECK(read("NOOP\nQUIT\r\n") == "b[NOOP]l[QUIT]");
  CHECK(read("NOOP\nQUIT\r\n", 20, true) == "l[NOOP]l[QUIT]");
}

TEST_CASE("P06 what follows a bare CR is never a line") {
  CHECK(read("A\rQUIT\r\nNOOP\r\n") == "b[A]l[NOOP]");
  CHECK(read("A\rB\rC\r\nNOOP\r\n") == "b[A]b[]l[NOOP]");
  CHECK(read("A\r\r\nNOOP\r\n") == "b[A]l[NOOP]");
  CHECK(read("A\rQUIT\r\n", 20, true) == "b[A]");
  CHECK(read("\rA\nNOOP\r\n") == "b[]l[NOOP]");
}

TEST_CASE("P07 the limit counts the line end") {
  CHECK(read("12345678\r\n", 10) == "l[12345678]");
  CHECK(read("123456789\r\n", 10) == "t[123456789\r]");
  CHECK(read("1234567890123", 10) == "t[1234567890]");
  CHECK(read("A\r123456789012345", 10) == "b[A]t[]");
}

TEST_CASE("a line that came in one piece is not copied, and nothing is kept between lines") {
  LineReader reader(false);
  const std::string text = "NOOP\r\nQ";
  std::string_view input = text;
  REQUIRE(reader.take(input, 20) == Result::line);
  CHECK(reader.text().data() == text.data());
  CHECK(reader.at_line_start());
  REQUIRE(reader.take(input, 20) == Result::more);
  CHECK_FALSE(reader.at_line_start());
}

}  // namespace
}  // namespace sallyport::smtp
