#include "policy/wildcard_list.h"

#include <algorithm>

#include "base/text.h"

namespace sallyport::policy {

const std::shared_ptr<const WildcardList::Lines>& WildcardList::no_lines() {
  static const auto none = std::make_shared<const Lines>();
  return none;
}

WildcardList WildcardList::parse(std::string_view text, std::string file, std::vector<Fault>& faults,
                                 Star star) {
  auto lines = std::make_shared<Lines>();
  lines->file = std::move(file);
  lines->star = star;
  lines->patterns.reserve(text.size(), static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1);
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
      lines->patterns.add(pattern, clears, entry.line);
  }
  lines->patterns.finish();
  lines->index = WildcardIndex(lines->patterns);
  WildcardList list;
  list.lines_ = std::move(lines);
  return list;
}

std::optional<int> WildcardList::bars(std::string_view address, Star star) const {
  if (address.empty()) return std::nullopt;
  const std::string compared = to_lower(address);
  const Place place = index().last_match({patterns(), compared, star});
  if (place == 0 || patterns().clears(place)) return std::nullopt;
  return patterns().line(place);
}

}  // namespace sallyport::policy
