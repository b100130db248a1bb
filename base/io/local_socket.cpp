#include "base/io/local_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

#include "base/io/system_error.h"

namespace sallyport::io {
namespace {

constexpr int kBacklog = 16;
constexpr std::size_t kChunk = 16 * 1024;
constexpr auto kPatienceForOthers = std::chrono::seconds(30);
constexpr auto kBetweenTries = std::chrono::milliseconds(20);
constexpr uid_t kNobodyKnown = 65534;

Error local_failure(const std::string& path, int number) {
  const std::string words = describe_errno(path, number);
  if (number == ENOENT || number == ECONNREFUSED || number == ENOTSOCK) return fail(Errc::not_found, words);
  if (number == EACCES || number == EPERM) return fail(Errc::refused, words);
  return fail(Errc::io, words);
}

// An address that is good for as long as it lives.
class LocalAddress {
 public:
  static Result<LocalAddress> of(const std::string& path) {
    LocalAddress address;
    std::string name = path;
    if (name.size() >= sizeof address.address_.sun_path) {
      const std::filesystem::path whole(path);
      address.folder_ = Descriptor(::open(whole.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      if (!address.folder_) return local_failure(path, errno);
      name = "/proc/self/fd/" + std::to_string(address.folder_.get()) + "/" + whole.filename().string();
    }
    if (name.size() >= sizeof address.address_.sun_path)
      return fail(Errc::io, path + ": the name is too long");
    std::ranges::copy(name, address.address_.sun_path);
    return address;
  }

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  static socklen_t length() { return sizeof(sockaddr_un); }

 private:
  LocalAddress() { address_.sun_family = AF_UNIX; }

  sockaddr_un address_{};
  Descriptor folder_;
};

Descriptor local_socket() {
  return Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int milliseconds_until(TimePoint deadline) {
  if (deadline == TimePoint::max()) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

bool would_wait(int number) { return number == EAGAIN || number == EINTR; }

// `stop` beside it: -1 is passed over by poll().
Result<> wait_for(int descriptor, short events, int stop, TimePoint deadline) {
  for (;;) {
    pollfd waits[] = {{descriptor, events, 0}, {stop, POLLIN, 0}};
    const int ready = ::poll(waits, 2, milliseconds_until(deadline));
    if (ready < 0 && errno != EINTR) return fail(Errc::io, describe_errno("poll", errno));
    if (ready > 0 && waits[1].revents != 0) return fail(Errc::stopped);
    if (ready > 0) return {};
    if (std::chrono::steady_clock::now() >= deadline) return fail(Errc::timeout, "nothing came in time");
  }
}

}  // namespace

// -- streams -------------------------------------------------------------------------------------------

LocalStream::LocalStream(Descriptor descriptor, int stop)
    : descriptor_(std::move(descriptor)), stop_(stop) {}

Result<LocalStream> LocalStream::connect(const std::string& path) {
  auto address = LocalAddress::of(path);
  if (!address) return address.error();
  Descriptor descriptor = local_socket();
  if (!descriptor) return fail(Errc::io, describe_errno("socket", errno));
  // EAGAIN: others are there, too, and have not been accepted yet.
  const TimePoint until = std::chrono::steady_clock::now() + kPatienceForOthers;
  while (::connect(descriptor.get(), address->get(), LocalAddress::length()) != 0) {
    if (errno != EAGAIN || std::chrono::steady_clock::now() > until) return local_failure(path, errno);
    std::this_thread::sleep_for(kBetweenTries);
  }
  return LocalStream(std::move(descriptor));
}

Result<> LocalStream::wait(short events, TimePoint deadline) const {
  return wait_for(descriptor_.get(), events, stop_, deadline);
}

Result<std::string> LocalStream::read_line(std::size_t at_most, TimePoint deadline) {
  for (;;) {
    auto line = take_line(at_most);
    if (!line) return line.error();
    if (*line) return std::move(**line);
    if (auto ready = wait(POLLIN, deadline); !ready) return ready.error();
  }
}

Result<std::optional<std::string>> LocalStream::take_line(std::size_t at_most) {
  for (;;) {
    const auto end = unread_.find('\n', searched_);
    if (std::min(end, unread_.size()) > at_most) return fail(Errc::limit, "a line is too long");
    if (end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      searched_ = 0;
      return line;
    }
    searched_ = unread_.size();
    char chunk[kChunk];
    const ssize_t got = ::recv(descriptor_.get(), chunk, sizeof chunk, 0);
    if (got > 0) unread_.append(chunk, static_cast<std::size_t>(got));
    if (got == 0 && unread_.empty()) return fail(Errc::closed);
    if (got == 0) return std::exchange(unread_, {});
    if (got < 0 && would_wait(errno)) return std::nullopt;
    if (got < 0) return stream_error("read", errno);
  }
}

Result<> LocalStream::write(std::string_view bytes, TimePoint deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (!would_wait(errno)) {
      return stream_error("write", errno);
    } else if (auto ready = wait(POLLOUT, deadline); !ready) {
      return ready;
    }
  }
  return {};
}

uid_t LocalStream::peer_user() const {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(descriptor_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return kNobodyKnown;
  return peer.uid;
}

// -- the listener --------------------------------------------------------------------------------------

LocalListener::LocalListener(std::string path, Descriptor descriptor, Descriptor stop)
    : path_(std::move(path)), descriptor_(std::move(descriptor)), stop_(std::move(stop)) {}

LocalListener::~LocalListener() {
  if (descriptor_) ::unlink(path_.c_str());
}

// The mode is the descriptor's before there is a file: nobody finds it open for a moment.
Result<LocalListener> LocalListener::bind(std::string path) {
  auto address = LocalAddress::of(path);
  if (!address) return address.error();
  Descriptor descriptor = local_socket();
  Descriptor stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!descriptor || !stop) return fail(Errc::io, describe_errno("socket", errno));
  struct stat there{};
  if (::lstat(path.c_str(), &there) == 0 && S_ISSOCK(there.st_mode)) ::unlink(path.c_str());
  if (::fchmod(descriptor.get(), S_IRUSR | S_IWUSR) != 0 ||
      ::bind(descriptor.get(), address->get(), LocalAddress::length()) != 0 ||
      ::listen(descriptor.get(), kBacklog) != 0) {
    return fail(Errc::io, describe_errno(path, errno));
  }
  return LocalListener(std::move(path), std::move(descriptor), std::move(stop));
}

Result<LocalListener::Asked> LocalListener::next(std::size_t at_most, Duration patience) {
  for (;;) {
    if (is_stopped()) return fail(Errc::stopped);
    if (auto ready = take_ready()) return std::move(*ready);
    if (auto waited = wait(); !waited) return waited.error();
    if (auto accepted = accept(patience); !accepted) return accepted.error();
    read(at_most);
    std::erase_if(waiting_, [now = std::chrono::steady_clock::now()](const Waiting& one) {
      return !one.line && one.until <= now;
    });
  }
}

std::optional<LocalListener::Asked> LocalListener::take_ready() {
  const auto ready =
      std::ranges::find_if(waiting_, [](const Waiting& one) { return one.line.has_value(); });
  if (ready == waiting_.end()) return std::nullopt;
  Asked asked{std::move(ready->stream), std::move(*ready->line)};
  waiting_.erase(ready);
  return asked;
}

bool LocalListener::is_stopped() const {
  pollfd stop{stop_.get(), POLLIN, 0};
  return ::poll(&stop, 1, 0) > 0;
}

// Who has asked does not give way.
bool LocalListener::has_room() const {
  return waiting_.size() < kMostWaiting ||
         std::ranges::any_of(waiting_, [](const Waiting& one) { return !one.line; });
}

// Until somebody comes, or says something, or has been silent for too long.
Result<> LocalListener::wait() const {
  std::vector<pollfd> waits{{stop_.get(), POLLIN, 0}, {descriptor_.get(), POLLIN, 0}};
  TimePoint until = TimePoint::max();
  for (const Waiting& one : waiting_) {
    waits.push_back({one.stream.descriptor_.get(), POLLIN, 0});
    until = std::min(until, one.until);
  }
  const int ready = ::poll(waits.data(), waits.size(), milliseconds_until(until));
  if (ready < 0 && errno != EINTR) return fail(Errc::io, describe_errno("poll", errno));
  return {};
}

Result<> LocalListener::accept(Duration patience) {
  while (has_room()) {
    Descriptor accepted(::accept4(descriptor_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!accepted && errno == ECONNABORTED) continue;
    if (!accepted && would_wait(errno)) return {};
    if (!accepted) return stream_error("accept", errno);
    waiting_.push_back(
        {LocalStream(std::move(accepted), stop_.get()), std::chrono::steady_clock::now() + patience});
    if (waiting_.size() <= kMostWaiting) continue;
    waiting_.erase(std::ranges::find_if(waiting_, [](const Waiting& one) { return !one.line; }));
  }
  return {};
}

void LocalListener::read(std::size_t at_most) {
  std::erase_if(waiting_, [&](Waiting& one) {
    if (one.line) return false;
    auto line = one.stream.take_line(at_most);
    if (line) one.line = std::move(*line);
    return !line;
  });
}

void LocalListener::stop() { (void)::eventfd_write(stop_.get(), 1); }

}  // namespace sallyport::io
