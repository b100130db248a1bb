// What is known of senders: allow and block lists as they are now, the files that the configuration names
// and what commands added; and whom our users write to.
//
// Entries of commands live in the state, one record each (kinds "allow" and "block"), and count from the
// moment they are added; hits are counted there, too (kind "list-hits"), written behind. Every function may
// be called from any thread, and none waits for the disk: a command does that (Control::Keep).
#pragma once

#include <array>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/store/state_store.h"
#include "policy/sender_lists.h"
#include "proxy/correspondents.h"

namespace sallyport::proxy {

enum class SenderListKind : std::uint8_t { allow, block };
const char* to_string(SenderListKind kind);

class SenderBook {
 public:
  struct Found {
    policy::SenderEntry entry;
    std::string where;  // "lists/allow:12", or "allow" for one of a command
  };
  struct Hits {
    std::uint64_t count = 0;
    std::optional<WallTime> last;
  };
  static constexpr std::size_t kMaxEntries = 100'000;  // by commands; a file may have millions

  // `state` outlives it.
  SenderBook(store::StateStore& state, const Clock& clock);

  // `file` may be null.
  policy::SenderListShape shape(SenderListKind kind, const policy::SenderList* file) const;
  // The entries among `names` that have not expired, in their order; of commands before those of the file.
  std::vector<Found> find(SenderListKind kind, const policy::SenderList* file,
                          const std::vector<std::string>& names) const;
  void count_hit(SenderListKind kind, const policy::SenderEntry& entry);
  Hits hits(SenderListKind kind, const policy::SenderEntry& entry) const;

  // Counts at once. Replaces an entry of that name. Errors: limit.
  Result<> add(SenderListKind kind, const policy::SenderEntry& entry);
  bool remove(SenderListKind kind, const policy::SenderEntry& entry);
  // One of a command, by its name.
  std::optional<policy::SenderEntry> added(SenderListKind kind, std::string_view name) const;
  void each(SenderListKind kind, const std::function<bool(const policy::SenderEntry&)>& visit) const;

  Correspondents& correspondents() { return correspondents_; }
  const Correspondents& correspondents() const { return correspondents_; }

 private:
  store::StateStore& state_;
  const Clock& clock_;
  Correspondents correspondents_;
  mutable std::mutex mutex_;                       // of the two below, and of a hit's reading and writing
  std::array<policy::SenderListShape, 2> shapes_;  // of what commands added; never shrinks
};

// A file alone, where there is no state.
std::vector<SenderBook::Found> find_in_file(const policy::SenderList* file,
                                            const std::vector<std::string>& names, WallTime now);

}  // namespace sallyport::proxy
