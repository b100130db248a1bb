// What tells whether a file is still what it was when it was read, without reading it again.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace sallyport {

// All zero: there is none, or it cannot be looked at. What is written, renamed over it, or reached by
// another link, has another version; only a write within the file system's own tick (some milliseconds)
// after the look, that keeps the size, goes unseen.
struct FileVersion {
  dev_t device = 0;
  ino_t inode = 0;
  std::int64_t octets = 0;
  std::int64_t changed = 0;  // its status or content: nanoseconds since 1970 (ctime, which nobody can set)

  bool operator==(const FileVersion&) const = default;
};

// Follows links. May block on a file system that does.
FileVersion version_of(const std::string& path);

}  // namespace sallyport
