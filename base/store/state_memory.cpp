#include "base/store/state_memory.h"

#include <algorithm>
#include <utility>

#include "base/needed_memory.h"

namespace sallyport::store {

StateMemory::StateMemory(std::size_t max_records)
    : max_per_shard_(std::max<std::size_t>(1, max_records / kShards)) {}

StateMemory::Shard& StateMemory::shard(std::string_view kind, std::string_view key) const {
  const Hash hash;
  return shards_[(hash(kind) * 31 + hash(key)) % kShards];
}

std::optional<std::string> StateMemory::get(std::string_view kind, std::string_view key,
                                            WallTime now) const {
  const Shard& shard = this->shard(kind, key);
  const std::lock_guard lock(shard.mutex);
  const Entry* entry = find(shard, kind, key);
  if (entry == nullptr || entry->expires <= now) return std::nullopt;
  return entry->value;
}

const StateMemory::Entry* StateMemory::find(const Shard& shard, std::string_view kind,
                                            std::string_view key) {
  const auto table = shard.tables.find(kind);
  if (table == shard.tables.end()) return nullptr;
  const auto entry = table->second.entries.find(key);
  return entry == table->second.entries.end() ? nullptr : &entry->second;
}

void StateMemory::put(StateRecord record, WallTime now, const OnChange& on_change) {
  const NeededMemory needed;  // half a change would be worse than a late one
  Shard& shard = this->shard(record.kind, record.key);
  const std::lock_guard lock(shard.mutex);
  put_locked(shard, std::move(record), now, on_change);
}

void StateMemory::put_locked(Shard& shard, StateRecord record, WallTime now, const OnChange& on_change) {
  if (shard.records >= shard.sweep_at) sweep(shard, now, on_change);
  Table& table = shard.tables[record.kind];
  store(table, shard, record);
  trim(record.kind, table, shard, on_change);
  on_change(std::move(record));
}

void StateMemory::store(Table& table, Shard& shard, const StateRecord& record) {
  const auto [entry, is_new] = table.entries.try_emplace(record.key);
  if (is_new) {
    entry->second.age = table.ages.insert(table.ages.end(), &entry->first);
    ++shard.records;
  } else {
    table.ages.splice(table.ages.end(), table.ages, entry->second.age);
  }
  entry->second.value = record.value;
  entry->second.expires = record.expires;
}

void StateMemory::trim(const std::string& kind, Table& table, Shard& shard, const OnChange& on_change) {
  while (table.entries.size() > max_per_shard_) {
    drop(kind, table, shard, table.entries.find(*table.ages.front()), on_change);
  }
}

void StateMemory::sweep(Shard& shard, WallTime now, const OnChange& on_change) {
  for (auto& [kind, table] : shard.tables) {
    for (auto entry = table.entries.begin(); entry != table.entries.end();) {
      const auto next = std::next(entry);
      if (entry->second.expires <= now) drop(kind, table, shard, entry, on_change);
      entry = next;
    }
  }
  shard.sweep_at = std::max<std::size_t>(64, 2 * shard.records);
}

void StateMemory::drop(const std::string& kind, Table& table, Shard& shard,
                       decltype(Table::entries)::iterator entry, const OnChange& on_change) {
  table.ages.erase(entry->second.age);
  auto node = table.entries.extract(entry);
  --shard.records;
  on_change({.kind = kind, .key = std::move(node.key()), .value = {}, .expires = {}, .erased = true});
}

void StateMemory::erase(std::string_view kind, std::string_view key, const OnChange& on_change) {
  const NeededMemory needed;
  Shard& shard = this->shard(kind, key);
  const std::lock_guard lock(shard.mutex);
  erase_locked(shard, kind, key, on_change);
}

void StateMemory::update(std::string_view kind, std::string_view key, WallTime now, const Change& change,
                         const OnChange& on_change) {
  const NeededMemory needed;
  Shard& shard = this->shard(kind, key);
  const std::lock_guard lock(shard.mutex);
  StateEntry changed;
  if (const Entry* entry = find(shard, kind, key); entry != nullptr && entry->expires > now)
    changed = {.known = true, .value = entry->value, .expires = entry->expires};
  if (!change(changed)) return;
  if (changed.expires <= now) return erase_locked(shard, kind, key, on_change);
  put_locked(shard, {std::string(kind), std::string(key), std::move(changed.value), changed.expires}, now,
             on_change);
}

void StateMemory::scan(std::string_view kind, WallTime now, const Visitor& visitor) const {
  for (const Shard& shard : shards_) {
    for (const StateRecord& record : copy(shard, kind, now)) {
      if (!visitor(record.key, record.value, record.expires)) return;
    }
  }
}

std::vector<StateRecord> StateMemory::copy(const Shard& shard, std::string_view kind, WallTime now) {
  const std::lock_guard lock(shard.mutex);
  std::vector<StateRecord> records;
  const auto table = shard.tables.find(kind);
  if (table == shard.tables.end()) return records;
  for (const auto& [key, entry] : table->second.entries) {
    if (entry.expires > now)
      records.push_back({.kind = {}, .key = key, .value = entry.value, .expires = entry.expires});
  }
  return records;
}

void StateMemory::erase_locked(Shard& shard, std::string_view kind, std::string_view key,
                               const OnChange& on_change) {
  const auto table = shard.tables.find(kind);
  if (table == shard.tables.end()) return;
  const auto entry = table->second.entries.find(key);
  if (entry != table->second.entries.end()) drop(table->first, table->second, shard, entry, on_change);
}

std::size_t StateMemory::count(std::string_view kind) const {
  std::size_t sum = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    const auto table = shard.tables.find(kind);
    if (table != shard.tables.end()) sum += table->second.entries.size();
  }
  return sum;
}

void StateMemory::replay(const OnChange& on_change) const {
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (const auto& [kind, table] : shard.tables) {
      for (const std::string* key : table.ages) {
        const Entry& entry = table.entries.find(*key)->second;
        on_change({.kind = kind, .key = *key, .value = entry.value, .expires = entry.expires});
      }
    }
  }
}

}  // namespace sallyport::store
