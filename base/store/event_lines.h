// The lines of a segment of the event store, and what can be read off one without parsing it.
//
// A file is whatever lies on the disk: a line that a kill cut off, or garbage, is passed over, never
// trusted. Reading needs no lock: lines are only ever added behind.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace sallyport::store {

// {"time":"2026-11-22T16:00:00.123Z","type":"message","id":"3kf9x2m0q1a.1", ... : the order of every event.
struct EventHead {
  WallTime time;
  std::string_view type;
  std::string_view id;  // "": of nobody
};
// Year, month, day, hour, minute, second, millisecond, UTC; nullopt: no such time, or none that can be told
// in nanoseconds since 1970.
std::optional<WallTime> utc_time(const std::array<int, 7>& parts);
std::optional<EventHead> head_of(std::string_view line);

// The type of events with recipients for which that of their message, of the same id, has no room; it comes
// behind them.
inline constexpr const char* kMoreRecipients = "recipients";

class EventLines {
 public:
  static constexpr std::size_t kLongest = 4 << 20;  // what is longer is no event

  // `descriptor` stays the caller's.
  EventLines(int descriptor, std::uint64_t offset) : descriptor_(descriptor), read_to_(offset) {}

  // The next whole line without its end, valid until the next call; nullopt: there is none (yet).
  std::optional<std::string_view> next() &;
  std::uint64_t offset() const { return offset_; }  // of the line that next() gave

 private:
  bool read_more();

  int descriptor_;
  std::uint64_t read_to_;     // how far the file has been read
  std::uint64_t offset_ = 0;  // of the line given last
  std::string buffer_;
  std::size_t at_ = 0;        // of the next line in `buffer_`
  std::size_t searched_ = 0;  // no line end between `at_` and here
  bool too_long_ = false;     // the line that begins the buffer is the end of one that is no event
};

}  // namespace sallyport::store
