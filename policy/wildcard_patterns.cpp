#include "policy/wildcard_patterns.h"

#include <bit>
#include <functional>

#include "policy/wildcard_pattern.h"

namespace sallyport::policy {
namespace {

// Comes to the slot of an equal pattern, or to a free one.
Place& slot_of(std::vector<Place>& slots, const WildcardPatterns& patterns, std::string_view pattern) {
  const std::size_t mask = slots.size() - 1;
  std::size_t at = std::hash<std::string_view>()(pattern) & mask;
  while (slots[at] != 0 && patterns[slots[at]] != pattern) at = (at + 1) & mask;
  return slots[at];
}

}  // namespace

void WildcardPatterns::reserve(std::size_t octets, std::size_t lines) {
  text_.reserve(octets);
  lines_.reserve(lines);
}

void WildcardPatterns::add(std::string_view pattern, bool clears, int line) {
  const std::size_t offset = text_.size();
  append_comparing_form(text_, pattern);
  lines_.push_back({static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(text_.size() - offset),
                    static_cast<std::uint32_t>(line) & 0x7fffffff, clears ? 1U : 0U});
}

void WildcardPatterns::finish() {
  std::vector<Place> last(std::bit_ceil(lines_.size() * 3 / 2 + 1));
  for (Place place = 1; place <= size(); ++place) {
    Place& slot = slot_of(last, *this, (*this)[place]);
    if (slot != 0) lines_[slot - 1].number = 0;
    slot = place;
  }
  std::erase_if(lines_, [](const Line& line) { return line.number == 0; });
  text_.shrink_to_fit();
  lines_.shrink_to_fit();
}

}  // namespace sallyport::policy
