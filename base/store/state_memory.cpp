#include "base/store/state_memory.h"

#include <utility>

#include "base/needed_memory.h"

namespace sallyport::store {
namespace {

constexpr std::size_t kSlotsAtATime = 256;

StateRecord copy(const StateShard::View& record, const std::string& kind) {
  return {.kind = kind,
          .key = std::string(record.key),
          .value = std::string(record.value),
          .expires = record.expires};
}

}  // namespace

std::optional<StateShard::Kind> StateMemory::known(std::string_view kind) const {
  const std::size_t count = known_kinds_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    if (kinds_[i]->name == kind) return static_cast<StateShard::Kind>(i);
  }
  return std::nullopt;
}

std::optional<StateShard::Kind> StateMemory::kind(std::string_view name) {
  if (const auto there = known(name)) return there;
  const std::lock_guard lock(kinds_mutex_);
  if (const auto there = known(name)) return there;
  const std::size_t count = known_kinds_.load();
  if (count == kMaxKinds) return std::nullopt;
  kinds_[count] = std::make_unique<KindTally>(std::string(name), limits_.limit(name));
  known_kinds_.store(count + 1, std::memory_order_release);
  return static_cast<StateShard::Kind>(count);
}

StateMemory::Place StateMemory::place(StateShard::Kind kind, std::string_view key) const {
  const std::uint64_t hash = StateShard::hash(kind, key);
  return {.kind = kind, .hash = static_cast<std::uint32_t>(hash), .part = parts_[(hash >> 32) % kShards]};
}

std::optional<std::string> StateMemory::get(std::string_view kind, std::string_view key,
                                            WallTime now) const {
  const auto id = known(kind);
  if (!id) return std::nullopt;
  const Place at = place(*id, key);
  const std::lock_guard lock(at.part.mutex);
  const auto record = at.part.shard.find(at.hash, *id, key);
  if (!record || record->expires <= now) return std::nullopt;
  return std::string(record->value);
}

void StateMemory::put(const StateRecord& record, WallTime now, const OnChange& on_change) {
  const NeededMemory needed;  // half a change would be worse than a late one
  const auto id = kind(record.kind);
  if (!id || !StateShard::fits(record.key, record.value)) return;
  const Place at = place(*id, record.key);
  {
    const std::lock_guard lock(at.part.mutex);
    put_locked(at, record, now, on_change);
  }
  trim(at);
}

void StateMemory::put_locked(const Place& place, const StateRecord& record, WallTime now,
                             const OnChange& on_change) {
  store(place, {place.kind, record.key, record.value, record.expires, false},
        loading_ ? std::nullopt : std::optional(now));
  if (!on_change(record)) place.part.shard.set_unwritten(place.hash, place.kind, record.key, true);
}

void StateMemory::store(const Place& place, StateShard::View record, std::optional<WallTime> now,
                        StateShard::Age age) {
  StateShard& shard = place.part.shard;
  std::size_t dropped = 0;
  const std::size_t before = shard.size();
  shard.put(place.hash, record, age, now, [&](StateShard::Kind kind) {
    ++dropped;
    gone(kind);
  });
  if (shard.size() + dropped == before) return;  // in the place of an earlier one
  size_.fetch_add(1, std::memory_order_relaxed);
  kinds_[place.kind]->count.fetch_add(1, std::memory_order_relaxed);
}

void StateMemory::gone(StateShard::Kind kind) {
  size_.fetch_sub(1, std::memory_order_relaxed);
  kinds_[kind]->count.fetch_sub(1, std::memory_order_relaxed);
}

// The shard of the new record pays, or, if it has no other of the kind, the next one that has.
void StateMemory::trim(const Place& place) {
  KindTally& tally = *kinds_[place.kind];
  const auto at = static_cast<std::size_t>(&place.part - parts_.data());
  for (std::size_t tried = 0; tried < kShards && tally.count.load() > tally.limit; ++tried) {
    Part& part = parts_[(at + tried) % kShards];
    const std::lock_guard lock(part.mutex);
    if (part.shard.erase_oldest(place.kind, tried == 0)) gone(place.kind);
  }
}

void StateMemory::erase(std::string_view kind, std::string_view key, const OnChange& on_change) {
  const NeededMemory needed;
  const auto id = loading_ ? this->kind(kind) : known(kind);
  if (!id) return;
  const Place at = place(*id, key);
  const std::lock_guard lock(at.part.mutex);
  erase_locked(at, kind, key, on_change);
}

