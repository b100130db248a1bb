// Runs every script of tests/dialogue against the machine: whole, octet by octet, and every write split
// in two at each offset. The transcripts have to be equal.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/dialogue/runner.h"

namespace sallyport::dialogue {
namespace {

std::vector<Script> scripts() {
  std::vector<Script> found;
  for (const auto& entry : std::filesystem::directory_iterator(SALLYPORT_SOURCE_ROOT "/tests/dialogue")) {
    if (entry.path().extension() != ".smtp") continue;
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    found.push_back(parse_script(entry.path().stem(), text));
  }
  std::ranges::sort(found, {}, &Script::name);
  return found;
}

void check_split(const Script& script, const Run& whole, Pieces pieces) {
  const Run split = run(script, pieces);
  CAPTURE(pieces.first);
  CAPTURE(pieces.others);
  REQUIRE_MESSAGE(split.failures.empty(), split.failures.front());
  REQUIRE(split.transcript == whole.transcript);
}

TEST_CASE("dialogue scripts, whole and split at every octet") {
  const std::vector<Script> all = scripts();
  REQUIRE(all.size() > 50);
  for (const Script& script : all) {
    CAPTURE(script.name);
    REQUIRE(script.errors == std::vector<std::string>());
    const Run whole = run(script, {});
    CHECK_MESSAGE(whole.failures.empty(), whole.failures.front());
    if (!whole.failures.empty()) continue;
    if (script.has("whole")) continue;
    check_split(script, whole, {1, 1});
    const std::size_t longest = std::min<std::size_t>(longest_write(script), 100);
    for (std::size_t at = 1; at < longest; ++at) check_split(script, whole, {at, std::string::npos});
  }
}

TEST_CASE("the runner notices what differs") {
  const auto failures = [](std::string_view text) {
    return run(parse_script("x", text), {}).failures.size();
  };
  CHECK(failures("S: 220\nC: NOOP\nS: 250\n") == 0);
  CHECK(failures("S: 221\n") == 1);
  CHECK(failures("S: 220 other.example\n") == 1);
  CHECK(failures("S: 220\nC: NOOP\n") == 1);
  CHECK(failures("S: 220\nS: 250\n") == 1);
  CHECK(failures("S: 220\nclosed\n") == 1);
  CHECK(failures("S: 220\ndelivered 1\n") == 1);
  CHECK(failures("S: 220\ncontent x\n") == 1);
  CHECK(failures("S: 220\nS! ESMTP\n") == 1);
  CHECK(parse_script("x", "what is this\n").errors.size() == 1);
}

}  // namespace
}  // namespace sallyport::dialogue
