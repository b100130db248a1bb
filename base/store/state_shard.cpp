#include "base/store/state_shard.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

namespace sallyport::store {
namespace {

constexpr std::size_t kFewestSlots = 16;
constexpr std::size_t kSwept = 4;
constexpr std::uint64_t kLastTime = (std::uint64_t{1} << 48) - 1;  // milliseconds
constexpr std::int64_t kLastWallTime =
    std::chrono::duration_cast<std::chrono::milliseconds>(WallTime::max().time_since_epoch()).count();

std::uint64_t to_milliseconds(WallTime time) {
  const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  return std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0)), kLastTime);
}

WallTime from_milliseconds(std::uint64_t count) {
  const auto signed_count = static_cast<std::int64_t>(count);
  return signed_count >= kLastWallTime ? WallTime::max()
                                       : WallTime(std::chrono::milliseconds(signed_count));
}

// Both halves of the product, in one.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

// Key and value follow it.
struct StateShard::Header {
  std::uint64_t expires : 48;
  std::uint64_t kind : 8;
  std::uint64_t unwritten : 8;
  Ref older, newer;  // of the same kind
  std::uint16_t key_size, value_size;

  static constexpr std::size_t kSize = 20;  // without the padding behind it
};

std::uint64_t StateShard::hash(Kind kind, std::string_view key) {
  static const std::array<std::uint64_t, 2> secret = [] {
    std::random_device source;
    const auto draw = [&] { return (std::uint64_t{source()} << 32 | source()) | 1; };
    return std::array{draw(), draw()};
  }();
  std::uint64_t sum = secret[0] ^ (key.size() << 8 | kind);
  while (!key.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(key.size(), sizeof word);
    std::memcpy(&word, key.data(), size);
    sum = fold(sum ^ word, secret[1]);
    key.remove_prefix(size);
  }
  return fold(sum, secret[0]);
}

bool StateShard::fits(std::string_view key, std::string_view value) {
  return Header::kSize + key.size() + value.size() <= RecordArena::kMostOctets;
}

StateShard::Header& StateShard::header(Ref record) const {
  return *reinterpret_cast<Header*>(arena_.at(record));
}

StateShard::View StateShard::view(Ref record) const {
  const Header& header = this->header(record);
  const char* key = arena_.at(record) + Header::kSize;
  return {.kind = static_cast<Kind>(header.kind),
          .key = {key, header.key_size},
          .value = {key + header.key_size, header.value_size},
          .expires = from_milliseconds(header.expires),
          .unwritten = header.unwritten != 0};
}

std::size_t StateShard::home(std::uint32_t hash) const {
  return static_cast<std::size_t>((std::uint64_t{hash} * slots_.size()) >> 32);
}

std::size_t StateShard::distance(std::size_t from, std::size_t to) const {
  return to >= from ? to - from : to + slots_.size() - from;
}

std::optional<std::size_t> StateShard::slot_of(std::uint32_t hash, Kind kind, std::string_view key) const {
  if (slots_.empty()) return std::nullopt;
  for (std::size_t at = home(hash); slots_[at].record != RecordArena::kNone; at = next(at)) {
    if (slots_[at].hash != hash) continue;
    const View there = view(slots_[at].record);
    if (there.kind == kind && there.key == key) return at;
  }
  return std::nullopt;
}

std::optional<StateShard::View> StateShard::find(std::uint32_t hash, Kind kind,
                                                 std::string_view key) const {
  const auto slot = slot_of(hash, kind, key);
  if (!slot) return std::nullopt;
  return view(slots_[*slot].record);
}

void StateShard::put(std::uint32_t hash, const View& record, Age age, std::optional<WallTime> now,
                     const OnDrop& on_drop) {
  if (ages_.size() <= record.kind) ages_.resize(record.kind + std::size_t{1});
  if (const auto slot = slot_of(hash, record.kind, record.key)) {
    if (overwrite(*slot, record)) return;
    remove(*slot);
  } else if (now) {
    sweep(kSwept, *now, on_drop);
  }
  insert(hash, record, age);
}

bool StateShard::overwrite(std::size_t slot, const View& record) {
  const Ref ref = slots_[slot].record;
  Header& header = this->header(ref);
  const std::size_t key = Header::kSize + header.key_size;
  if (RecordArena::words(key + header.value_size) != RecordArena::words(key + record.value.size()))
    return false;
  header.expires = to_milliseconds(record.expires) & kLastTime;
  header.unwritten = record.unwritten ? 1 : 0;
  header.value_size = static_cast<std::uint16_t>(record.value.size());
  std::ranges::copy(record.value, arena_.at(ref) + key);
  unlink(ref);
  link(ref, Age::newest);
  return true;
}

