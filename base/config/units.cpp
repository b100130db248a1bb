#include "base/config/units.h"

#include <array>
#include <limits>

#include "base/text.h"

namespace sallyport::config {
namespace {

struct SizeUnit {
  std::string_view name;
  std::uint64_t octets;
};
constexpr std::array<SizeUnit, 8> size_units{{{"TB", 1'000'000'000'000},
                                              {"GB", 1'000'000'000},
                                              {"MB", 1'000'000},
                                              {"KB", 1'000},
                                              {"TiB", 1ULL << 40},
                                              {"GiB", 1ULL << 30},
                                              {"MiB", 1ULL << 20},
                                              {"KiB", 1ULL << 10}}};

struct DurationUnit {
  std::string_view name;
  std::uint64_t milliseconds;
};
constexpr std::array<DurationUnit, 5> duration_units{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

// Durations over a century are slips; the cap keeps sums far from overflow.
constexpr std::uint64_t max_milliseconds = 100ULL * 366 * 86'400'000;

std::optional<std::uint64_t> product(std::uint64_t a, std::uint64_t b) {
  if (a > std::numeric_limits<std::uint64_t>::max() / b) return std::nullopt;
  return a * b;
}

// Takes the run of characters that `belongs` off the front of `text`.
template <class Predicate>
std::string_view take_while(std::string_view& text, Predicate belongs) {
  std::size_t length = 0;
  while (length < text.size() && belongs(text[length])) ++length;
  const auto taken = text.substr(0, length);
  text.remove_prefix(length);
  return taken;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto number = parse_unsigned(take_while(text, is_digit));
  text = trim(text);
  if (!number) return std::nullopt;
  if (text.empty() || iequals(text, "B")) return number;
  for (const auto& unit : size_units)
    if (iequals(text, unit.name)) return product(*number, unit.octets);
  return std::nullopt;
}

std::string format_size(std::uint64_t octets) {
  for (const auto& unit : size_units)
    if (octets >= unit.octets && octets % unit.octets == 0)
      return std::to_string(octets / unit.octets).append(unit.name);
  return std::to_string(octets);
}

std::optional<Duration> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t total = 0;
  auto unit = duration_units.begin();
  while (!text.empty()) {
    const auto number = parse_unsigned(take_while(text, is_digit));
    const auto name = take_while(text, is_alpha);
    while (unit != duration_units.end() && !iequals(unit->name, name)) ++unit;
    if (!number || *number > max_milliseconds || unit == duration_units.end()) return std::nullopt;
    total += *number * unit->milliseconds;
    if (total > max_milliseconds) return std::nullopt;
    ++unit;
  }
  return std::chrono::milliseconds(total);
}

std::string format_duration(Duration duration) {
  auto left =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
  std::string out;
  for (const auto& unit : duration_units) {
    if (left < unit.milliseconds) continue;
    out += std::to_string(left / unit.milliseconds).append(unit.name);
    left %= unit.milliseconds;
  }
  return out.empty() ? "0s" : out;
}

}  // namespace sallyport::config
