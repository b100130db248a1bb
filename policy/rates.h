// How much of something one identity may do in some time: "500/1h".
//
// Pure: a record and the time go in; whether one more is within the limit, and the new record, come out. A
// record is of one identity, one thing and one limit. It is a bucket that leaks: what was counted goes by
// and by, 500 in an hour, so nobody waits for the end of a period, and a limit that was reached lets the
// next one pass as soon as there is room for one.
//
// What is counted by size (octets) may go over the limit once; it is then as if twice the limit had been
// used, and no more: whoever sends one huge message waits for little more than the time of the limit.
//
// Clocks jump. What passes meanwhile is what a clock says that goes on; a record from the future is worth
// nothing. Nobody waits longer than that little more.
//
// What was counted for something that did not come about is given back, but for what has gone by meanwhile:
// that had room for others already.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "policy/checks.h"

namespace sallyport::policy {

// Records are read and written by cores whose clocks were looked at in turn: so much of future is none.
inline constexpr auto kOutOfTurn = std::chrono::minutes(1);

enum class Rated : std::uint8_t { connections, messages, recipients, unknown_recipients, octets };
inline constexpr std::size_t kRated = 5;
std::string_view to_string(Rated rated);  // as the key under `limits.rate`

struct Rate {
  std::uint64_t most = 0;  // 0: no limit
  Duration per = std::chrono::hours(1);

  bool is_on() const { return most > 0; }
  bool operator==(const Rate&) const = default;
};

// "500/1h", of octets "2GB/1d"; "off".
Result<Rate> parse_rate(std::string_view text, Rated rated);
std::string written(const Rate& rate, Rated rated);

struct RateSettings {
  Mode mode = Mode::enforce;
  std::array<Rate, kRated> rates{};

  const Rate& of(Rated rated) const { return rates.at(static_cast<std::size_t>(rated)); }
  Rate& of(Rated rated) { return rates.at(static_cast<std::size_t>(rated)); }
  // Off altogether is no limit either.
  bool is_on(Rated rated) const { return mode != Mode::off && of(rated).is_on(); }
};

struct RateRecord {
  double used = 0;  // of the limit, at that time
  WallTime at;

  RateRecord as_of(WallTime now, const Rate& rate) const;
  RateRecord plus(std::uint64_t more, const Rate& rate) const;
  RateRecord minus(double less) const;
  Duration free_in(const Rate& rate) const;  // until one more is within the limit; 0: it is
  WallTime worthless_from(const Rate& rate) const;

  std::string packed() const;  // 16 octets
  static std::optional<RateRecord> unpack(std::string_view packed);
};

// What is left of something that was counted so long ago, if everything that has gone by since was of it.
double left_of(double counted, Duration ago, const Rate& rate);

}  // namespace sallyport::policy
