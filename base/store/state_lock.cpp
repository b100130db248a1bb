#include "base/store/state_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string_view>
#include <thread>

#include "base/store/file_error.h"
#include "base/store/file_mark.h"
#include "base/text.h"

namespace sallyport::store {
namespace {

constexpr std::string_view kBrief = " brief";
constexpr std::chrono::milliseconds kPatienceForCommand{10'000}, kPatienceForOthers{100}, kBetweenTries{10};

struct Content {
  std::string pid;
  bool brief = false;  // a command has it
  std::int64_t last_row = 0;
};

// Two lines, "4711" or "4711 brief", and the number; that is missing where an earlier version wrote it.
Content read(int file) {
  char text[64];
  const auto length = ::pread(file, text, sizeof text, 0);
  const std::string_view lines(text, static_cast<std::size_t>(length > 0 ? length : 0));
  const auto first = lines.find('\n');
  const auto holder = lines.substr(0, first);
  Content content{printable(holder.substr(0, holder.find(' '))), holder.ends_with(kBrief)};
  if (first == std::string_view::npos) return content;
  const auto second = lines.substr(first + 1);
  const auto number = parse_unsigned(second.substr(0, second.find('\n')));
  content.last_row = static_cast<std::int64_t>(number.value_or(0));
  return content;
}

// A command is done soon; and whoever has just taken the lock may not have said yet that it is one.
Result<> wait_for(int file, const std::string& path) {
  using Steady = std::chrono::steady_clock;
  const auto began = Steady::now();
  Content seen = read(file);
  for (auto since = began; ::flock(file, LOCK_EX | LOCK_NB) != 0;) {
    if (errno != EWOULDBLOCK && errno != EINTR) return file_error(path, errno);
    const auto now = Steady::now();
    Content next = read(file);
    if (next.pid != seen.pid || next.brief) since = now;
    seen = std::move(next);
    if (now - since > kPatienceForOthers || now - began > kPatienceForCommand)
      return fail(Errc::refused, fmt::format("{}: in use by another instance (pid {})", path, seen.pid));
    std::this_thread::sleep_for(kBetweenTries);
  }
  return {};
}

}  // namespace

Result<StateLock> StateLock::take(const std::string& path, bool brief) {
  io::Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return file_error(path, errno);
  if (const auto locked = wait_for(file.get(), path); !locked) return locked.error();
  StateLock lock(path, std::move(file), brief);
  lock.last_row_ = read(lock.file_.get()).last_row;
  if (::ftruncate(lock.file_.get(), 0) != 0) return file_error(path, errno);
  if (!lock.write()) return file_error(path, errno);
  return lock;
}

Result<> StateLock::hold() {
  if (!FileMark::of(file_.get()).has_left(path_)) return {};
  Result<StateLock> again = take(path_, brief_);
  if (!again) return again.error();
  file_ = std::move(again->file_);
  return write();
}

// The holder is only for who comes meanwhile; the lock counts, not what the file says. Of one length for as
// long as it is held: it is written over what was there.
Result<> StateLock::write() const {
  const std::string content = fmt::format("{}{}\n{:020}\n", ::getpid(), brief_ ? kBrief : "", last_row_);
  if (::pwrite(file_.get(), content.data(), content.size(), 0) < 0) return fail(Errc::io);
  return {};
}

// A disk that is full is the commit's to report.
void StateLock::note(std::int64_t last_row) {
  if (last_row == last_row_) return;
  last_row_ = last_row;
  static_cast<void>(write());
}

}  // namespace sallyport::store
