#include "policy/wildcard_list.h"

#include <algorithm>

#include "base/text.h"

namespace sallyport::policy {
namespace {

// One element of a pattern: what it matches, and how many octets of the pattern it takes.
struct Element {
  char kind;  // '*', '?', '$', '%' or 'c' for a character of its own
  char character = 0;
  std::size_t length = 1;
};

Element element_at(std::string_view pattern, std::size_t at) {
  char c = pattern[at];
  if (c == '\\' && at + 1 < pattern.size()) return {'c', lower(pattern[at + 1]), 2};
  if (c == '*' || c == '?' || c == '$' || c == '%') return {c};
  return {'c', lower(c)};
}

bool takes(const Element& element, char c) {
  switch (element.kind) {
    case '$':
      return is_alpha(c);
    case '%':
      return is_digit(c);
    case 'c':
      return lower(c) == element.character;
    default:
      return true;  // * and ?
  }
}

// What is wrong with a pattern, or nullptr; `column` counts from 1 within it.
const char* fault_of(std::string_view pattern, int& column) {
  column = 1;
  if (pattern.empty()) return "nothing follows the ~";
  for (std::size_t i = 0; i < pattern.size(); ++i, ++column) {
    if (is_control(pattern[i])) return "a control character";
    if (pattern[i] != '\\') continue;
    if (i + 1 == pattern.size()) return "a lone \\ at the end of the line";
    ++i, ++column;
  }
  return nullptr;
}

}  // namespace

WildcardList WildcardList::parse(std::string_view text, std::string file, std::vector<Fault>& faults) {
  WildcardList list;
  list.file_ = std::move(file);
  for (const ListEntry& entry : list_entries(text)) {
    std::string_view pattern = entry.text;
    const bool clears = pattern.starts_with('~');
    if (clears) pattern.remove_prefix(1);
    const int before = clears ? entry.column : entry.column - 1;
    int column = 0;
    if (const char* fault = fault_of(pattern, column))
      faults.push_back({entry.line, before + column, fault});
    else
      list.lines_.push_back({std::string(pattern), clears, entry.line});
  }
  return list;
}

const WildcardList::Line* WildcardList::bars(std::string_view address) const {
  if (address.empty()) return nullptr;
  // The last match decides, so the first match from the end does.
  auto match = std::find_if(lines_.rbegin(), lines_.rend(),
                            [&](const Line& line) { return matches(line.pattern, address); });
  return match == lines_.rend() || match->clears ? nullptr : &*match;
}

// Greedy matching with one point of return, the last `*`: linear in practice, quadratic at worst, and
// both sides are bounded by the length of a line and of a path.
bool WildcardList::matches(std::string_view pattern, std::string_view address) {
  std::size_t p = 0, a = 0;
  std::size_t star = std::string_view::npos, star_end = 0;
  while (a < address.size()) {
    if (p < pattern.size()) {
      Element element = element_at(pattern, p);
      if (takes(element, address[a])) {
        p += element.length;
        ++a;
        if (element.kind == '*') star = p, star_end = a;
        continue;
      }
    }
    if (star == std::string_view::npos) return false;
    p = star;  // the last star takes one character more
    a = ++star_end;
  }
  return p == pattern.size();
}

}  // namespace sallyport::policy
