#include "base/store/event_reader.h"

#include <algorithm>

#include "base/id.h"
#include "base/store/event_files.h"
#include "base/store/event_lines.h"

namespace sallyport::store {
namespace {

WallTime second(std::uint32_t since_1970) { return WallTime(std::chrono::seconds(since_1970)); }

bool is_of(std::string_view line, std::uint64_t session) {
  const auto head = head_of(line);
  return head && session_number(head->id) == session;
}

// By the index; nullopt: the index does not say the truth.
std::optional<std::vector<std::string>> by_index(const SegmentFiles& segment, std::uint64_t session) {
  std::vector<std::string> found;
  const io::Descriptor log = segment.open_log();
  for (const IndexEntry& entry : index_of(segment).entries) {
    if (entry.session != session) continue;
    EventLines lines(log.get(), entry.offset);
    const auto line = lines.next();
    if (!line || !is_of(*line, session)) return std::nullopt;
    found.emplace_back(*line);
  }
  return found;
}

std::vector<std::string> by_reading(const SegmentFiles& segment, std::uint64_t session) {
  std::vector<std::string> found;
  const io::Descriptor log = segment.open_log();
  EventLines lines(log.get(), 0);
  while (const auto line = lines.next())
    if (is_of(*line, session)) found.emplace_back(*line);
  return found;
}

}  // namespace

std::vector<std::string> EventReader::of_session(std::uint64_t session) const {
  std::vector<std::string> all;
  for (const SegmentFiles& segment : segments_of(directory_)) {
    auto found = by_index(segment, session);
    if (!found) found = by_reading(segment, session);
    std::ranges::move(*found, std::back_inserter(all));
  }
  return all;
}

void EventReader::each_since(WallTime since, const std::function<bool(std::string_view line)>& take) const {
  for (const SegmentFiles& segment : segments_of(directory_)) {
    const auto entries = index_of(segment).entries;
    const auto first = std::ranges::find_if(entries, [&](const IndexEntry& entry) {
      return second(entry.second) + std::chrono::seconds(1) > since;
    });
    if (first == entries.end()) continue;
    const io::Descriptor log = segment.open_log();
    EventLines lines(log.get(), first->offset);
    while (const auto line = lines.next()) {
      const auto head = head_of(*line);
      if (head && head->time >= since && !take(*line)) return;
    }
  }
}

std::optional<EventReader::Kept> EventReader::kept() const {
  std::optional<Kept> kept;
  for (const SegmentFiles& segment : segments_of(directory_))
    for (const IndexEntry& entry : index_of(segment).entries) {
      if (entry.second == 0) continue;
      if (!kept) kept = Kept{second(entry.second), second(entry.second), 0};
      kept->from = std::min(kept->from, second(entry.second));
      kept->to = std::max(kept->to, second(entry.second));
      ++kept->events;
    }
  return kept;
}

std::vector<std::string> EventReader::passed_over() const {
  std::vector<std::string> others;
  segments_of(directory_, &others);
  return others;
}

}  // namespace sallyport::store
