#include "policy/rule_keys.h"

#include <algorithm>

namespace sallyport::policy {

void TextPatterns::finish() {
  patterns_.finish();
  index_ = WildcardIndex(patterns_);
}

Place TextPatterns::last_match(std::string_view text, Place below) const {
  if (text.empty() || empty()) return 0;
  return index_.last_match({patterns_, text, Star::one_or_more, below});
}

RuleKey NetworkTable::add(const Network& network, RuleKey key) {
  return prefixes_[network.prefix128()].emplace(network.base(), key).first->second;
}

void NetworkTable::find(const IpAddress& address, std::vector<RuleKey>& out) const {
  for (const auto& [prefix, networks] : prefixes_)
    if (const auto found = networks.find(address.masked(prefix)); found != networks.end())
      out.push_back(found->second);
}

bool NetworkTable::contains(const IpAddress& address) const {
  return std::ranges::any_of(
      prefixes_, [&](const auto& entry) { return entry.second.contains(address.masked(entry.first)); });
}

RuleKey FactKeys::add(const std::string& pattern, RuleKey& next) {
  const auto [known, is_new] = known_.emplace(pattern, next);
  if (is_new) {
    patterns_.add(pattern);
    keys_.push_back(next++);
  }
  return known->second;
}

RuleKey FactKeys::add(const Network& network, RuleKey& next) {
  const RuleKey key = networks_.add(network, next);
  if (key == next) ++next;
  return key;
}

RuleKey FactKeys::add(const std::shared_ptr<const ConditionFile>& file, RuleKey& next) {
  for (const auto& [known, key] : files_)
    if (known == file) return key;
  files_.emplace_back(file, next);
  return next++;
}

RuleKey FactKeys::add_any(bool any, RuleKey& next) {
  RuleKey& key = any ? anybody_ : nobody_;
  if (key == kNone) key = next++;
  return key;
}

void FactKeys::finish() {
  known_ = {};
  patterns_.finish();
}

void FactKeys::find(std::string_view text, std::vector<RuleKey>& out) const {
  const RuleKey any = text.empty() ? nobody_ : anybody_;
  if (any != kNone) out.push_back(any);
  for (Place place = patterns_.last_match(text); place != 0; place = patterns_.last_match(text, place))
    out.push_back(keys_[place - 1]);
  for (const auto& [file, key] : files_)
    if (file->texts.last_match(text) != 0) out.push_back(key);
}

void FactKeys::find(const IpAddress& address, std::vector<RuleKey>& out) const {
  networks_.find(address, out);
  for (const auto& [file, key] : files_)
    if (file->networks.contains(address)) out.push_back(key);
}

}  // namespace sallyport::policy
