#include "policy/wildcard_list.h"

#include <algorithm>

#include "base/text.h"

namespace sallyport::policy {

WildcardList WildcardList::parse(std::string_view text, std::string file, std::vector<Fault>& faults,
                                 Star star) {
  WildcardList list;
  list.file_ = std::move(file);
  list.star_ = star;
  list.patterns_.reserve(text.size(), static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1);
  ListReader reader(text);
  for (ListEntry entry; reader.next(entry);) {
    std::string_view pattern = entry.text;
    const bool clears = pattern.starts_with('~');
    if (clears) pattern.remove_prefix(1);
    const int before = clears ? entry.column : entry.column - 1;
    int column = 0;
    if (const char* fault = fault_of_pattern(pattern, column))
      faults.push_back({entry.line, before + column, fault});
    else
      list.patterns_.add(pattern, clears, entry.line);
  }
  list.patterns_.finish();
  list.index_ = WildcardIndex(list.patterns_);
  return list;
}

std::optional<int> WildcardList::bars(std::string_view address, Star star) const {
  if (address.empty()) return std::nullopt;
  const std::string compared = to_lower(address);
  const Place place = index_.last_match({patterns_, compared, star});
  if (place == 0 || patterns_.clears(place)) return std::nullopt;
  return patterns_.line(place);
}

}  // namespace sallyport::policy
