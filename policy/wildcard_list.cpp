#include "policy/wildcard_list.h"

#include <algorithm>
#include <ranges>

#include "base/case_folding.h"
#include "base/mail/address.h"
#include "base/text.h"

namespace sallyport::policy {

namespace {

// Domains compare as A-labels (mail::Path::key()). A label with a wildcard in it has none, and stays.
std::string with_a_labels(std::string_view pattern) {
  const std::size_t domain = pattern.rfind('@') + 1;  // 0: a pattern of the whole address may be a domain
  std::string out(pattern.substr(0, domain));
  for (std::size_t at = domain; at <= pattern.size();) {
    const std::size_t end = std::min(pattern.find('.', at), pattern.size());
    const std::string_view label = pattern.substr(at, end - at);
    mail::DomainName name;
    const bool mapped = !is_ascii(label) && mail::parse_domain(label, name) == mail::DomainFault::none;
    out += mapped ? std::string_view(name.ascii) : label;
    if (end < pattern.size()) out += '.';
    at = end + 1;
  }
  return out;
}

}  // namespace

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
    else if (is_ascii(pattern))
      lines->patterns.add(pattern, clears, entry.line);
    else
      lines->patterns.add(with_a_labels(fold_case(pattern)), clears, entry.line);
  }
  lines->patterns.finish();
  lines->index = WildcardIndex(lines->patterns);
  WildcardList list;
  list.lines_ = std::move(lines);
  return list;
}

std::optional<int> WildcardList::bars(std::string_view address, Star star) const {
  return bars({address}, star);
}

std::optional<int> WildcardList::bars(std::initializer_list<std::string_view> spellings, Star star) const {
  Place place = 0;
  for (const std::string_view address : spellings) {
    if (address.empty()) continue;
    const std::string compared = fold_case(address);
    place = std::max(place, index().last_match({patterns(), compared, star}));
  }
  if (place == 0 || patterns().clears(place)) return std::nullopt;
  return patterns().line(place);
}

std::string_view WildcardList::pattern(int line) const {
  const auto places = std::views::iota(Place{1}, patterns().size() + 1);
  const auto found =
      std::ranges::lower_bound(places, line, {}, [&](Place place) { return patterns().line(place); });
  return found != places.end() && patterns().line(*found) == line ? patterns()[*found] : "";
}

}  // namespace sallyport::policy
