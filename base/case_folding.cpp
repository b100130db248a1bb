#include "base/case_folding.h"

#include <algorithm>
#include <iterator>

#include "base/case_ranges.h"
#include "base/text.h"

namespace sallyport {
namespace {

// By its first octet; 1 for one that begins no longer sequence.
std::size_t length_by(unsigned char first) {
  if (first < 0xc2 || first > 0xf4) return 1;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

// Of a whole character of two octets or more.
char32_t code_of(std::string_view character) {
  char32_t code = static_cast<unsigned char>(character[0]) & (0x7fU >> character.size());
  for (const char c : character.substr(1)) code = code << 6 | (static_cast<unsigned char>(c) & 0x3fU);
  return code;
}

void append(std::string& out, char32_t code) {
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;  // octets behind the first
  const unsigned mark = 0xff00U >> (more + 1) & 0xffU;
  out += static_cast<char>(mark | code >> 6 * more);
  for (int shift = 6 * (more - 1); shift >= 0; shift -= 6)
    out += static_cast<char>(0x80U | (code >> shift & 0x3fU));
}

char32_t folded(char32_t code) {
  const auto behind = std::ranges::upper_bound(kCaseRanges, code, {}, &CaseRange::first);
  if (behind == kCaseRanges.begin()) return code;
  const CaseRange& range = *std::prev(behind);
  const bool inside = code <= range.last && (code - range.first) % range.step == 0;
  return inside ? code - range.first + range.to : code;
}

}  // namespace

std::size_t octets_of_character(std::string_view text) {
  const std::size_t length = length_by(static_cast<unsigned char>(text.front()));
  return is_valid_utf8(text.substr(0, length)) ? length : 1;
}

std::string fold_case(std::string_view utf8) {
  if (is_ascii(utf8)) return to_lower(utf8);
  std::string out;
  out.reserve(utf8.size());
  while (!utf8.empty()) {
    const std::size_t length = octets_of_character(utf8);
    if (length == 1)
      out += lower(utf8.front());
    else
      append(out, folded(code_of(utf8.substr(0, length))));
    utf8.remove_prefix(length);
  }
  return out;
}

bool folds_alike(std::string_view a, std::string_view b) {
  return is_ascii(a) && is_ascii(b) ? iequals(a, b) : fold_case(a) == fold_case(b);
}

}  // namespace sallyport
