// Finds the last pattern of a list that matches an address, without trying them one by one.
//
// Patterns are indexed by their kind: those without a wildcard, `*` and a literal, a literal and `*` by the
// hash of the literal; others by the rarest run of octets in them that stands in every address that they
// match; what has no run of three is tried in turn. What matches is the same as by wildcard_matches().
//
// Addresses are given without regard to case (base/case_folding.h), and not empty. Immutable once built.
// Holds no pointers into the patterns, which are given again at each look-up.
#pragma once

#include <array>
#include <bitset>
#include <compare>
#include <cstdint>
#include <string_view>
#include <vector>

#include "policy/wildcard_pattern.h"
#include "policy/wildcard_patterns.h"

namespace sallyport::policy {

// What is asked: the last match with a place under `below`.
struct WildcardQuestion {
  const WildcardPatterns& patterns;
  std::string_view address;
  Star star = Star::one_or_more;
  Place below = ~Place{0};
};

// A pattern, and what tells most of the wrong ones from the right one: to look at a pattern itself is to
// look far away in memory, and takes longer than all else.
struct TaggedPlace {
  Place place = 0;
  std::uint32_t tag = 0;
};

// Patterns that are one literal: open addressing by its hash, which grows octet by octet while the address
// is walked through; so all beginnings (or ends) of an address cost one walk.
class LiteralTable {
 public:
  enum class Side { whole, beginning, end };
  static constexpr std::size_t longest = 255;  // literals over it are not held here

  LiteralTable() = default;
  LiteralTable(Side side, const WildcardPatterns& patterns, const std::vector<Place>& places);
  Place last_match(const WildcardQuestion& question, Place best) const;

 private:
  std::string_view literal_of(std::string_view pattern) const;
  Place probe(const WildcardQuestion& question, std::string_view literal, std::uint64_t hash) const;

  Side side_ = Side::whole;
  std::vector<TaggedPlace> slots_;       // place 0 = free; a power of two of them
  std::vector<std::bitset<256>> edges_;  // for each length of a literal the octets where its walk ends
};

// Patterns by one of their runs of `length` literal octets, the rarest.
class RunTable {
 public:
  RunTable() = default;
  RunTable(std::size_t length, const WildcardPatterns& patterns, const std::vector<Place>& places);
  Place last_match(const WildcardQuestion& question, Place best) const;

 private:
  struct Key {
    std::uint32_t bucket = 0;
    std::uint32_t tag = 0;
    auto operator<=>(const Key&) const = default;
  };
  Key key_of(std::string_view run) const;
  Place last_of(const Key& key, const WildcardQuestion& question, Place best) const;

  std::size_t length_ = 0;
  int bits_ = 0;                       // 2^bits_ buckets
  std::vector<std::uint32_t> starts_;  // of the buckets in places_, and the end
  std::vector<TaggedPlace> places_;    // within a bucket rising
};

class WildcardIndex {
 public:
  WildcardIndex() = default;
  explicit WildcardIndex(const WildcardPatterns& patterns);
  Place last_match(const WildcardQuestion& question) const;
  // The last line of `*` and a literal with which the literal `question.address` ends, shorter than it.
  Place last_shorter_ending(const WildcardQuestion& question) const;

 private:
  std::array<LiteralTable, 3> literals_;
  std::array<RunTable, 2> runs_;
  std::vector<Place> others_;  // rising
};

}  // namespace sallyport::policy
