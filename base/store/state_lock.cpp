#include "base/store/state_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "base/store/file_error.h"
#include "base/text.h"

namespace sallyport::store {
namespace {

struct Content {
  std::string pid;
  std::int64_t last_row = 0;
};

// Two lines; the second is missing where an earlier version wrote it.
Content read(int file) {
  char text[64];
  const auto length = ::pread(file, text, sizeof text, 0);
  const std::string_view lines(text, static_cast<std::size_t>(length > 0 ? length : 0));
  const auto first = lines.find('\n');
  Content content{printable(lines.substr(0, first)), 0};
  if (first == std::string_view::npos) return content;
  const auto second = lines.substr(first + 1);
  const auto number = parse_unsigned(second.substr(0, second.find('\n')));
  content.last_row = static_cast<std::int64_t>(number.value_or(0));
  return content;
}

}  // namespace

Result<StateLock> StateLock::take(const std::string& path) {
  io::Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return file_error(path, errno);
  const bool locked = ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
  if (!locked && errno != EWOULDBLOCK) return file_error(path, errno);
  const Content found = read(file.get());
  if (!locked)
    return fail(Errc::refused, fmt::format("{}: in use by another instance (pid {})", path, found.pid));
  StateLock lock(std::move(file));
  lock.last_row_ = found.last_row;
  if (::ftruncate(lock.file_.get(), 0) != 0) return file_error(path, errno);
  if (!lock.write()) return file_error(path, errno);
  return lock;
}

// The pid is only for a sentence; the lock counts, not what the file says. Of one length always: it is
// written over what was there.
Result<> StateLock::write() const {
  const std::string content = fmt::format("{}\n{:020}\n", ::getpid(), last_row_);
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
