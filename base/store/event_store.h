// The event store: what happened to every session and message, for days, so that it can be explained.
//
// Events are lines of JSON, as the log has them, in segments (event_files.h) that one thread of its own
// writes. append() never waits for a disk: it copies the line into a queue of at most 8 MiB; what does not
// fit is dropped and counted, and a {"type":"dropped","count":N} says so once there is room. What was
// appended is in the file within a tenth of a second, where a kill leaves it, and synced within a second.
// A store that cannot be written is told of at once, by whoever notices, and tried again every second; mail
// flows.
//
// The store is bounded: whole segments are removed when they are older than `keep`, by the time that passes
// (state_clock.h) and by the wall clock, or when all together exceed `max_size`. Reading it
// (event_reader.h) needs neither a lock nor this process.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace sallyport::store {

struct EventStoreSettings {
  std::string directory;
  Duration keep = std::chrono::hours(14 * 24);
  std::uint64_t max_size = 1'000'000'000;
  bool operator==(const EventStoreSettings&) const = default;
};

class EventStore {
 public:
  // Opens the store, or has news of why it cannot be; then it is tried again.
  EventStore(EventStoreSettings settings, const Clock& clock);
  // Writes what is queued, for five seconds at most; what is lost then is news. `clock` is system_clock(),
  // or outlives even that.
  ~EventStore();
  EventStore(const EventStore&) = delete;
  EventStore& operator=(const EventStore&) = delete;

  // From any thread. `body`: what follows the type, as Event has it: `,"id":"3kf9", ...`.
  // False: it is lost, and the first that is since all was well; the caller may say so.
  bool append(std::string_view type, std::string_view body);
  // All that was appended is in the file; false: not within the time.
  bool flush(Duration at_most);

  struct News {
    bool bad = true;
    std::string text;
  };
  using OnNews = std::function<void(const News&)>;
  // What becomes of the store, from the writer's thread, and first what has become of it so far. It may
  // append; it is never called once the store is gone.
  void on_news(OnNews hear);
  std::uint64_t dropped() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // the thread's as well: a disk that hangs does not hold up the end
};

}  // namespace sallyport::store
