// The segment of the event store that is being written: events are added behind, its index beside them.
//
// For the one thread that writes the store. Whoever holds one holds the directory: a second process that
// wants to write there is told so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/io/descriptor.h"
#include "base/result.h"
#include "base/store/event_files.h"

namespace sallyport::store {

class EventSegment {
 public:
  // Makes the directory where it is missing (0700; not what is above it), and goes on with its last segment
  // if that has room and is not older than a day. Errors: refused (another process writes there), no_space,
  // io.
  static Result<EventSegment> open(const std::string& directory, std::uint64_t most, WallTime now);

  // Whole lines. After an error nothing of them counts as written: they may be given again.
  Result<> append(std::string_view lines);
  // Until this, a power cut may take what was appended (a kill may not).
  Result<> sync();

  bool is_full(WallTime now) const;
  // Goes on in a new segment; after an error in the old one.
  Result<> begin_another(WallTime now);
  // Somebody removed, renamed or replaced the file, or the directory.
  bool is_gone() const;

 private:
  EventSegment() = default;
  Result<> lock(const std::string& directory);
  Result<> begin(SegmentFiles files);
  Result<> go_on(SegmentFiles files);
  void append_to_index(std::string_view lines);

  std::string directory_;
  std::uint64_t most_ = 0;
  io::Descriptor lock_;
  SegmentFiles files_;
  io::Descriptor log_;
  io::Descriptor index_;  // invalid after a failure: entries with a gap would hide events
  std::uint64_t size_ = 0;
  WallTime first_{};
  std::vector<IndexEntry> entries_;  // kept for its memory
};

}  // namespace sallyport::store
