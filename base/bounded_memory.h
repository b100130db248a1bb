// What is remembered for a time, in bounded memory, for all cores: a lock a shard, held for a look. Over
// the bound the least recently used go. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <iterator>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/needed_memory.h"

namespace sallyport {

struct MemorySize {
  std::size_t bytes = 0;  // about what it takes, of a sixteenth of the bound for each shard
  std::size_t entries = 0;
};

// `Value` is cheap to copy: a pointer to what never changes.
template <class Key, class Value>
class BoundedMemory {
 public:
  explicit BoundedMemory(std::size_t max_bytes) : most_(max_bytes / kShards) {}

  std::optional<Value> find(const Key& key, TimePoint now) {
    Shard& shard = this->shard(key);
    const std::lock_guard lock(shard.mutex);
    const auto place = shard.places.find(key);
    if (place == shard.places.end()) return std::nullopt;
    if (place->second->until <= now) {
      shard.erase(place->second);
      return std::nullopt;
    }
    shard.entries.splice(shard.entries.begin(), shard.entries, place->second);
    return place->second->value;
  }

  // In place of what is remembered by that key. `bytes`: what key and value take beyond their own size.
  void put(const Key& key, Value value, TimePoint until, std::size_t bytes) {
    bytes += 2 * (sizeof(Key) + kNode) + sizeof(Entry);
    Shard& shard = this->shard(key);
    const NeededMemory needed;  // a shard is never left half changed
    const std::lock_guard lock(shard.mutex);
    if (const auto place = shard.places.find(key); place != shard.places.end()) shard.erase(place->second);
    if (bytes > most_) return;
    while (shard.bytes + bytes > most_) shard.erase(std::prev(shard.entries.end()));
    shard.entries.push_front({key, std::move(value), until, bytes});
    shard.places.emplace(key, shard.entries.begin());
    shard.bytes += bytes;
  }

  void forget(const Key& key) {
    Shard& shard = this->shard(key);
    const std::lock_guard lock(shard.mutex);
    if (const auto place = shard.places.find(key); place != shard.places.end()) shard.erase(place->second);
  }

  void clear() {
    for (Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      shard.places.clear();
      shard.entries.clear();
      shard.bytes = 0;
    }
  }

  MemorySize size() const {
    MemorySize total;
    for (const Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      total.bytes += shard.bytes;
      total.entries += shard.entries.size();
    }
    return total;
  }

 private:
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kNode = 2 * sizeof(void*) + 16;  // what a container and malloc add, about

  struct Entry {
    Key key;
    Value value;
    TimePoint until;
    std::size_t bytes = 0;
  };
  using Entries = std::list<Entry>;

  struct Shard {
    mutable std::mutex mutex;
    Entries entries;  // the most recently used first
    std::unordered_map<Key, typename Entries::iterator> places;
    std::size_t bytes = 0;

    void erase(typename Entries::iterator entry) {
      bytes -= entry->bytes;
      places.erase(entry->key);
      entries.erase(entry);
    }
  };

  // The map in the shard uses the low bits of the same value.
  Shard& shard(const Key& key) { return shards_[(std::hash<Key>{}(key) >> 16U) % kShards]; }

  std::array<Shard, kShards> shards_;
  std::size_t most_;
};

}  // namespace sallyport
