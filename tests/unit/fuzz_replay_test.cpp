// Replays the committed inputs of every fuzz target, under whatever compiler: what was found once is never
// lost again, and the corpora stay worth having.
#include <doctest/doctest.h>

#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/fuzz/promise.h"
#include "tests/fuzz/session_reading.h"
#include "tests/fuzz/targets.h"
#include "tests/unit/source_tree.h"

namespace sallyport::fuzz {

void broken(std::string_view promise) { throw std::logic_error(std::string(promise)); }

namespace {

// One a line, in the letters of the target's alphabet; '#' begins a comment.
std::vector<std::string> inputs_of(std::string_view target) {
  std::vector<std::string> inputs;
  std::ifstream file(test::source_root() / "tests/fuzz/corpus" / target);
  for (std::string line; std::getline(file, line);)
    if (!line.empty() && !line.starts_with('#')) inputs.push_back(line);
  return inputs;
}

// "" if all promises hold.
std::string broken_by(const Target& target, std::string_view input) {
  try {
    target.run(input);
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

TEST_CASE("fuzz: every committed input keeps all promises") {
  for (const Target& target : all_targets()) {
    const auto inputs = inputs_of(target.name);
    CHECK_MESSAGE(inputs.size() >= 50, "few inputs for ", target.name);
    for (const std::string& input : inputs) {
      const std::string why = broken_by(target, input);
      CHECK_MESSAGE(why.empty(), target.name, ", ", input, ": ", why);
    }
  }
}

TEST_CASE("fuzz: the session's reading takes a delivered message, and refuses what does not fit") {
  constexpr std::string_view sent =
      "EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n..x\r\n.\r\nQUIT\r\n";
  const std::string heard = "220 x\r\n250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n";
  const SessionReading reading = read_session(sent, heard + "250 2.0.0 ok\r\n221 bye\r\n");
  REQUIRE(reading.delivered() == 1);
  CHECK(reading.attempts.front() == Attempt{"a@b.c", {"d@e.f"}, ".x\r\n", 250});
  CHECK_THROWS((void)read_session(sent, heard + "250 2.0.0 ok\r\n250 ok\r\n221 bye\r\n250 more\r\n"));
  CHECK_THROWS((void)read_session(sent, heard + "550 without codes\r\n"));
  CHECK_THROWS((void)read_session("EHLO x\r\nMAIL FROM:<a@b.c>\n", "220 x\r\n250 x\r\n250 ok\r\n"));
}

}  // namespace
}  // namespace sallyport::fuzz
