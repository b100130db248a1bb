// Guards the state against a second process, for as long as it lives, and remembers what the file beside it
// must hold: the number of the last row that was committed.
//
// That number is written behind the commit and is not synced: it may be too small after a power cut, and
// never too large. A file with less was emptied, or its write-ahead log was taken away.
//
// Errors: refused ("in use by another instance (pid N)"), no_space, io.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/io/descriptor.h"
#include "base/result.h"

namespace sallyport::store {

class StateLock {
 public:
  // `brief`: for a command, which is done soon. A lock that a command holds is waited for, ten seconds at
  // most.
  static Result<StateLock> take(const std::string& path, bool brief);

  // Made anew where somebody removed it; refused: another process has made it.
  Result<> hold();
  std::int64_t last_row() const { return last_row_; }
  void note(std::int64_t last_row);

 private:
  StateLock(std::string path, io::Descriptor file, bool brief)
      : path_(std::move(path)), file_(std::move(file)), brief_(brief) {}
  Result<> write() const;

  std::string path_;
  io::Descriptor file_;
  bool brief_;
  std::int64_t last_row_ = 0;
};

}  // namespace sallyport::store
