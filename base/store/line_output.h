// Lines to a descriptor that may be a file, a pipe, a terminal or a socket, never waiting for a reader.
//
// The descriptor's own flags are left alone: O_NONBLOCK would be shared with the shell that started us.
// write() from one thread at a time.
#pragma once

#include <chrono>
#include <string_view>

#include "base/io/descriptor.h"

namespace sallyport::store {

class LineOutput {
 public:
  explicit LineOutput(int descriptor);  // not closed at the end

  enum class Outcome {
    written,
    blocked,  // the reader is slow, or the disk full: later
    dead,     // there is no reader and never will be
  };
  // Takes off the front of `text` what could be written.
  Outcome write(std::string_view& text);
  void wait_writable(std::chrono::milliseconds at_most) const;

 private:
  enum class Kind { file, socket, stream, shared_stream };
  ssize_t attempt(std::string_view text) const;

  int descriptor_;
  Kind kind_ = Kind::file;
  io::Descriptor reopened_;  // the same pipe or terminal with O_NONBLOCK of its own
};

}  // namespace sallyport::store
