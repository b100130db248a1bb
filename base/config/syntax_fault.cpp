#include "base/config/syntax_fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/ip_address.h"
#include "base/text.h"

namespace sallyport::config {
namespace {

bool is_hex(char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); }

std::string found(const Cursor& cursor) {
  if (cursor.at_end()) return "the end of the file";
  if (cursor.peek() == '"') return "a text in quotes";
  const auto word = leading_word(cursor.rest());
  return fmt::format("\"{}\"", printable(word.empty() ? cursor.rest().substr(0, 1) : word, 40));
}

// The length of the escape sequence that begins `text`, or 0 if JSON knows none such.
std::size_t escape_length(std::string_view text) {
  if (text.size() < 2) return 0;
  if (std::string_view("\"\\/bfnrt").contains(text[1])) return 2;
  if (text[1] != 'u' || text.size() < 6) return 0;
  for (const char c : text.substr(2, 4))
    if (!is_hex(c)) return 0;
  return 6;
}

SyntaxFault bad_escape(const Cursor& cursor) {
  return {cursor.position(),
          fmt::format("\"{}\" is no escape sequence of JSON", printable(cursor.rest().substr(0, 2))),
          "a backslash itself is written \\\\"};
}

SyntaxFault not_closed(const Cursor& cursor, std::string_view line) {
  if (line.size() == cursor.rest().size())
    return {cursor.position(), "the file ends within this text",
            "was the file cut off while it was written?"};
  return {cursor.position(), "this text is not closed on its line", "a \" is missing at its end"};
}

SyntaxFault bad_characters(const Cursor& cursor, std::string_view text) {
  if (!is_valid_utf8(text))
    return {cursor.position(), "this text is not valid UTF-8", "save the file as UTF-8"};
  for (const char c : text)
    if (is_control(c))
      return {cursor.position(), "a control character stands in this text", "write a tab as \\t"};
  return {cursor.position(), "a \\u escape in this text stands for no character", {}};
}

SyntaxFault string_fault(Cursor cursor) {
  const auto line = cursor.rest().substr(0, cursor.rest().find_first_of("\r\n"));
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '"') return bad_characters(cursor, line.substr(0, i));
    if (line[i] != '\\' || i + 1 == line.size()) continue;
    const auto length = escape_length(line.substr(i));
    if (length == 0) {
      cursor.advance(i);
      return bad_escape(cursor);
    }
    i += length - 1;
  }
  return not_closed(cursor, line);
}

SyntaxFault single_quotes(const Cursor& cursor) {
  return {cursor.position(), "texts stand in double quotes, not in single ones", "write \"...\""};
}

// Word processors and web pages turn straight quotes into these. The octets are those of “ ” „ ‘ ’.
bool is_curly_quote(std::string_view text) {
  return std::ranges::any_of(std::array{"\u201c", "\u201d", "\u201e", "\u2018", "\u2019"},
                             [&](std::string_view quote) { return text.starts_with(quote); });
}

SyntaxFault curly_quotes(const Cursor& cursor) {
  return {cursor.position(), "texts stand in straight double quotes, not in typographic ones",
          "write \"...\""};
}

std::string comment_hint(const Cursor& cursor) {
  return cursor.peek() == '#' ? "a comment begins with //" : "";
}

SyntaxFault ends_early(const Cursor& cursor, char closing, const Position& opened) {
  return {cursor.position(),
          fmt::format("the file ends here, but what was opened in line {} is not closed", opened.line),
          fmt::format("a \"{}\" is missing; was the file cut off?", closing)};
}

SyntaxFault number_fault(const Cursor& cursor) {
  const auto word = leading_word(cursor.rest());
  return {cursor.position(), fmt::format("\"{}\" is not a number as JSON writes it", printable(word, 40)),
          "no leading zero or plus sign; sizes and durations stand in quotes: \"50MB\", \"5m\""};
}

SyntaxFault word_fault(const Cursor& cursor) {
  const std::string word = printable(leading_word(cursor.rest()), 40);
  for (const std::string_view literal : {"true", "false", "null"})
    if (iequals(word, literal))
      return {cursor.position(), fmt::format("\"{}\" is unknown", word), fmt::format("write {}", literal)};
  return {cursor.position(), fmt::format("{} must stand in double quotes", word),
          fmt::format("write \"{}\"", word)};
}