void StateMemory::erase_locked(const Place& place, std::string_view kind, std::string_view key,
                               const OnChange& on_change) {
  const bool loading = loading_;
  if (loading)
    store(place, {place.kind, key, {}, WallTime{}, false}, std::nullopt);
  else if (place.part.shard.erase(place.hash, place.kind, key))
    gone(place.kind);
  else
    return;
  on_change(
      {.kind = std::string(kind), .key = std::string(key), .value = {}, .expires = {}, .erased = true});
}

void StateMemory::update(std::string_view kind, std::string_view key, WallTime now, const Change& change,
                         const OnChange& on_change) {
  const NeededMemory needed;
  const auto id = this->kind(kind);
  if (!id) return;
  const Place at = place(*id, key);
  {
    const std::lock_guard lock(at.part.mutex);
    StateEntry entry;
    const auto record = at.part.shard.find(at.hash, *id, key);
    if (record && record->expires > now)
      entry = {.known = true, .value = std::string(record->value), .expires = record->expires};
    if (!change(entry)) return;
    if (entry.expires <= now) return erase_locked(at, kind, key, on_change);
    if (!StateShard::fits(key, entry.value)) return;
    put_locked(at, {std::string(kind), std::string(key), std::move(entry.value), entry.expires}, now,
               on_change);
  }
  trim(at);
}

void StateMemory::scan(std::string_view kind, WallTime now, const Visitor& visitor) const {
  const auto id = known(kind);
  if (!id) return;
  std::vector<StateRecord> records;
  for (const Part& part : parts_) {
    for (std::uint64_t cursor = 0; cursor != StateShard::kEnd;) {
      records.clear();
      {
        const std::lock_guard lock(part.mutex);
        cursor =
            part.shard.visit(cursor, kSlotsAtATime, [&](std::uint32_t, const StateShard::View& record) {
              if (record.kind == *id && record.expires > now) records.push_back(copy(record, {}));
            });
      }
      for (const StateRecord& record : records) {
        if (!visitor(record.key, record.value, record.expires)) return;
      }
    }
  }
}

std::size_t StateMemory::count(std::string_view kind) const {
  const auto id = known(kind);
  return id ? kinds_[*id]->count.load(std::memory_order_relaxed) : 0;
}

void StateMemory::load(const StateRecord& record) {
  const auto id = kind(record.kind);
  if (!id || !StateShard::fits(record.key, record.value)) return;
  if (kinds_[*id]->count.load() >= kinds_[*id]->limit) return;
  const Place at = place(*id, record.key);
  const std::lock_guard lock(at.part.mutex);
  if (at.part.shard.find(at.hash, *id, record.key)) return;
  const WallTime expires = record.erased ? WallTime{} : record.expires;
  store(at, {*id, record.key, record.value, expires, false}, std::nullopt, StateShard::Age::oldest);
}

void StateMemory::end_loading(WallTime now) {
  loading_ = false;
  const auto drop = [this](StateShard::Kind kind) { gone(kind); };
  for (Part& part : parts_) {
    bool done = false;
    // What moves up into an emptied slot costs a step: twice the slots are enough.
    for (std::size_t swept = 0; !done; swept += kSlotsAtATime) {
      const std::lock_guard lock(part.mutex);
      part.shard.sweep(kSlotsAtATime, now, drop);
      done = swept >= 2 * part.shard.slots();
    }
  }
}

bool StateMemory::holds(const StateRecord& record) const {
  const auto id = known(record.kind);
  if (!id) return false;
  const Place at = place(*id, record.key);
  const std::lock_guard lock(at.part.mutex);
  const auto held = at.part.shard.find(at.hash, *id, record.key);
  return held && held->value == record.value && held->expires == record.expires;
}

Result<> StateMemory::collect(Which which, const Collector& collector) {
  for (Part& part : parts_) {
    if (const auto done = collect(part, which, collector); !done) return done;
  }
  return {};
}

Result<> StateMemory::collect(Part& part, Which which, const Collector& collector) {
  std::vector<StateRecord> records;
  for (std::uint64_t cursor = 0; cursor != StateShard::kEnd;) {
    records.clear();
    {
      const std::lock_guard lock(part.mutex);
      cursor = part.shard.visit(cursor, kSlotsAtATime, [&](std::uint32_t, const StateShard::View& record) {
        if (which == Which::all || record.unwritten)
          records.push_back(copy(record, kinds_[record.kind]->name));
      });
      for (const StateRecord& record : records) {
        const Place at = place(*known(record.kind), record.key);
        part.shard.set_unwritten(at.hash, at.kind, record.key, false);
      }
    }
    if (records.empty()) continue;
    if (const auto taken = collector(records); !taken) return taken;
  }
  return {};
}

}  // namespace sallyport::store
