// The files of the event store: `events-<time of its first event>.log` is a segment, lines of JSON that are
// only ever added to; beside it lies its index, `….index`, which can be made anew from it.
//
// Plain functions without state, for any thread; they read and write files and so may block.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/io/descriptor.h"
#include "base/result.h"

namespace sallyport::store {

struct SegmentFiles {
  std::string log;
  std::string index;
  std::uint64_t size = 0;  // of both
  WallTime written{};      // last

  io::Descriptor open_log() const;  // for reading; invalid: it is gone
};

// The oldest first. A directory that is missing or cannot be read has none. What has the name of a segment
// and is no file (a pipe would hang who opens it) is passed over, and named in `others`.
std::vector<SegmentFiles> segments_of(const std::string& directory,
                                      std::vector<std::string>* others = nullptr);
// The names of a segment whose first event is of that time.
SegmentFiles segment_at(const std::string& directory, WallTime first);
WallTime first_time(const SegmentFiles& segment);  // by its name; the epoch: it has none

// Removes whole segments but for the newest one, the oldest first: while there are more than `most` octets,
// and one that was last written before `oldest`. Only one, because a clock that jumps must not empty the
// store: the caller comes again in an hour.
void expire(const std::string& directory, std::uint64_t most, WallTime oldest);

// One event of a segment, by which it is found: 16 octets each, behind as many of a head.
struct IndexEntry {
  std::uint64_t session = 0;  // see session_number(); 0: of nobody
  std::uint32_t second = 0;   // since 1970
  std::uint32_t offset = 0;   // of its line
  bool operator==(const IndexEntry&) const = default;
};

IndexEntry entry_of(std::string_view line, std::uint64_t offset);

struct SegmentIndex {
  std::vector<IndexEntry> entries;  // of every line of the segment
  std::size_t stored = 0;           // as many of them, from the first on, are in the index file
};

// Whatever the index file lacks, or says wrongly, is read from the segment.
SegmentIndex index_of(const SegmentFiles& segment);
// Writes the index file anew.
Result<> store_index(const SegmentFiles& segment, const std::vector<IndexEntry>& entries);
// The octets of entries as the file has them.
std::string_view as_octets(const std::vector<IndexEntry>& entries);

}  // namespace sallyport::store
