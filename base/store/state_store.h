// State that outlives the process: small keyed records with an expiry, in SQLite.
//
// Kinds in use: "recipient" (found / not found), "refused" (at delivery), "delivered" (the memory that
// keeps retries from delivering twice), "capabilities" (of next hops), "unverifiable" (domains).
//
// Everything is held in memory in front: get(), put(), update() and erase() never touch the disk, and take
// about a microsecond, however many records there are. put() is written behind by one writer thread with
// group commit, at the latest after a second and at destruction; put_durable() resolves when the record is
// on disk (synchronous=FULL), or fails after half a second, at once where the disk is known to be silent.
// Every function may be called from any thread. Bounded: over the limit of a kind (StateLimits) old ones
// go. A key with its value takes 16,000 octets at most; what is larger is not kept.
//
// A start reads a file in which millions are stored for half a second at most beyond the small kinds; the
// rest of the large kinds comes behind, the newest first, and until then is_complete() is false of them:
// who finds nothing then does not know, and lets pass. So it is where a file could not be opened.
//
// A store that cannot be opened or written is a logged degradation, never lost mail: memory goes on,
// put_durable() reports it. A damaged or empty file is renamed to <file>.corrupt-<time> and a new one
// begun; only one that was never there begins without a word. A file in use by another process is the one
// thing that is refused: two gateways would undo each other's memory.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/io/task.h"
#include "base/result.h"
#include "base/store/state_limits.h"
#include "base/store/state_record.h"

namespace sallyport::store {

class StateStore {
 public:
  using OnTrouble = std::function<void(std::string_view what)>;
  // Changes the entry and says whether that is to be kept; expired then: the record is erased. Runs under
  // a lock: short, without input or output, and never back into the store.
  using Change = std::function<bool(StateEntry&)>;
  // False: enough seen.
  using Visitor = std::function<bool(std::string_view key, std::string_view value, WallTime expires)>;

  struct Figures {
    std::size_t records = 0;
    std::size_t unwritten = 0;  // on their way to the disk
  };

  // "" as `file`: memory only, by choice (put_durable() succeeds then). `on_trouble` is called from any
  // thread. The only error is `refused`, "in use by another instance (pid N)": do not start.
  static Result<std::unique_ptr<StateStore>> open(std::string file, const Clock& clock,
                                                  OnTrouble on_trouble, StateLimits limits = {});
  virtual ~StateStore() = default;

  // The time by which records expire: the wall clock's, as long as that does not jump (state_clock.h).
  // `expires` is counted from it, and so is a time inside of a value.
  virtual WallTime now() const = 0;
  virtual std::optional<std::string> get(std::string_view kind, std::string_view key) const = 0;
  virtual void put(std::string_view kind, std::string_view key, std::string_view value,
                   WallTime expires) = 0;
  virtual io::Task<Result<>> put_durable(std::string kind, std::string key, std::string value,
                                         WallTime expires) = 0;
  virtual void erase(std::string_view kind, std::string_view key) = 0;
  // Reads and writes a record in one step: no other thread comes between.
  virtual void update(std::string_view kind, std::string_view key, const Change& change) = 0;
  // Shows the records of a kind, in no order and on no lock: one that is put, renewed or erased meanwhile
  // may be shown or not, all others are, once.
  virtual void scan(std::string_view kind, const Visitor& visitor) const = 0;
  // False while a large kind is still being read, or could not be: what is not found may be there.
  virtual bool is_complete(std::string_view kind) const = 0;
  virtual std::size_t count(std::string_view kind) const = 0;  // as held; may include expired ones
  virtual Figures figures() const = 0;
  // Blocks until everything put and erased so far is on disk, for StateLimits::flush at most; never on a
  // core. Errors: that it may not be (timeout, no_space, io, limit).
  virtual Result<> flush() = 0;
};

}  // namespace sallyport::store
