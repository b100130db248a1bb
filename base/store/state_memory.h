// The state as held in memory: every look-up is answered here.
//
// Shards with a mutex each, chosen by kind and key, so that cores seldom meet. Bounded: each shard holds
// its part of `max_records` of a kind and drops the one put longest ago. Expired records are never
// returned; they are swept out when a shard has doubled since its last sweep.
//
// `on_change` hears of every change under the shard's lock, so that the journal sees the changes of a key
// in the order in which memory did.
#pragma once

#include <array>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/store/state_record.h"

namespace sallyport::store {

class StateMemory {
 public:
  using OnChange = std::function<void(StateRecord)>;
  using Change = std::function<bool(StateEntry&)>;
  using Visitor = std::function<bool(std::string_view key, std::string_view value, WallTime expires)>;
  static constexpr std::size_t kShards = 16;

  // At least one record of a kind a shard.
  explicit StateMemory(std::size_t max_records);
  StateMemory(const StateMemory&) = delete;
  StateMemory& operator=(const StateMemory&) = delete;

  std::optional<std::string> get(std::string_view kind, std::string_view key, WallTime now) const;
  void put(StateRecord record, WallTime now, const OnChange& on_change);
  void erase(std::string_view kind, std::string_view key, const OnChange& on_change);
  // See StateStore.
  void update(std::string_view kind, std::string_view key, WallTime now, const Change& change,
              const OnChange& on_change);
  void scan(std::string_view kind, WallTime now, const Visitor& visitor) const;
  std::size_t count(std::string_view kind) const;
  // Every record, as if it had just been put.
  void replay(const OnChange& on_change) const;

 private:
  struct Entry {
    std::string value;
    WallTime expires;
    std::list<const std::string*>::iterator age;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  struct Table {
    std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries;
    std::list<const std::string*> ages;  // keys of `entries`, the one put longest ago first
  };
  struct Shard {
    mutable std::mutex mutex;
    std::map<std::string, Table, std::less<>> tables;  // by kind
    std::size_t records = 0;
    std::size_t sweep_at = 64;
  };

  Shard& shard(std::string_view kind, std::string_view key) const;
  static const Entry* find(const Shard& shard, std::string_view kind, std::string_view key);
  static std::vector<StateRecord> copy(const Shard& shard, std::string_view kind, WallTime now);
  void put_locked(Shard& shard, StateRecord record, WallTime now, const OnChange& on_change);
  static void erase_locked(Shard& shard, std::string_view kind, std::string_view key,
                           const OnChange& on_change);
  void trim(const std::string& kind, Table& table, Shard& shard, const OnChange& on_change);
  static void sweep(Shard& shard, WallTime now, const OnChange& on_change);
  static void store(Table& table, Shard& shard, const StateRecord& record);
  static void drop(const std::string& kind, Table& table, Shard& shard,
                   decltype(Table::entries)::iterator entry, const OnChange& on_change);

  std::size_t max_per_shard_;
  mutable std::array<Shard, kShards> shards_;
};

}  // namespace sallyport::store
