#include "base/store/event_lines.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/text.h"

namespace sallyport::store {
namespace {

constexpr std::size_t kRead = 256 << 10;
constexpr int kLastYear = 2261;  // the last one that nanoseconds since 1970 reach the end of

bool take(std::string_view& text, std::string_view literal) {
  if (!text.starts_with(literal)) return false;
  text.remove_prefix(literal.size());
  return true;
}

std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  int value = 0;
  for (std::size_t place = 0; place < count; ++place) {
    if (place >= text.size() || !is_digit(text[place])) return std::nullopt;
    value = value * 10 + (text[place] - '0');
  }
  text.remove_prefix(count);
  return value;
}

// 2026-11-22T16:00:00.123Z
std::optional<WallTime> take_time(std::string_view& text) {
  constexpr std::array<std::size_t, 7> widths = {4, 2, 2, 2, 2, 2, 3};
  constexpr std::string_view ends = "--T::.Z";
  std::array<int, widths.size()> parts{};
  for (std::size_t part = 0; part < widths.size(); ++part) {
    const auto value = take_digits(text, widths.at(part));
    if (!value || !take(text, ends.substr(part, 1))) return std::nullopt;
    parts.at(part) = *value;
  }
  return utc_time(parts);
}

std::string_view take_until_quote(std::string_view& text) {
  const std::string_view value = text.substr(0, text.find('"'));
  text.remove_prefix(value.size());
  return value;
}

}  // namespace

std::optional<WallTime> utc_time(const std::array<int, 7>& parts) {
  using namespace std::chrono;
  const auto day = year_month_day(year(parts[0]), month(static_cast<unsigned>(parts[1])),
                                  std::chrono::day(static_cast<unsigned>(parts[2])));
  if (!day.ok() || parts[0] < 1970 || parts[0] > kLastYear) return std::nullopt;
  return sys_days(day) + hours(parts[3]) + minutes(parts[4]) + seconds(parts[5]) + milliseconds(parts[6]);
}

std::optional<EventHead> head_of(std::string_view line) {
  EventHead head{};
  if (!line.ends_with('}') || !take(line, "{\"time\":\"")) return std::nullopt;
  const auto time = take_time(line);
  if (!time || !take(line, "\",\"type\":\"")) return std::nullopt;
  head.time = *time;
  head.type = take_until_quote(line);
  if (take(line, "\",\"id\":\"")) head.id = take_until_quote(line);
  return head;
}

std::optional<std::string_view> EventLines::next() & {
  while (true) {
    const auto end = buffer_.find('\n', searched_);
    if (end == std::string::npos) {
      searched_ = buffer_.size();
      if (!read_more()) return std::nullopt;
      continue;
    }
    offset_ = read_to_ - (buffer_.size() - at_);
    const std::string_view line = std::string_view(buffer_).substr(at_, end - at_);
    at_ = searched_ = end + 1;
    if (!std::exchange(too_long_, false)) return line;
  }
}

bool EventLines::read_more() {
  buffer_.erase(0, at_);
  at_ = 0;
  if (buffer_.size() > kLongest) {
    buffer_.clear();
    too_long_ = true;
  }
  searched_ = buffer_.size();
  buffer_.resize(searched_ + kRead);
  ssize_t got = 0;
  do got = ::pread(descriptor_, buffer_.data() + searched_, kRead, static_cast<off_t>(read_to_));
  while (got < 0 && errno == EINTR);
  buffer_.resize(searched_ + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  read_to_ += static_cast<std::uint64_t>(std::max<ssize_t>(got, 0));
  return got > 0;
}

}  // namespace sallyport::store
