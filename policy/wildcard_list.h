// Type 2 wildcard lists, as Mailtraq's barring lists have them.
//
// One pattern a line (wildcard_pattern.h), `#` at the start of a line is a comment. Read top to bottom;
// every line that matches the whole address changes the state: a plain line bars, a line that begins with
// `~` clears; so the last match decides. A list may have a million lines and answers in microseconds.
// Immutable once parsed; copies share; usable from every thread.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/list_file.h"
#include "policy/wildcard_index.h"

namespace sallyport::policy {

class WildcardList {
 public:
  using Fault = ListFault;

  WildcardList() = default;
  // Reads a list; what is wrong with it goes to `faults` (all of it at once).
  static WildcardList parse(std::string_view text, std::string file, std::vector<Fault>& faults,
                            Star star = Star::one_or_more);

  // The number of the line that bars `address`, from 1. The null sender is never barred.
  std::optional<int> bars(std::string_view address) const { return bars(address, star()); }
  std::optional<int> bars(std::string_view address, Star star) const;  // by the other reading
  // The same of one address that may be written in several ways: the last line that matches any decides.
  std::optional<int> bars(std::initializer_list<std::string_view> spellings, Star star) const;

  // What that line says, in comparing form; "" = no such line counts.
  std::string_view pattern(int line) const;

  const std::string& file() const { return lines_->file; }
  Star star() const { return lines_->star; }
  std::size_t size() const { return lines_->patterns.size(); }  // lines that count

  // For the lints of a list.
  const WildcardPatterns& patterns() const { return lines_->patterns; }
  const WildcardIndex& index() const { return lines_->index; }

 private:
  struct Lines {
    std::string file;
    Star star = Star::one_or_more;
    WildcardPatterns patterns;
    WildcardIndex index;
  };
  static const std::shared_ptr<const Lines>& no_lines();

  std::shared_ptr<const Lines> lines_ = no_lines();
};

}  // namespace sallyport::policy
