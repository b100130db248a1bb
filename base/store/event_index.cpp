// The index of a segment.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/id.h"
#include "base/store/event_files.h"
#include "base/store/event_lines.h"
#include "base/store/file_error.h"

namespace sallyport::store {
namespace {

struct IndexHead {
  std::array<char, 8> magic = {'S', 'A', 'L', 'P', 'E', 'V', 'N', 'T'};
  std::uint32_t version = 1;
  std::uint32_t entry_size = sizeof(IndexEntry);
  bool operator==(const IndexHead&) const = default;
};
static_assert(sizeof(IndexHead) == sizeof(IndexEntry));

std::string read_whole(const std::string& path) {
  std::string content;
  const io::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return content;
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size <= 0) return content;
  content.resize(static_cast<std::size_t>(size));
  std::size_t have = 0;
  while (have < content.size()) {
    const ssize_t got =
        ::pread(file.get(), content.data() + have, content.size() - have, static_cast<off_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  content.resize(have);
  return content;
}

// As far as they can be true: each behind the one before it, and inside the segment.
std::vector<IndexEntry> read_entries(const std::string& path, std::uint64_t segment_size) {
  const std::string content = read_whole(path);
  IndexHead head;
  std::vector<IndexEntry> entries;
  if (content.size() < sizeof head) return entries;
  std::memcpy(&head, content.data(), sizeof head);
  if (head != IndexHead{}) return entries;
  entries.resize((content.size() - sizeof head) / sizeof(IndexEntry));
  if (entries.empty()) return entries;
  std::memcpy(entries.data(), content.data() + sizeof head, entries.size() * sizeof(IndexEntry));
  for (std::size_t place = 0; place < entries.size(); ++place) {
    const bool behind =
        place == 0 ? entries[0].offset == 0 : entries[place].offset > entries[place - 1].offset;
    if (behind && entries[place].offset < segment_size) continue;
    entries.resize(place);
  }
  return entries;
}

// The last entry is read again from its line: that it is true speaks for those before it.
bool is_true(int log, const IndexEntry& entry) {
  EventLines lines(log, entry.offset);
  const auto line = lines.next();
  return line && entry_of(*line, entry.offset) == entry;
}

bool write_all(int file, std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t written = ::write(file, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

IndexEntry entry_of(std::string_view line, std::uint64_t offset) {
  IndexEntry entry{.offset = static_cast<std::uint32_t>(offset)};
  const auto head = head_of(line);
  if (!head) return entry;
  const auto second = std::chrono::floor<std::chrono::seconds>(head->time).time_since_epoch().count();
  entry.second = static_cast<std::uint32_t>(second);
  entry.session = session_number(head->id).value_or(0);
  return entry;
}

std::string_view as_octets(const std::vector<IndexEntry>& entries) {
  return {reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(IndexEntry)};
}

SegmentIndex index_of(const SegmentFiles& segment) {
  const io::Descriptor log = segment.open_log();
  if (!log) return {};
  const off_t size = ::lseek(log.get(), 0, SEEK_END);
  SegmentIndex index{read_entries(segment.index, static_cast<std::uint64_t>(std::max<off_t>(size, 0))), 0};
  if (!index.entries.empty() && !is_true(log.get(), index.entries.back())) index.entries.clear();
  index.stored = index.entries.size();
  const bool has_some = index.stored > 0;
  EventLines lines(log.get(), has_some ? index.entries.back().offset : 0);
  if (has_some) (void)lines.next();
  while (const auto line = lines.next()) index.entries.push_back(entry_of(*line, lines.offset()));
  return index;
}

Result<> store_index(const SegmentFiles& segment, const std::vector<IndexEntry>& entries) {
  const std::string fresh = segment.index + ".new";
  ::unlink(fresh.c_str());  // whatever a killed process, or anybody else, has left there
  const io::Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  const IndexHead head;
  const std::string_view head_octets(reinterpret_cast<const char*>(&head), sizeof head);
  const bool good = file && write_all(file.get(), head_octets) && write_all(file.get(), as_octets(entries));
  if (good && ::rename(fresh.c_str(), segment.index.c_str()) == 0) return Result<>{};
  const int why = errno;
  ::unlink(fresh.c_str());
  return file_error(segment.index, why);
}

}  // namespace sallyport::store
