// A Unix stream socket for short exchanges of lines on the same machine, in plain blocking calls.
//
// For threads that may wait, never for a core. Every operation has a deadline; stop() of the listener ends
// its next() and whatever its streams wait for, from any thread. The socket file is made with mode 0600,
// in place of one that a killed process left: the caller holds the lock of what the socket belongs to.
// A path longer than sun_path (107 octets) is reached through its folder's descriptor in /proc/self/fd.
//
// Errors: not_found (no such socket, or nobody listens), refused (permission), timeout, stopped, limit (a
// line too long), closed (its end), io.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  // Of what has come by now; nothing: not all of it yet.
  Result<std::optional<std::string>> take_line(std::size_t at_most);

  Descriptor descriptor_;
  int stop_;  // of the listener, which outlives its streams; -1: none
  std::string unread_;
  std::size_t searched_ = 0;  // of it: there is no line end
};

class LocalListener {
 public:
  static Result<LocalListener> bind(std::string path);
  LocalListener(LocalListener&&) = default;
  LocalListener& operator=(LocalListener&&) = delete;
  ~LocalListener();  // the file goes, too

  struct Asked {
    LocalStream stream;
    std::string line;
  };
  // The next client that has said a line, and that line. Nobody waits for one that has not: it is left
  // after `patience`, and earlier where more than kMostWaiting wait, the oldest first.
  static constexpr std::size_t kMostWaiting = 16;
  Result<Asked> next(std::size_t at_most, Duration patience);
  void stop();

 private:
  struct Waiting {
    LocalStream stream;
    TimePoint until;
    std::optional<std::string> line{};
  };

  LocalListener(std::string path, Descriptor descriptor, Descriptor stop);
  std::optional<Asked> take_ready();
  bool is_stopped() const;
  bool has_room() const;
  Result<> wait() const;
  Result<> accept(Duration patience);
  void read(std::size_t at_most);

  std::string path_;
  Descriptor descriptor_;
  Descriptor stop_;  // an eventfd that stays readable
  std::vector<Waiting> waiting_;
};

}  // namespace sallyport::io
