// The state as held in memory: every look-up is answered here.
//
// Shards with a mutex each, chosen by kind and key, so that cores seldom meet; a lock is held for one
// record, or for some hundred while records are shown. Bounded: over the limit of its kind the oldest
// record of that kind in a shard goes. Expired records are never returned, and dropped as others come. What
// goes by itself is not told: the file knows when it ends.
//
// `on_change` hears of every put and erasure under the shard's lock, so that the journal sees the changes
// of a key in the order in which memory did. False: not taken; the record is marked unwritten, to be
// collected later.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/store/state_limits.h"
#include "base/store/state_record.h"
#include "base/store/state_shard.h"

namespace sallyport::store {

class StateMemory {
 public:
  using OnChange = std::function<bool(const StateRecord&)>;
  using Change = std::function<bool(StateEntry&)>;
  using Visitor = std::function<bool(std::string_view key, std::string_view value, WallTime expires)>;
  enum class Which { all, unwritten };
  using Collector = std::function<Result<>(std::span<const StateRecord>)>;

  explicit StateMemory(StateLimits limits) : limits_(std::move(limits)) {}

  std::optional<std::string> get(std::string_view kind, std::string_view key, WallTime now) const;
  void put(const StateRecord& record, WallTime now, const OnChange& on_change);
  void erase(std::string_view kind, std::string_view key, const OnChange& on_change);
  // See StateStore.
  void update(std::string_view kind, std::string_view key, WallTime now, const Change& change,
              const OnChange& on_change);
  void scan(std::string_view kind, WallTime now, const Visitor& visitor) const;
  std::size_t count(std::string_view kind) const;
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }

  // From the file, the newest first: what memory knows of a key is newer. Until end_loading() nothing that
  // was erased or has expired is forgotten, else an older record would come back.
  void load(const StateRecord& record);
  void begin_loading() { loading_ = true; }
  void end_loading(WallTime now);
  // Every record, or the unwritten ones, which then count as written. The collector runs without a lock;
  // its failure ends it.
  Result<> collect(Which which, const Collector& collector);
  bool holds(const StateRecord& record) const;

 private:
  static constexpr std::size_t kShards = 256;
  static constexpr std::size_t kMaxKinds = 64;

  struct KindTally {
    std::string name;
    std::size_t limit;
    std::atomic<std::size_t> count{0};
  };
  struct alignas(64) Part {
    mutable std::mutex mutex;
    StateShard shard;
  };
  struct Place {
    StateShard::Kind kind;
    std::uint32_t hash;
    Part& part;
  };

  std::optional<StateShard::Kind> known(std::string_view kind) const;
  std::optional<StateShard::Kind> kind(std::string_view name);
  Place place(StateShard::Kind kind, std::string_view key) const;
  void store(const Place& place, StateShard::View record, std::optional<WallTime> now,
             StateShard::Age age = StateShard::Age::newest);
  void put_locked(const Place& place, const StateRecord& record, WallTime now, const OnChange& on_change);
  void erase_locked(const Place& place, std::string_view kind, std::string_view key,
                    const OnChange& on_change);
  void gone(StateShard::Kind kind);
  void trim(const Place& place);
  Result<> collect(Part& part, Which which, const Collector& collector);

  StateLimits limits_;
  mutable std::array<Part, kShards> parts_;
  std::mutex kinds_mutex_;  // held to add one
  std::array<std::unique_ptr<KindTally>, kMaxKinds> kinds_;
  std::atomic<std::size_t> known_kinds_{0};
  std::atomic<std::size_t> size_{0};
  std::atomic<bool> loading_{false};
};

}  // namespace sallyport::store
