#include "base/config/cursor.h"

#include <algorithm>

#include "base/text.h"

namespace sallyport::config {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// The length of the string that begins `text`, its quotes included; all of it where none closes.
std::size_t string_length(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return i + 1;
  }
  return text.size();
}

std::size_t skip_digits(std::string_view text, std::size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

// As far as JSON reads a number (RFC 8259 6): 50MB is the number 50 with something behind it, 010 a 0.
std::size_t number_length(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  at = text.substr(at).starts_with('0') ? at + 1 : skip_digits(text, at);
  if (text.substr(at).starts_with('.')) at = skip_digits(text, at + 1);
  if (at >= text.size() || lower(text[at]) != 'e') return at;
  const std::size_t sign = text.find_first_of("+-", at + 1) == at + 1 ? 1 : 0;
  const std::size_t end = skip_digits(text, at + 1 + sign);
  return end > at + 1 + sign ? end : at;
}

}  // namespace

Cursor::Cursor(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {
  if (text_.starts_with(byte_order_mark)) text_.remove_prefix(byte_order_mark.size());
}

void Cursor::advance(std::size_t octets) {
  const std::size_t end = std::min(offset_ + octets, text_.size());
  for (; offset_ < end; ++offset_) {
    const char c = text_[offset_];
    if (c == '\n') {
      ++line_;
      column_ = 1;
    } else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) {
      ++column_;
    }
  }
}

bool Cursor::skip_comment() {
  const auto text = rest();
  const bool one_line = text.starts_with("//");
  const auto end = one_line ? text.find('\n') : text.find("*/", 2);
  if (!one_line && end == std::string_view::npos) return false;
  advance(one_line ? std::min(end, text.size()) : end + 2);
  return true;
}

bool Cursor::skip_blanks() {
  while (!at_end()) {
    if (is_blank(peek()))
      advance(1);
    else if (!rest().starts_with("//") && !rest().starts_with("/*"))
      return true;
    else if (!skip_comment())
      return false;
  }
  return true;
}

void Cursor::skip_to_token() {
  while (skip_blanks() && (peek() == ',' || peek() == ':')) advance(1);
}

void Cursor::skip_token() {
  const bool number = is_digit(peek()) || peek() == '-';
  if (peek() == '"')
    advance(string_length(rest()));
  else
    advance(std::max<std::size_t>(1, number ? number_length(rest()) : leading_word(rest()).size()));
}

std::string_view leading_word(std::string_view text) {
  const auto in_word = [](char c) {
    return is_alnum(c) || !is_ascii(c) || std::string_view("+-._").contains(c);
  };
  return text.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(text, in_word) - text.begin()));
}

}  // namespace sallyport::config