SyntaxFault value_fault(const Cursor& cursor, char closing, const Position& opened) {
  const char c = cursor.peek();
  if (cursor.at_end()) {
    if (closing == '\0')
      return {cursor.position(), "the file holds no configuration", "an empty one is written {}"};
    return ends_early(cursor, closing, opened);
  }
  if (c == '"') return string_fault(cursor);
  if (c == '\'') return single_quotes(cursor);
  if (is_curly_quote(cursor.rest())) return curly_quotes(cursor);
  if (auto address = unquoted_address(cursor)) return std::move(*address);
  if (is_digit(c) || c == '-' || c == '+' || c == '.') return number_fault(cursor);
  if (!leading_word(cursor.rest()).empty()) return word_fault(cursor);
  return {cursor.position(), fmt::format("a value was expected here, found {}", found(cursor)),
          comment_hint(cursor)};
}

SyntaxFault key_fault(const Cursor& cursor, const Position& opened) {
  if (cursor.at_end()) return ends_early(cursor, '}', opened);
  if (cursor.peek() == '"') return string_fault(cursor);
  if (cursor.peek() == '\'') return single_quotes(cursor);
  if (is_curly_quote(cursor.rest())) return curly_quotes(cursor);
  const std::string word = printable(leading_word(cursor.rest()), 40);
  if (!word.empty())
    return {cursor.position(), fmt::format("the key {} must stand in double quotes", word),
            fmt::format("write \"{}\"", word)};
  return {cursor.position(),
          fmt::format("a key in double quotes was expected here, found {}", found(cursor)),
          comment_hint(cursor)};
}

SyntaxFault glued_fault(const Cursor& cursor) {
  return {cursor.position(), fmt::format("the value ends here, but {} follows it at once", found(cursor)),
          R"(sizes and durations stand in double quotes: "50MB", "5m"; a number has no leading zero)"};
}

SyntaxFault separator_fault(const Cursor& cursor, char closing, const Position& opened) {
  if (cursor.at_end()) return ends_early(cursor, closing, opened);
  const bool begins_value = cursor.peek() == '"' || cursor.peek() == '{' || cursor.peek() == '[';
  if (begins_value || !leading_word(cursor.rest()).empty())
    return {cursor.position(), fmt::format("a comma is missing in front of {}", found(cursor)), {}};
  return {cursor.position(),
          fmt::format("\",\" or \"{}\" was expected here, found {}", closing, found(cursor)),
          comment_hint(cursor)};
}

// Behind a value: a comma and what follows it, or the closing bracket.
SyntaxFault after_value(Cursor cursor, char closing, const Position& opened) {
  if (cursor.peek() != ',') return separator_fault(cursor, closing, opened);
  const Position comma = cursor.position();
  cursor.advance(1);
  cursor.skip_blanks();
  if (cursor.peek() == closing)
    return {comma, fmt::format("a comma stands in front of the closing \"{}\"", closing),
            "remove the comma"};
  if (cursor.peek() == ',') return {cursor.position(), "two commas in a row", "remove one of them"};
  return closing == '}' ? key_fault(cursor, opened) : value_fault(cursor, closing, opened);
}

SyntaxFault after_key(Cursor cursor, char closing, const Position& opened) {
  if (cursor.at_end()) return ends_early(cursor, closing, opened);
  if (cursor.peek() != ':')
    return {
        cursor.position(), fmt::format("a \":\" was expected behind the key, found {}", found(cursor)), {}};
  cursor.advance(1);
  cursor.skip_blanks();
  return value_fault(cursor, closing, opened);
}

}  // namespace

std::optional<SyntaxFault> unquoted_address(const Cursor& cursor) {
  constexpr std::size_t shortest = 3;  // "::1"
  const auto rest = cursor.rest();
  const auto written = rest.substr(0, std::min(rest.find_first_of(" \t\r\n,}\""), rest.size()));
  std::string_view word = written;
  if (word.ends_with(']') && !word.starts_with('[')) word.remove_suffix(1);  // of a list
  if (word.size() < shortest || (!Network::parse(word) && !Endpoint::parse(word))) return std::nullopt;
  return SyntaxFault{cursor.position(), fmt::format("the address {} must stand in double quotes", word),
                     fmt::format("write \"{}\"", word)};
}

SyntaxFault explain_syntax(Cursor cursor, After after, char closing, const Position& opened) {
  if (after == After::value && !leading_word(cursor.rest()).empty()) return glued_fault(cursor);
  if (!cursor.skip_blanks()) return {cursor.position(), "this comment is not closed", "end it with */"};
  switch (after) {
    case After::key:
      return after_key(cursor, closing, opened);
    case After::value:
      return after_value(cursor, closing, opened);
    case After::opening:
      return closing == '}' ? key_fault(cursor, opened) : value_fault(cursor, closing, opened);
    case After::end:
      return {cursor.position(), fmt::format("{} follows the end of the configuration", found(cursor)),
              "a file holds one object: { ... }"};
    case After::nothing:
      break;
  }
  return value_fault(cursor, closing, opened);
}

}  // namespace sallyport::config
