// What is remembered for a time, in bounded memory, for all cores: a lock a shard, held for a look. Over
// the bound the least recently used go. A key is kept once, and hashed once for each call. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <iterator>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_set>
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
    const Sought sought{key, std::hash<Key>{}(key)};
    Shard& shard = this->shard(sought);
    const std::lock_guard lock(shard.mutex);
    const auto place = shard.places.find(sought);
    if (place == shard.places.end()) return std::nullopt;
    const Entry& entry = **place;
    if (entry.until <= now) {
      shard.erase(place);
      return std::nullopt;
    }
    shard.entries.splice(shard.entries.begin(), shard.entries, *place);
    return entry.value;
  }

  // In place of what is remembered by that key. `bytes`: what key and value take beyond their own size.
  void put(Key key, Value value, TimePoint until, std::size_t bytes) {
    bytes += sizeof(Entry) + 2 * kNode;
    const Sought sought{key, std::hash<Key>{}(key)};
    Shard& shard = this->shard(sought);
    const NeededMemory needed;  // a shard is never left half changed
    const std::lock_guard lock(shard.mutex);
    shard.erase(shard.places.find(sought));
    if (bytes > most_) return;
    while (shard.bytes + bytes > most_) shard.erase(shard.places.find(std::prev(shard.entries.end())));
    shard.entries.push_front({std::move(key), sought.hash, std::move(value), until, bytes});
    shard.places.insert(shard.entries.begin());
    shard.bytes += bytes;
  }

  void forget(const Key& key) {
    const Sought sought{key, std::hash<Key>{}(key)};
    Shard& shard = this->shard(sought);
    const std::lock_guard lock(shard.mutex);
    shard.erase(shard.places.find(sought));
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
    std::size_t hash = 0;
    Value value;
    TimePoint until;
    std::size_t bytes = 0;
  };
  using Entries = std::list<Entry>;
  using Place = typename Entries::iterator;

  struct Sought {
    const Key& key;
    std::size_t hash;
  };

  // Not noexcept, and so libstdc++ keeps what it says with each place: a look leads to few entries.
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const Sought& sought) const { return sought.hash; }
    std::size_t operator()(Place place) const { return place->hash; }
  };

  struct Equal {
    using is_transparent = void;
    bool operator()(const Sought& sought, Place place) const { return sought.key == place->key; }
    bool operator()(Place place, const Sought& sought) const { return sought.key == place->key; }
    bool operator()(Place one, Place other) const { return one == other; }  // a key has one place
  };

  using Places = std::unordered_set<Place, Hash, Equal>;

  struct Shard {
    mutable std::mutex mutex;
    Entries entries;  // the most recently used first
    Places places;
    std::size_t bytes = 0;

    void erase(typename Places::iterator place) {
      if (place == places.end()) return;
      const Place entry = *place;
      bytes -= entry->bytes;
      places.erase(place);
      entries.erase(entry);
    }
  };

  // The set in the shard uses the low bits of the same value.
  Shard& shard(const Sought& sought) { return shards_[(sought.hash >> 16U) % kShards]; }

  std::array<Shard, kShards> shards_;
  std::size_t most_;
};

}  // namespace sallyport
