// Finds which of the values that stand in conditions a fact meets: each distinct value has a key, and what
// is met is found by index, not by trying one value after another.
//
// Immutable once finished; usable from every thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ip_address.h"
#include "policy/wildcard_index.h"
#include "policy/wildcard_patterns.h"

namespace sallyport::policy {

using RuleKey = std::uint32_t;

// Type 2 patterns (wildcard_pattern.h) of which all that match a text are wanted, not only the last.
class TextPatterns {
 public:
  // Each once: in comparing form.
  void add(std::string_view pattern) { patterns_.add(pattern, false, 1); }
  void finish();
  bool empty() const { return patterns_.size() == 0; }
  // `text` in lower case. The places of those that match, the last first.
  Place last_match(std::string_view text, Place below = ~Place{0}) const;

 private:
  WildcardPatterns patterns_;
  WildcardIndex index_;
};

// Networks by the lengths of their prefixes.
class NetworkTable {
 public:
  bool empty() const { return prefixes_.empty(); }
  // The key of an equal network that is there already, or `key`.
  RuleKey add(const Network& network, RuleKey key);
  void find(const IpAddress& address, std::vector<RuleKey>& out) const;
  bool contains(const IpAddress& address) const;

 private:
  std::map<int, std::unordered_map<IpAddress, RuleKey>> prefixes_;
};

// What a list file of a condition holds: of one kind, the other stays empty.
struct ConditionFile {
  TextPatterns texts;
  NetworkTable networks;
};

// The values of all conditions on one fact.
class FactKeys {
 public:
  // The key of `pattern` (in comparing form), of a network, of a file; `next` is taken for what is new.
  RuleKey add(const std::string& pattern, RuleKey& next);
  RuleKey add(const Network& network, RuleKey& next);
  RuleKey add(const std::shared_ptr<const ConditionFile>& file, RuleKey& next);
  // Of "anybody" and "nobody".
  RuleKey add_any(bool any, RuleKey& next);
  void finish();

  // Appends the keys of all that `text` (in lower case; "": nobody) meets.
  void find(std::string_view text, std::vector<RuleKey>& out) const;
  void find(const IpAddress& address, std::vector<RuleKey>& out) const;

 private:
  static constexpr RuleKey kNone = ~RuleKey{0};

  std::unordered_map<std::string, RuleKey> known_;  // until finish()
  TextPatterns patterns_;
  std::vector<RuleKey> keys_;  // of the patterns, place by place
  NetworkTable networks_;
  std::vector<std::pair<std::shared_ptr<const ConditionFile>, RuleKey>> files_;
  RuleKey anybody_ = kNone, nobody_ = kNone;
};

}  // namespace sallyport::policy
