#include "policy/wildcard_pattern.h"

#include <algorithm>

#include "base/case_folding.h"
#include "base/text.h"

namespace sallyport::policy {
namespace {

// One element of a pattern: what it matches, and how many octets of the pattern it takes.
struct Element {
  char kind;  // '*', '?', '$', '%', 'c' for a character of its own, '.' for the pattern's end
  char character = 0;
  std::size_t length = 1;
};

Element element_at(std::string_view pattern, std::size_t at) {
  const char c = pattern[at];
  if (c == '\\' && at + 1 < pattern.size()) return {'c', pattern[at + 1], 2};
  if (is_wildcard(c)) return {c};
  return {'c', c};
}

bool takes(const Element& element, char c) {
  switch (element.kind) {
    case '$':
      return is_alpha(c);
    case '%':
      return is_digit(c);
    case 'c':
      return c == element.character;
    default:
      return true;  // * and ?
  }
}

// Whether `element` takes all that `other` can be.
bool takes(const Element& element, const Element& other) {
  if (other.kind == 'c') return takes(element, other.character);
  if (other.kind == '*') return false;
  return element.kind == '?' || element.kind == other.kind;
}

// What `*` and `?` pass over.
std::size_t behind_character(std::string_view text, std::size_t at) {
  return at < text.size() ? at + octets_of_character(text.substr(at)) : at + 1;
}

}  // namespace

bool wildcard_matches(std::string_view pattern, std::string_view address, Star star) {
  return wildcard_matches_folded(fold_case(pattern), fold_case(address), star);
}

// Greedy matching with one point of return, the last `*`: linear in practice, quadratic at worst, and
// both sides are bounded by the length of a line and of a path.
bool wildcard_matches_folded(std::string_view pattern, std::string_view address, Star star) {
  const std::size_t least = star == Star::one_or_more ? 1 : 0;
  std::size_t p = 0, a = 0;
  std::size_t behind_star = std::string_view::npos, star_end = 0;
  while (a < address.size()) {
    const Element element = p < pattern.size() ? element_at(pattern, p) : Element{'.', 0, 0};
    if (element.kind == '*') {
      behind_star = ++p;
      star_end = a = least == 0 ? a : behind_character(address, a);
    } else if (element.kind != '.' && takes(element, address[a])) {
      p += element.length;
      a = element.kind == '?' ? behind_character(address, a) : a + 1;
    } else if (behind_star != std::string_view::npos) {
      p = behind_star;  // the last star takes one character more
      a = star_end = behind_character(address, star_end);
    } else {
      return false;
    }
  }
  while (least == 0 && p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// As wildcard_matches, with the elements of the other pattern for characters.
bool wildcard_covers(std::string_view pattern, std::string_view other, Star star) {
  const std::size_t least = star == Star::one_or_more ? 1 : 0;
  std::size_t p = 0, o = 0;
  std::size_t behind_star = std::string_view::npos, star_end = 0;
  const auto step = [&](std::size_t at) {
    const bool escaped = at < other.size() && other[at] == '\\';
    return escaped ? at + element_at(other, at).length : behind_character(other, at);
  };
  while (o < other.size()) {
    const Element element = p < pattern.size() ? element_at(pattern, p) : Element{'.', 0, 0};
    if (element.kind == '*') {
      behind_star = ++p;
      star_end = o = least == 0 ? o : step(o);
    } else if (element.kind != '.' && takes(element, element_at(other, o))) {
      p += element.length;
      o = element.kind == '?' ? step(o) : o + element_at(other, o).length;
    } else if (behind_star != std::string_view::npos) {
      p = behind_star;
      o = star_end = step(star_end);
    } else {
      return false;
    }
  }
  while (least == 0 && p < pattern.size() && pattern[p] == '*') ++p;
  return o == other.size() && p == pattern.size();
}

bool is_literal_pattern(std::string_view pattern) {
  return std::ranges::none_of(pattern, [](char c) { return is_wildcard(c) || c == '\\'; });
}

void append_comparing_form(std::string& out, std::string_view written) {
  const std::string pattern = fold_case(written);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      ++i;
      if (is_wildcard(pattern[i]) || pattern[i] == '\\') out += '\\';
    }
    out += pattern[i];
  }
}

const char* fault_of_pattern(std::string_view pattern, int& column) {
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

}  // namespace sallyport::policy
