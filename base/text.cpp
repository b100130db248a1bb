#include "base/text.h"

#include <algorithm>

namespace sallyport {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// Length of the valid UTF-8 sequence at the front of `text` (RFC 3629), 0 if there is none.
std::size_t utf8_sequence(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(0);
  if (first < 0x80) return 1;
  std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  unsigned char second = byte(1);
  bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  bool surrogate = first == 0xed && second > 0x9f;
  bool beyond = first == 0xf4 && second > 0x8f;
  return overlong || surrogate || beyond ? 0 : length;
}

void append_byte(std::string& out, const char* prefix, char c) {
  out += prefix;
  out += kHex[static_cast<unsigned char>(c) >> 4];
  out += kHex[static_cast<unsigned char>(c) & 15];
}

// Printable ASCII throughout, as nearly everything is that is logged. No early end: the compiler looks at
// sixteen octets at once.
bool is_plain(std::string_view text) {
  bool plain = true;
  for (char c : text) plain &= c >= ' ' && c <= '~';
  return plain;
}

// Besides, nothing that JSON escapes.
bool is_plain_json(std::string_view text) {
  unsigned char escaped = 0;  // of octets, without a branch: many at once
  for (const char c : text) escaped |= (c < ' ') | (c > '~') | (c == '"') | (c == '\\');
  return escaped == 0;
}

// What a terminal obeys, or what changes how the text around it reads: C1 controls, the marks and overrides
// of bidirectional text, line and paragraph separators.
bool is_disguising(std::string_view sequence) {
  const auto octet = [&](std::size_t at) { return static_cast<unsigned char>(sequence[at]); };
  if (sequence.size() == 2) return (octet(0) == 0xc2 && octet(1) < 0xa0) || sequence == "\xd8\x9c";
  if (sequence.size() != 3 || octet(0) != 0xe2) return false;
  if (octet(1) == 0x80)
    return octet(2) == 0x8e || octet(2) == 0x8f || (octet(2) >= 0xa8 && octet(2) <= 0xae);
  return octet(1) == 0x81 && octet(2) >= 0xa6 && octet(2) <= 0xa9;
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

bool iequals(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

bool istarts_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && iequals(text.substr(0, prefix.size()), prefix);
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return is_ascii(c); });
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    std::size_t length = utf8_sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string_view trim(std::string_view text) {
  auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<std::uint64_t> parse_unsigned(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : digits) {
    if (!is_digit(c)) return std::nullopt;
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, static_cast<std::uint64_t>(c - '0'), &value))
      return std::nullopt;
  }
  return value;
}

std::string printable(std::string_view untrusted, std::size_t limit) {
  if (untrusted.size() <= limit && is_plain(untrusted)) return std::string(untrusted);
  std::string out;
  while (!untrusted.empty()) {
    if (out.size() >= limit) return out + "...";
    std::size_t length = is_control(untrusted.front()) ? 0 : utf8_sequence(untrusted);
    if (is_disguising(untrusted.substr(0, length))) length = 0;
    if (length == 0) append_byte(out, "\\x", untrusted.front());
    out += untrusted.substr(0, length);
    untrusted.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

void append_json_escaped(std::string& out, std::string_view untrusted) {
  if (is_plain_json(untrusted)) {
    out += untrusted;
    return;
  }
  while (!untrusted.empty()) {
    char c = untrusted.front();
    std::size_t length = utf8_sequence(untrusted);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (is_control(c)) {
      append_byte(out, "\\u00", c);
    } else if (length == 0) {
      append_byte(out, "\\\\x", c);  // shows as \xNN: JSON itself has no way to carry a lone byte
    } else {
      out += untrusted.substr(0, length);
    }
    untrusted.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

}  // namespace sallyport
