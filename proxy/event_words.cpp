#include "proxy/event_words.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "base/store/event_text.h"

namespace sallyport::proxy {

std::string shown(std::string_view untrusted, std::size_t limit) {
  const bool cut = untrusted.size() > limit;
  std::string escaped, out;
  store::append_escaped(escaped, untrusted.substr(0, limit));
  for (std::size_t at = 0; at < escaped.size(); ++at) {
    const bool quoted = escaped[at] == '\\' && at + 1 < escaped.size() &&
                        (escaped[at + 1] == '"' || escaped[at + 1] == '\\');
    out += escaped[quoted ? ++at : at];
  }
  return cut ? out + "..." : out;
}

std::string shown(const JsonValue& value, std::size_t limit) {
  const std::string text = value.text();
  if (!text.empty() || !value.is_list())
    return shown(text.empty() ? std::string(value.raw()) : text, limit);
  std::string out;
  for (const JsonValue& item : value.items()) {
    if (!out.empty()) out += "; ";
    if (!item.is_object()) {
      out += shown(item, limit);
      continue;
    }
    bool first = true;
    for (const JsonValue& member : item.items()) {
      out += fmt::format("{}{} {}", first ? "" : ", ", shown(member.key(), 40), shown(member, limit));
      first = false;
    }
  }
  return out;
}

std::string rest_shown(const JsonValue& object, std::span<const std::string_view> said,
                       std::string_view indent) {
  std::string out;
  for (const JsonValue& member : object.items())
    if (std::ranges::count(said, member.key()) == 0)
      out += fmt::format("{}{}: {}\n", indent, shown(member.key(), 40), shown(member));
  return out;
}

std::string time_shown(WallTime time) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto second = std::chrono::floor<std::chrono::seconds>(milliseconds);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:03}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(second)),
                     (milliseconds - second).count());
}

std::string local_time_shown(const std::string& stamp) {
  std::tm utc{};
  if (::strptime(stamp.c_str(), "%Y-%m-%dT%H:%M:%S", &utc) == nullptr) return "-";
  return fmt::format("{:%Y-%m-%d %H:%M}", fmt::localtime(::timegm(&utc)));
}

std::string span_shown(Duration span) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
  const auto seconds = milliseconds / 1000;
  if (milliseconds < 1000) return fmt::format("{} ms", milliseconds);
  if (seconds < 60) return fmt::format("{}.{} s", seconds, milliseconds % 1000 / 100);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
}

Duration span_of(const JsonValue& milliseconds) {
  constexpr std::int64_t most = 1000LL * 3600 * 24 * 365;
  return std::chrono::milliseconds(std::clamp<std::int64_t>(milliseconds.number().value_or(0), 0, most));
}

}  // namespace sallyport::proxy
