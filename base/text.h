// Small text tools for ASCII protocols. Locale plays no part anywhere (tr_TR must not change a verb).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }
constexpr bool is_alnum(char c) { return is_digit(c) || is_alpha(c); }
constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
constexpr bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

std::string to_lower(std::string_view text);
bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view text, std::string_view prefix);
bool is_ascii(std::string_view text);
bool is_valid_utf8(std::string_view text);
std::string_view trim(std::string_view text);  // spaces and tabs

// Whole decimal number, no sign, no blanks, no overflow.
std::optional<std::uint64_t> parse_unsigned(std::string_view digits);

// Untrusted text made safe to show on one line: control characters (C1 too), DEL, marks that turn the
// direction of text, line separators, and bytes that are not valid UTF-8 become \xNN, and what is longer
// than `limit` octets is cut and ends in "...".
std::string printable(std::string_view untrusted, std::size_t limit = 512);

// Appends `untrusted` as the inside of a JSON string (no quotes): always valid JSON in valid UTF-8.
void append_json_escaped(std::string& out, std::string_view untrusted);

}  // namespace sallyport
