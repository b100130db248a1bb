#include "policy/wildcard_index.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "base/text.h"

namespace sallyport::policy {
namespace {

constexpr std::array<std::size_t, 2> run_lengths = {5, 3};
constexpr std::uint64_t first_hash = 0xcbf29ce484222325, hash_factor = 0x100000001b3;  // FNV-1a

std::uint64_t hashed(std::uint64_t hash, char octet) {
  return (hash ^ static_cast<unsigned char>(octet)) * hash_factor;
}

// The upper bits of the product depend on all of the hash.
std::size_t spread(std::uint64_t hash, std::size_t slots) {
  return slots <= 1 ? 0 : (hash * 0x9e3779b97f4a7c15) >> (64 - std::bit_width(slots - 1));
}

// Calls `use` with each run of `length` octets of the pattern that stand for themselves. What has a `\` in
// front is a wildcard or a `\`, and ends a run as well.
template <class Use>
void for_each_run(std::string_view pattern, std::size_t length, Use use) {
  std::size_t literal = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    literal = pattern[i] == '\\' || is_wildcard(pattern[i]) ? 0 : literal + 1;
    if (literal >= length) use(pattern.substr(i + 1 - length, length));
  }
}

bool has_run(std::string_view pattern, std::size_t length) {
  bool found = false;
  for_each_run(pattern, length, [&](std::string_view) { found = true; });
  return found;
}

// Which table of literals holds the pattern, if any.
std::optional<LiteralTable::Side> side_of(std::string_view pattern) {
  using enum LiteralTable::Side;
  if (pattern.size() > LiteralTable::longest) return std::nullopt;
  if (is_literal_pattern(pattern)) return whole;
  if (pattern.size() < 2) return std::nullopt;
  if (pattern.front() == '*' && is_literal_pattern(pattern.substr(1))) return end;
  if (pattern.back() == '*' && is_literal_pattern(pattern.substr(0, pattern.size() - 1))) return beginning;
  return std::nullopt;
}

std::size_t kind_of(std::string_view pattern) {
  if (const auto side = side_of(pattern)) return static_cast<std::size_t>(*side);
  for (std::size_t i = 0; i < run_lengths.size(); ++i)
    if (has_run(pattern, run_lengths[i])) return 3 + i;
  return 3 + run_lengths.size();
}

}  // namespace

