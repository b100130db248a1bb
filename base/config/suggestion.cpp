#include "base/config/suggestion.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace sallyport::config {
namespace {

constexpr std::size_t max_word = 64;  // longer ones are no slips of the finger

// Two slips in a longer word, one in a short one.
std::size_t tolerated(std::string_view word) { return word.size() < 4 ? 1 : word.size() < 12 ? 2 : 3; }

// As others call it.
const std::string* translated(std::string_view written, const std::vector<std::string>& known) {
  using Pair = std::pair<std::string_view, std::string_view>;
  constexpr std::array<Pair, 10> words{Pair{"whitelist", "allow"}, Pair{"blacklist", "block"},
                                       Pair{"allowlist", "allow"}, Pair{"blocklist", "block"},
                                       Pair{"recipient", "to"},    Pair{"sender", "from"},
                                       Pair{"client", "ip"},       Pair{"network", "ip"},
                                       Pair{"user", "auth"},       Pair{"ptr", "rdns"}};
  for (const auto& [theirs, ours] : words)
    if (iequals(written, theirs))
      if (const auto found = std::ranges::find(known, ours); found != known.end()) return &*found;
  return nullptr;
}

}  // namespace

// The optimal string alignment distance, by rows: the one before last is needed for swaps.
std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> before_last(to.size() + 1), last(to.size() + 1), row(to.size() + 1);
  for (std::size_t j = 0; j <= to.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= from.size(); ++i) {
    std::swap(before_last, last);
    std::swap(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const bool same = lower(from[i - 1]) == lower(to[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && lower(from[i - 1]) == lower(to[j - 2]) &&
                           lower(from[i - 2]) == lower(to[j - 1]);
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[to.size()];
}

std::string did_you_mean(std::string_view written, const std::vector<std::string>& known) {
  if (written.size() > max_word) return {};
  const std::string* nearest = translated(written, known);
  if (nearest) return fmt::format("did you mean \"{}\"?", *nearest);
  std::size_t best = tolerated(written) + 1;
  for (const auto& word : known) {
    if (word.size() > max_word) continue;
    const auto distance = edit_distance(written, word);
    if (distance >= best) continue;
    best = distance;
    nearest = &word;
  }
  return nearest ? fmt::format("did you mean \"{}\"?", printable(*nearest)) : std::string{};
}

}  // namespace sallyport::config
