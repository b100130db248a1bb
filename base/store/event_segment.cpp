#include "base/store/event_segment.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/store/file_error.h"
#include "base/store/file_mark.h"

namespace sallyport::store {
namespace {

constexpr auto kLongestSpan = std::chrono::hours(24);

bool write_at(int file, std::string_view octets, std::uint64_t offset) {
  while (!octets.empty()) {
    const ssize_t written = ::pwrite(file, octets.data(), octets.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return true;
}

std::uint64_t size_of(int file) {
  const off_t size = ::lseek(file, 0, SEEK_END);
  return static_cast<std::uint64_t>(std::max<off_t>(size, 0));
}

bool ends_in_line_end(int file, std::uint64_t size) {
  char last = '\n';
  return size == 0 || ::pread(file, &last, 1, static_cast<off_t>(size - 1)) != 1 || last == '\n';
}

}  // namespace

Result<EventSegment> EventSegment::open(const std::string& directory, std::uint64_t most, WallTime now) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return file_error(directory, errno);
  EventSegment segment;
  segment.directory_ = directory;
  segment.most_ = most;
  if (auto locked = segment.lock(directory); !locked) return locked.error();
  const auto earlier = segments_of(directory);
  for (const SegmentFiles& one : earlier)
    if (const auto index = index_of(one); index.stored != index.entries.size())
      (void)store_index(one, index.entries);  // without it they are found all the same, only slower
  auto begun = earlier.empty() ? segment.begin(segment_at(directory, now)) : segment.go_on(earlier.back());
  if (!begun) return begun.error();
  if (!segment.is_full(now)) return segment;
  if (auto another = segment.begin_another(now); !another) return another.error();
  return segment;
}

Result<> EventSegment::lock(const std::string& directory) {
  lock_ = io::Descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_) return file_error(directory, errno);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return Result<>{};
  if (errno == EWOULDBLOCK)
    return fail(Errc::refused, directory + ": another process writes its events there");
  return file_error(directory, errno);
}

Result<> EventSegment::begin(SegmentFiles files) {
  io::Descriptor log(::open(files.log.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!log) return file_error(files.log, errno);
  log_ = std::move(log);
  first_ = first_time(files);
  files_ = std::move(files);
  size_ = 0;
  index_.reset();
  if (store_index(files_, {}))
    index_ = io::Descriptor(::open(files_.index.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
  return Result<>{};
}

// What a kill has cut off is closed by a line end, so that it spoils nothing but itself.
Result<> EventSegment::go_on(SegmentFiles files) {
  log_ = io::Descriptor(::open(files.log.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!log_) return file_error(files.log, errno);
  first_ = first_time(files);
  files_ = std::move(files);
  size_ = size_of(log_.get());
  if (!ends_in_line_end(log_.get(), size_)) {
    if (!write_at(log_.get(), "\n", size_)) return file_error(files_.log, errno);
    ++size_;
  }
  if (store_index(files_, index_of(files_).entries))
    index_ = io::Descriptor(::open(files_.index.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
  return Result<>{};
}

Result<> EventSegment::append(std::string_view lines) {
  if (!write_at(log_.get(), lines, size_)) return file_error(files_.log, errno);
  append_to_index(lines);
  size_ += lines.size();
  return Result<>{};
}

void EventSegment::append_to_index(std::string_view lines) {
  if (!index_) return;
  entries_.clear();
  std::uint64_t offset = size_;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    entries_.push_back(entry_of(line, offset));
    offset += line.size() + 1;
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
  }
  std::string_view octets = as_octets(entries_);
  const ssize_t written = ::write(index_.get(), octets.data(), octets.size());
  if (written != static_cast<ssize_t>(octets.size())) index_.reset();
}

Result<> EventSegment::sync() {
  if (::fdatasync(log_.get()) == 0) return Result<>{};
  return file_error(files_.log, errno);
}

bool EventSegment::is_full(WallTime now) const {
  return size_ >= most_ || (size_ > 0 && now - first_ >= kLongestSpan);
}

// By their names segments stand in the order in which they were written, whatever the clock says.
Result<> EventSegment::begin_another(WallTime now) {
  return begin(segment_at(directory_, std::max(now, first_ + std::chrono::milliseconds(1))));
}

bool EventSegment::is_gone() const { return FileMark::of(log_.get()).has_left(files_.log); }

}  // namespace sallyport::store
