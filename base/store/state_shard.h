// A part of the state in memory, made for millions of small records: 36 octets of its own for each.
//
// An index by hash (linear probing, eight octets a slot, at most four fifths full, grown by a quarter)
// leads to records that hold header, key and value in one block. Each kind has a list of its records by
// age. An insertion looks at four slots in turn and drops what has expired there: no scan ever stops
// anybody. Not for several threads at once; StateMemory has the locks.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/store/record_arena.h"

namespace sallyport::store {

class StateShard {
 public:
  using Kind = std::uint8_t;
  // A record as it lies there; the views end with the next change.
  struct View {
    Kind kind;
    std::string_view key, value;
    WallTime expires;
    bool unwritten;  // not on its way to the disk either
  };
  enum class Age { newest, oldest };
  using OnDrop = std::function<void(Kind)>;  // hears of every record that goes

  // With a secret of the process: nobody can choose keys that crowd one place. The lower half is what the
  // functions below want.
  static std::uint64_t hash(Kind kind, std::string_view key);
  static bool fits(std::string_view key, std::string_view value);

  std::optional<View> find(std::uint32_t hash, Kind kind, std::string_view key) const;
  // In the place of an earlier one. It must fit. Drops up to four expired ones, unless `now` is nullopt.
  void put(std::uint32_t hash, const View& record, Age age, std::optional<WallTime> now,
           const OnDrop& on_drop);
  void set_unwritten(std::uint32_t hash, Kind kind, std::string_view key, bool unwritten);
  // Drops what has expired in the next `slots` slots.
  void sweep(std::size_t slots, WallTime now, const OnDrop& on_drop);
  bool erase(std::uint32_t hash, Kind kind, std::string_view key);
  bool erase_oldest(Kind kind, bool spare_the_newest);  // false: there is none

  // Visits the records of about `slots` slots from `cursor` on; the next cursor, or kEnd. Whatever happens
  // between two calls, a record that stays is visited once.
  static constexpr std::uint64_t kEnd = std::uint64_t{1} << 32;
  std::uint64_t visit(std::uint64_t cursor, std::size_t slots,
                      const std::function<void(std::uint32_t hash, const View&)>& visitor) const;
  std::size_t size() const { return size_; }
  std::size_t slots() const { return slots_.size(); }

 private:
  using Ref = RecordArena::Ref;
  struct Header;
  struct Slot {
    std::uint32_t hash = 0;
    Ref record = RecordArena::kNone;
  };
  struct Ages {
    Ref oldest = RecordArena::kNone, newest = RecordArena::kNone;
  };

  Header& header(Ref record) const;
  View view(Ref record) const;
  std::size_t home(std::uint32_t hash) const;
  std::size_t next(std::size_t slot) const { return slot + 1 == slots_.size() ? 0 : slot + 1; }
  std::size_t distance(std::size_t from, std::size_t to) const;
  std::optional<std::size_t> slot_of(std::uint32_t hash, Kind kind, std::string_view key) const;
  bool overwrite(std::size_t slot, const View& record);
  void insert(std::uint32_t hash, const View& record, Age age);
  void place(Slot filled);
  void grow();
  void link(Ref record, Age age);
  void unlink(Ref record);
  void remove(std::size_t slot);

  RecordArena arena_;
  std::vector<Slot> slots_;
  std::size_t size_ = 0;
  std::size_t hand_ = 0;  // where sweeping goes on
  std::vector<Ages> ages_;
};

}  // namespace sallyport::store
