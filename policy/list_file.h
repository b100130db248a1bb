// The lists that people write under conf.d/lists: an entry a line. Blank lines, and lines that begin with
// `#`, are comments; behind an entry, a comment begins with a `#` that has a blank before it. But not in
// barring lists: there a blank and a `#` are octets of the pattern like others.
//
// Pure. Places count from 1; views point into the text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

struct ListEntry {
  std::string_view text;  // without blanks around it; never empty
  int line = 0;
  int column = 0;
};

// Gives them one by one: a list may have a million.
class ListReader {
 public:
  explicit ListReader(std::string_view file) : rest_(file) {}
  bool next(ListEntry& entry);

 private:
  std::string_view rest_;
  int line_ = 0;
};

// Where the text goes on behind a quoted local part that it begins with, in which blanks and hashes are
// letters like others; 0 where it does not begin with one.
std::size_t end_of_quoted(std::string_view text);
// "tom@other.example  # a tester" as "tom@other.example". A `#` with no blank before it is part of the
// entry.
std::string_view without_comment(std::string_view entry);

// The column at `place` of an entry that begins at `column`: in characters.
int column_within(std::string_view entry, std::size_t place, int column);

struct ListFault {
  int line = 0;
  int column = 0;
  std::string message;
};

}  // namespace sallyport::policy