LiteralTable::LiteralTable(Side side, const WildcardPatterns& patterns, const std::vector<Place>& places)
    : side_(side), slots_(places.empty() ? 0 : std::bit_ceil(places.size() * 4 / 3 + 1)) {
  for (const Place place : places) {
    const std::string_view literal = literal_of(patterns[place]);
    std::uint64_t hash = first_hash;
    for (std::size_t i = 0; i < literal.size(); ++i)
      hash = hashed(hash, side == Side::end ? literal[literal.size() - 1 - i] : literal[i]);
    if (edges_.size() <= literal.size()) edges_.resize(literal.size() + 1);
    edges_[literal.size()].set(
        static_cast<unsigned char>(side == Side::end ? literal.front() : literal.back()));
    std::size_t at = spread(hash, slots_.size());
    while (slots_[at].place != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {place, static_cast<std::uint32_t>(hash)};
  }
}

std::string_view LiteralTable::literal_of(std::string_view pattern) const {
  if (side_ == Side::whole) return pattern;
  return side_ == Side::end ? pattern.substr(1) : pattern.substr(0, pattern.size() - 1);
}

Place LiteralTable::probe(const WildcardQuestion& question, std::string_view literal,
                          std::uint64_t hash) const {
  const auto tag = static_cast<std::uint32_t>(hash);
  for (std::size_t at = spread(hash, slots_.size());; at = (at + 1) & (slots_.size() - 1)) {
    const TaggedPlace& slot = slots_[at];
    if (slot.place == 0) return 0;
    if (slot.tag == tag && literal_of(question.patterns[slot.place]) == literal)
      return slot.place < question.below ? slot.place : 0;
  }
}

Place LiteralTable::last_match(const WildcardQuestion& question, Place best) const {
  const std::string_view address = question.address;
  const bool leaves_one = side_ != Side::whole && question.star == Star::one_or_more;
  const std::size_t most = address.size() - (leaves_one ? 1 : 0);
  const std::size_t least = side_ == Side::whole ? address.size() : 1;
  std::uint64_t hash = first_hash;
  for (std::size_t length = 1; length <= most && length < edges_.size(); ++length) {
    const char octet = side_ == Side::end ? address[address.size() - length] : address[length - 1];
    hash = hashed(hash, octet);
    if (length < least || !edges_[length].test(static_cast<unsigned char>(octet))) continue;
    const auto literal =
        side_ == Side::end ? address.substr(address.size() - length) : address.substr(0, length);
    best = std::max(best, probe(question, literal, hash));
  }
  return best;
}

RunTable::RunTable(std::size_t length, const WildcardPatterns& patterns, const std::vector<Place>& places)
    : length_(length) {
  if (places.empty()) return;
  bits_ = std::bit_width(places.size() - 1) + 1;
  std::vector<std::uint32_t> frequency(std::size_t{1} << bits_);
  for (const Place place : places)
    for_each_run(patterns[place], length_, [&](std::string_view run) { ++frequency[key_of(run).bucket]; });
  std::vector<Key> rarest(places.size());
  starts_.resize(frequency.size() + 1);
  for (std::size_t i = 0; i < places.size(); ++i) {
    std::uint32_t count = ~std::uint32_t{0};
    for_each_run(patterns[places[i]], length_, [&](std::string_view run) {
      const Key key = key_of(run);
      if (frequency[key.bucket] < count) rarest[i] = key, count = frequency[key.bucket];
    });
    ++starts_[rarest[i].bucket + 1];
  }
  for (std::size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
  places_.resize(places.size());
  auto free = std::move(frequency);  // from here on: where the next of a bucket goes
  std::ranges::copy(starts_.begin(), starts_.end() - 1, free.begin());
  for (std::size_t i = 0; i < places.size(); ++i)
    places_[free[rarest[i].bucket]++] = {places[i], rarest[i].tag};
}

RunTable::Key RunTable::key_of(std::string_view run) const {
  std::uint64_t octets = 0;
  for (const char c : run) octets = octets << 8 | static_cast<unsigned char>(c);
  return {static_cast<std::uint32_t>((octets * 0x9e3779b97f4a7c15) >> (64 - bits_)),
          static_cast<std::uint32_t>(octets)};
}

Place RunTable::last_of(const Key& key, const WildcardQuestion& question, Place best) const {
  for (std::uint32_t i = starts_[key.bucket + 1]; i > starts_[key.bucket]; --i) {
    const auto& [place, tag] = places_[i - 1];
    if (place <= best) break;
    if (tag == key.tag && place < question.below &&
        wildcard_matches_folded(question.patterns[place], question.address, question.star))
      return place;
  }
  return best;
}

Place RunTable::last_match(const WildcardQuestion& question, Place best) const {
  if (places_.empty() || question.address.size() < length_) return best;
  std::vector<Key> keys;  // each once, whatever the address repeats
  keys.reserve(question.address.size());
  for (std::size_t i = 0; i + length_ <= question.address.size(); ++i) {
    const Key key = key_of(question.address.substr(i, length_));
    if (starts_[key.bucket] != starts_[key.bucket + 1]) keys.push_back(key);
  }
  std::ranges::sort(keys);
  const auto repeated = std::ranges::unique(keys);
  keys.erase(repeated.begin(), repeated.end());
  for (const Key& key : keys) best = last_of(key, question, best);
  return best;
}

WildcardIndex::WildcardIndex(const WildcardPatterns& patterns) {
  std::array<std::vector<Place>, 4 + run_lengths.size()> kinds;
  for (Place place = 1; place <= patterns.size(); ++place) kinds[kind_of(patterns[place])].push_back(place);
  for (std::size_t i = 0; i < literals_.size(); ++i)
    literals_[i] = LiteralTable(static_cast<LiteralTable::Side>(i), patterns, kinds[i]);
  for (std::size_t i = 0; i < runs_.size(); ++i)
    runs_[i] = RunTable(run_lengths[i], patterns, kinds[3 + i]);
  others_ = std::move(kinds.back());
  others_.shrink_to_fit();
}

Place WildcardIndex::last_match(const WildcardQuestion& question) const {
  Place best = 0;
  for (const LiteralTable& table : literals_) best = table.last_match(question, best);
  for (const RunTable& table : runs_) best = table.last_match(question, best);
  for (auto place = others_.rbegin(); place != others_.rend() && *place > best; ++place)
    if (*place < question.below &&
        wildcard_matches_folded(question.patterns[*place], question.address, question.star))
      return *place;
  return best;
}

Place WildcardIndex::last_shorter_ending(const WildcardQuestion& question) const {
  return literals_[static_cast<std::size_t>(LiteralTable::Side::end)].last_match(question, 0);
}

}  // namespace sallyport::policy
