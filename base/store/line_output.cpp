#include "base/store/line_output.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>

namespace sallyport::store {
namespace {

bool is_writable(int descriptor, std::chrono::milliseconds at_most) {
  pollfd entry{.fd = descriptor, .events = POLLOUT, .revents = 0};
  return ::poll(&entry, 1, static_cast<int>(at_most.count())) > 0;
}

LineOutput::Outcome meaning(int number) {
  switch (number) {
    case EAGAIN:
    case EINTR:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOBUFS:
    case ENOMEM:
      return LineOutput::Outcome::blocked;
    default:
      return LineOutput::Outcome::dead;
  }
}

}  // namespace

LineOutput::LineOutput(int descriptor) : descriptor_(descriptor) {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) return;  // closed: the first write says so
  if (S_ISSOCK(status.st_mode)) kind_ = Kind::socket;
  if (!S_ISFIFO(status.st_mode) && ::isatty(descriptor) == 0) return;
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  reopened_ = io::Descriptor(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  kind_ = reopened_ ? Kind::stream : Kind::shared_stream;
  if (reopened_) descriptor_ = reopened_.get();
}

ssize_t LineOutput::attempt(std::string_view text) const {
  if (kind_ == Kind::socket) {
    return ::send(descriptor_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  if (kind_ == Kind::shared_stream) {
    // A pipe that polls as writable has room for this much.
    text = text.substr(0, PIPE_BUF);
    if (!is_writable(descriptor_, std::chrono::milliseconds(0))) {
      errno = EAGAIN;
      return -1;
    }
  }
  return ::write(descriptor_, text.data(), text.size());
}

LineOutput::Outcome LineOutput::write(std::string_view& text) {
  while (!text.empty()) {
    const ssize_t written = attempt(text);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return meaning(errno);
    if (written == 0) return Outcome::blocked;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return Outcome::written;
}

void LineOutput::wait_writable(std::chrono::milliseconds at_most) const {
  if (kind_ != Kind::file) {
    is_writable(descriptor_, at_most);
  } else {
    std::this_thread::sleep_for(at_most);  // a file always polls as writable, a full disk included
  }
}

}  // namespace sallyport::store
