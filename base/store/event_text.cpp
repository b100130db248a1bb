#include "base/store/event_text.h"

#include <fmt/compile.h>

#include "base/text.h"

namespace sallyport::store {
namespace {

struct Deceptive {
  std::size_t length = 0;  // octets; 0: an ordinary character
  unsigned code = 0;
};

// C1 controls (U+0080–9F), line separators (U+2028 and 2029), and what turns the direction of writing:
// U+061C, 200E, 200F, 202A–202E, 2066–2069.
Deceptive deceptive(std::string_view text) {
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.size() >= 2 && octet(0) == 0xc2 && octet(1) >= 0x80 && octet(1) <= 0x9f) return {2, octet(1)};
  if (text.size() >= 2 && octet(0) == 0xd8 && octet(1) == 0x9c) return {2, 0x061c};
  if (text.size() < 3 || octet(0) != 0xe2) return {};
  const bool mark = octet(1) == 0x80 && (octet(2) == 0x8e || octet(2) == 0x8f);
  const bool override = mark || (octet(1) == 0x80 && octet(2) >= 0xa8 && octet(2) <= 0xae);
  const bool isolate = octet(1) == 0x81 && octet(2) >= 0xa6 && octet(2) <= 0xa9;
  if (!override && !isolate) return {};
  return {3, 0x2000u | (octet(1) & 0x3fu) << 6 | (octet(2) & 0x3fu)};
}

// The JSON string at the front of `json`, quotes included.
std::string_view take_string(std::string_view& json) {
  std::size_t end = 1;
  while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
  const std::string_view string = json.substr(0, end + 1);
  json.remove_prefix(string.size());
  return string;
}

bool needs_quotes(std::string_view inside) {
  return inside.find_first_of(" \"\\=[]{},") != std::string_view::npos;
}

}  // namespace

void append_escaped(std::string& out, std::string_view untrusted) {
  // Nearly all is ASCII, in which nothing deceives that is not escaped anyway.
  unsigned char any = 0;
  for (const char c : untrusted) any |= static_cast<unsigned char>(c);
  if (any < 0x80) return append_json_escaped(out, untrusted);
  std::size_t plain = 0;
  for (std::size_t at = 0; at < untrusted.size();) {
    const Deceptive found = is_ascii(untrusted[at]) ? Deceptive{} : deceptive(untrusted.substr(at));
    if (found.length == 0) {
      ++at;
      continue;
    }
    append_json_escaped(out, untrusted.substr(plain, at - plain));
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", found.code);
    plain = at += found.length;
  }
  append_json_escaped(out, untrusted.substr(plain));
}

std::string body_as_text(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    if (json.front() != '"') {
      out += json.front() == ',' ? ' ' : json.front();
      json.remove_prefix(1);
      continue;
    }
    const std::string_view string = take_string(json);
    const std::string_view inside = string.substr(1, string.size() - 2);
    if (json.starts_with(':')) {
      out += inside;
      out += '=';
      json.remove_prefix(1);
    } else {
      out += needs_quotes(inside) ? string : inside;
    }
  }
  return out;
}

void TimeStamp::append(std::string& out, WallTime time) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
  const auto second = static_cast<std::time_t>(since >= 0 ? since / 1000 : (since - 999) / 1000);
  if (second != second_) {
    std::tm parts{};
    utc_ ? ::gmtime_r(&second, &parts) : ::localtime_r(&second, &parts);
    char text[40];
    text_.assign(
        text, std::strftime(text, sizeof text, utc_ ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &parts));
    second_ = second;
  }
  out += text_;
  fmt::format_to(std::back_inserter(out), FMT_COMPILE(".{:03}{}"), since - second * 1000, utc_ ? "Z" : "");
}

std::string time_stamp(WallTime time) {
  std::string stamp;
  TimeStamp(true).append(stamp, time);
  return stamp;
}

}  // namespace sallyport::store
