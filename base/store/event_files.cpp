#include "base/store/event_files.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/store/event_lines.h"

namespace sallyport::store {
namespace {

constexpr std::string_view kBegin = "events-";
constexpr std::string_view kLog = ".log";
constexpr std::size_t kTimeLength = 17;  // 20261122160000123

std::string_view time_in(std::string_view name) {
  if (!name.starts_with(kBegin) || !name.ends_with(kLog)) return {};
  name.remove_prefix(kBegin.size());
  name.remove_suffix(kLog.size());
  const bool good = name.size() == kTimeLength && name.find_first_not_of("0123456789") == name.npos;
  return good ? name : std::string_view();
}

SegmentFiles named(const std::string& directory, std::string_view time) {
  const std::string stem = fmt::format("{}/{}{}", directory, kBegin, time);
  return {.log = stem + std::string(kLog), .index = stem + ".index"};
}

std::uint64_t size_of(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

WallTime written_at(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};
  return WallTime(std::chrono::seconds(status.st_mtim.tv_sec));
}

void remove_segment(const SegmentFiles& segment) {
  ::unlink(segment.log.c_str());
  ::unlink(segment.index.c_str());
}

int number(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

}  // namespace

io::Descriptor SegmentFiles::open_log() const {
  io::Descriptor file(::open(log.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status{};
  const bool is_file = file && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode);
  return is_file ? std::move(file) : io::Descriptor();
}

std::vector<SegmentFiles> segments_of(const std::string& directory, std::vector<std::string>* others) {
  std::vector<SegmentFiles> all;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const auto time = time_in(name);
    if (time.empty()) continue;
    SegmentFiles segment = named(directory, time);
    if (std::error_code unknown;
        entry->symlink_status(unknown).type() != std::filesystem::file_type::regular) {
      if (others && !unknown) others->push_back(segment.log);
      continue;
    }
    segment.size = size_of(segment.log) + size_of(segment.index);
    segment.written = written_at(segment.log);
    all.push_back(std::move(segment));
  }
  std::ranges::sort(all, {}, &SegmentFiles::log);
  return all;
}

SegmentFiles segment_at(const std::string& directory, WallTime first) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(first);
  const auto second = std::chrono::floor<std::chrono::seconds>(milliseconds);
  const std::string time =
      fmt::format("{:%Y%m%d%H%M%S}{:03}", fmt::gmtime(std::chrono::system_clock::to_time_t(second)),
                  (milliseconds - second).count());
  return named(directory, time);
}

WallTime first_time(const SegmentFiles& segment) {
  const std::string name = std::filesystem::path(segment.log).filename().string();
  const std::string_view time = time_in(name);
  if (time.empty()) return {};
  const auto part = [&](std::size_t from, std::size_t count) { return number(time.substr(from, count)); };
  return utc_time({part(0, 4), part(4, 2), part(6, 2), part(8, 2), part(10, 2), part(12, 2), part(14, 3)})
      .value_or(WallTime());
}

void expire(const std::string& directory, std::uint64_t most, WallTime oldest) {
  auto segments = segments_of(directory);
  if (segments.empty()) return;
  segments.pop_back();
  std::uint64_t total = 0;
  for (const SegmentFiles& segment : segments) total += segment.size;
  bool by_age = true;
  for (const SegmentFiles& segment : segments) {
    const bool too_old = by_age && segment.written < oldest;
    if (total <= most && !too_old) return;
    if (total <= most) by_age = false;
    remove_segment(segment);
    total -= segment.size;
  }
}

}  // namespace sallyport::store
