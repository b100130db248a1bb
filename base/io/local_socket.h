// A Unix stream socket for short exchanges of lines on the same machine, in plain blocking calls.
//
// For threads that may wait, never for a core. Every operation has a deadline; stop() of the listener ends
// its accept() and whatever its streams wait for, from any thread. The socket file is made with mode 0600,
// in place of one that a killed process left: the caller holds the lock of what the socket belongs to.
// A path longer than sun_path (107 octets) is reached through its folder's descriptor in /proc/self/fd.
//
// Errors: not_found (no such socket, or nobody listens), refused (permission), timeout, stopped, limit (a
// line too long), closed (its end), io.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/io/descriptor.h"
#include "base/result.h"

namespace sallyport::io {

class LocalStream {
 public:
  static Result<LocalStream> connect(const std::string& path);

  // Without its line feed. What stands behind the last one is a line, too.
  Result<std::string> read_line(std::size_t at_most, TimePoint deadline);
  Result<> write(std::string_view bytes, TimePoint deadline);
  // Who connected; the overflow user where the kernel does not say.
  uid_t peer_user() const;

 private:
  friend class LocalListener;
  explicit LocalStream(Descriptor descriptor, int stop = -1);
  Result<> wait(short events, TimePoint deadline) const;

  Descriptor descriptor_;
  int stop_;  // of the listener, which outlives its streams; -1: none
  std::string unread_;
};

class LocalListener {
 public:
  static Result<LocalListener> bind(std::string path);
  LocalListener(LocalListener&&) = default;
  LocalListener& operator=(LocalListener&&) = delete;
  ~LocalListener();  // the file goes, too

  Result<LocalStream> accept();
  void stop();

 private:
  LocalListener(std::string path, Descriptor descriptor, Descriptor stop);

  std::string path_;
  Descriptor descriptor_;
  Descriptor stop_;  // an eventfd that stays readable
};

}  // namespace sallyport::io