void StateShard::insert(std::uint32_t hash, const View& record, Age age) {
  if ((size_ + 1) * 5 > slots_.size() * 4) grow();
  const Ref ref = arena_.take(Header::kSize + record.key.size() + record.value.size());
  Header& header = this->header(ref);
  header.expires = to_milliseconds(record.expires) & kLastTime;
  header.kind = record.kind;
  header.unwritten = record.unwritten ? 1 : 0;
  header.key_size = static_cast<std::uint16_t>(record.key.size());
  header.value_size = static_cast<std::uint16_t>(record.value.size());
  char* rest = std::ranges::copy(record.key, arena_.at(ref) + Header::kSize).out;
  std::ranges::copy(record.value, rest);
  link(ref, age);
  place({hash, ref});
  ++size_;
}

void StateShard::place(Slot filled) {
  std::size_t at = home(filled.hash);
  while (slots_[at].record != RecordArena::kNone) at = next(at);
  slots_[at] = filled;
}

// The hand keeps its place: slots stand in the order of hashes, however many there are.
void StateShard::grow() {
  std::vector<Slot> before(std::max(kFewestSlots, slots_.size() + slots_.size() / 4));
  if (!slots_.empty()) hand_ = hand_ * before.size() / slots_.size();
  before.swap(slots_);
  for (const Slot& slot : before) {
    if (slot.record != RecordArena::kNone) place(slot);
  }
}

void StateShard::link(Ref record, Age age) {
  Header& header = this->header(record);
  Ages& ages = ages_[header.kind];
  header.older = age == Age::newest ? ages.newest : RecordArena::kNone;
  header.newer = age == Age::newest ? RecordArena::kNone : ages.oldest;
  (header.older == RecordArena::kNone ? ages.oldest : this->header(header.older).newer) = record;
  (header.newer == RecordArena::kNone ? ages.newest : this->header(header.newer).older) = record;
}

void StateShard::unlink(Ref record) {
  const Header& header = this->header(record);
  Ages& ages = ages_[header.kind];
  (header.older == RecordArena::kNone ? ages.oldest : this->header(header.older).newer) = header.newer;
  (header.newer == RecordArena::kNone ? ages.newest : this->header(header.newer).older) = header.older;
}

void StateShard::set_unwritten(std::uint32_t hash, Kind kind, std::string_view key, bool unwritten) {
  if (const auto slot = slot_of(hash, kind, key))
    header(slots_[*slot].record).unwritten = unwritten ? 1 : 0;
}

bool StateShard::erase(std::uint32_t hash, Kind kind, std::string_view key) {
  const auto slot = slot_of(hash, kind, key);
  if (slot) remove(*slot);
  return slot.has_value();
}

bool StateShard::erase_oldest(Kind kind, bool spare_the_newest) {
  if (ages_.size() <= kind) return false;
  const Ages ages = ages_[kind];
  if (ages.oldest == RecordArena::kNone || (spare_the_newest && ages.oldest == ages.newest)) return false;
  const std::string_view key = view(ages.oldest).key;
  return erase(static_cast<std::uint32_t>(hash(kind, key)), kind, key);
}

// What follows the gap in the same run moves up, if it may: no search ends at a gap too early.
void StateShard::remove(std::size_t slot) {
  const Ref record = slots_[slot].record;
  const Header& gone = header(record);
  unlink(record);
  arena_.give_back(record, Header::kSize + gone.key_size + gone.value_size);
  --size_;
  std::size_t gap = slot;
  for (std::size_t at = next(gap); slots_[at].record != RecordArena::kNone; at = next(at)) {
    if (distance(home(slots_[at].hash), at) < distance(gap, at)) continue;
    slots_[gap] = slots_[at];
    gap = at;
  }
  slots_[gap] = {};
}

void StateShard::sweep(std::size_t slots, WallTime now, const OnDrop& on_drop) {
  const std::uint64_t time = to_milliseconds(now);
  for (std::size_t i = 0; i < slots && size_ > 0; ++i) {
    hand_ = hand_ < slots_.size() ? hand_ : 0;
    const Ref record = slots_[hand_].record;
    if (record == RecordArena::kNone || header(record).expires > time) {
      ++hand_;
      continue;
    }
    const auto kind = static_cast<Kind>(header(record).kind);
    remove(hand_);  // and what moved into its place is next
    on_drop(kind);
  }
}

// A range of hashes is visited whole: from the place where the first of them may be to the first gap behind
// the place of the last.
std::uint64_t StateShard::visit(std::uint64_t cursor, std::size_t slots,
                                const std::function<void(std::uint32_t, const View&)>& visitor) const {
  if (size_ == 0) return kEnd;
  const std::uint64_t width = std::max<std::uint64_t>(1, kEnd / slots_.size()) * slots;
  const std::uint64_t end = std::min(kEnd, cursor + width);
  const std::size_t last = home(static_cast<std::uint32_t>(end - 1));
  std::size_t at = home(static_cast<std::uint32_t>(cursor));
  for (std::size_t walked = 0, least = last - at; walked < slots_.size(); ++walked, at = next(at)) {
    const Slot& slot = slots_[at];
    if (slot.record == RecordArena::kNone) {
      if (walked > least) break;
    } else if (slot.hash >= cursor && slot.hash < end) {
      visitor(slot.hash, view(slot.record));
    }
  }
  return end;
}

}  // namespace sallyport::store
