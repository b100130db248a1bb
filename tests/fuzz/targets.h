// The fuzz targets: one a parser, and one that drives whole sessions (docs/fuzzing.md says what each
// checks).
//
// A target takes the octets that the fuzzer makes up, spells them out by its alphabet, runs the code, and
// calls broken() when a promise does not hold. The same functions are linked into the programs for
// libFuzzer (entry.cpp) and into the unit test that replays the committed corpora (replay.cpp).
// Deterministic as far as the code under test is; one thread.
#pragma once

#include <array>
#include <string_view>

#include "tests/fuzz/alphabet.h"

namespace sallyport::fuzz {

void answer(std::string_view input);
void command_line(std::string_view input);
void path(std::string_view input);
void parameters(std::string_view input);
void data(std::string_view input);
void chunks(std::string_view input);
void header(std::string_view input);
void replies(std::string_view input);
void proxy_header(std::string_view input);
void configuration(std::string_view input);
void session(std::string_view input);
void spf(std::string_view input);

struct Target {
  std::string_view name;
  void (*run)(std::string_view input);
  Alphabet alphabet;
};
// By name; nullptr: there is none.
const Target* find_target(std::string_view name);
std::span<const Target> all_targets();

}  // namespace sallyport::fuzz
