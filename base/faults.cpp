#include "base/faults.h"

#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <span>

namespace sallyport::faults {
namespace {

using Table = std::span<const std::string_view>;

// A test that misspells a name must not pass because nothing happens.
[[noreturn]] void give_up(const char* variable, std::string_view value) {
  fmt::print(stderr, "{}={}: no such name, see `sallyport faults`\n", variable, value);
  std::_Exit(EX_USAGE);
}

std::optional<std::size_t> find(Table table, std::string_view name) {
  const auto found = std::ranges::find(table, name);
  if (found == table.end()) return std::nullopt;
  return static_cast<std::size_t>(found - table.begin());
}

std::string_view environment(const char* variable) {
  const char* value = std::getenv(variable);  // before the first thread
  return value == nullptr ? "" : value;
}

struct Crash {
  std::optional<std::size_t> point;
  int pass = 1;
};

Crash wanted_crash() {
  constexpr const char* kVariable = "SALLYPORT_CRASH";
  const std::string_view value = environment(kVariable);
  if (value.empty()) return {};
  const auto colon = std::min(value.find(':'), value.size());
  Crash crash{.point = find(kCrashPoints, value.substr(0, colon))};
  if (!crash.point) give_up(kVariable, value);
  if (colon == value.size()) return crash;
  const char* end = value.data() + value.size();
  const auto read = std::from_chars(value.data() + colon + 1, end, crash.pass);
  if (read.ptr != end || read.ec != std::errc() || crash.pass < 1) give_up(kVariable, value);
  return crash;
}

std::optional<std::size_t> wanted_mutant() {
  constexpr const char* kVariable = "SALLYPORT_MUTANT";
  const std::string_view value = environment(kVariable);
  if (value.empty()) return std::nullopt;
  const auto mutant = find(kMutants, value);
  if (!mutant) give_up(kVariable, value);
  return mutant;
}

const Crash crash = wanted_crash();
const std::optional<std::size_t> wanted = wanted_mutant();
std::atomic<int> passes{0};

}  // namespace

void pass(std::size_t crash_point) {
  if (crash.point != crash_point || passes.fetch_add(1) + 1 != crash.pass) return;
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

std::string list() {
  std::string text;
  for (const auto name : kCrashPoints) text += fmt::format("crash {}\n", name);
  for (const auto name : kMutants) text += fmt::format("mutant {}\n", name);
  return text;
}

bool chosen(std::size_t mutant) { return wanted == mutant; }

}  // namespace sallyport::faults
