// Type 2 wildcard lists, as Mailtraq's barring lists have them.
//
// One pattern a line, `#` at the start of a line is a comment. Read top to bottom; every line that matches
// the whole address (case ignored) changes the state: a plain line bars, a line that begins with `~`
// clears; so the last match decides. `*` is one or more characters, `?` one, `$` one letter, `%` one digit,
// `\` takes the next character as itself. Immutable once parsed; usable from every thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/list_file.h"

namespace sallyport::policy {

class WildcardList {
 public:
  struct Line {
    std::string pattern;  // without `~`
    bool clears = false;
    int number = 0;  // in its file, from 1
  };
  using Fault = ListFault;

  WildcardList() = default;
  // Reads a list; what is wrong with it goes to `faults` (all of it at once).
  static WildcardList parse(std::string_view text, std::string file, std::vector<Fault>& faults);

  // The line that bars `address`, or nullptr. The null sender is never barred.
  const Line* bars(std::string_view address) const;
  const std::string& file() const { return file_; }
  std::size_t size() const { return lines_.size(); }

  static bool matches(std::string_view pattern, std::string_view address);

 private:
  std::string file_;
  std::vector<Line> lines_;
};

}  // namespace sallyport::policy
