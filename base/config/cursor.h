// A place in a text, moved forward over JSON's tokens, that always knows its line and column.
//
// It runs beside the JSON parser and finds where each token begins; it trusts nothing about the text
// and never moves past its end. Values, one thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/config/diagnostic.h"

namespace sallyport::config {

class Cursor {
 public:
  // A byte order mark at the start is stepped over and is in no column.
  Cursor(std::string_view text, std::string file);

  Position position() const { return {file_, line_, column_}; }
  bool at_end() const { return offset_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[offset_]; }
  std::string_view rest() const { return text_.substr(offset_); }

  void advance(std::size_t octets);
  // Over white space and comments. False: a comment is not closed; the cursor stands at its beginning.
  bool skip_blanks();
  // Over white space, comments and what parts tokens (',' and ':').
  void skip_to_token();
  // Over a string, a number or word, or one other character.
  void skip_token();

 private:
  bool skip_comment();

  std::string_view text_;
  std::string file_;
  std::size_t offset_ = 0;
  int line_ = 1;
  int column_ = 1;
};

// Letters, digits and what numbers are made of: the extent of a bare word.
std::string_view leading_word(std::string_view text);

}  // namespace sallyport::config
