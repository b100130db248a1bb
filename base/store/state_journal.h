// Writes the state to disk behind the memory: one thread, group commit; reads the rest of a large file.
//
// What is submitted gathers in a batch, a later change of a key in the place of an earlier one. A batch is
// committed after a second, or at once when somebody waits for it. One that cannot be written is tried
// again every second, before anything later. Bounded: beyond kMaxPending keys a record is not taken; memory
// marks it, and it is collected when the disk keeps up again (erasures have as much room again: an erased
// record must not come back). submit() never blocks and may be called from any thread.
//
// But for flush(), nobody waits longer than kPatience, and nobody at all for a disk that has been silent
// for that long. At the end a disk that has been silent for `farewell` is left behind, with its thread.
//
// Trouble is told once when it begins and once when it is over.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "base/result.h"
#include "base/store/state_clock.h"
#include "base/store/state_file.h"
#include "base/store/state_memory.h"
#include "base/store/state_record.h"

namespace sallyport::store {

class StateJournal {
 public:
  using Steady = std::chrono::steady_clock;  // the disk knows no other clock
  static constexpr std::size_t kMaxPending = 100'000;
  static constexpr std::chrono::seconds kDelay{1};
  static constexpr std::chrono::milliseconds kPatience{500};

  // A batch on its way to disk, to wait for.
  struct Batch;
  using Ticket = std::shared_ptr<Batch>;
  using OnTrouble = StateFile::OnTrouble;

  // `refill`: the file is to get everything that memory holds. `load`: memory, what else is in the file.
  struct Begin {
    bool refill = false;
    bool load = false;
    std::chrono::milliseconds farewell{};
    std::chrono::milliseconds flush{};
  };
  StateJournal(std::unique_ptr<StateFile> file, std::shared_ptr<StateMemory> memory,
               std::shared_ptr<StateClock> clock, OnTrouble on_trouble, Begin begin);
  ~StateJournal();  // commits what is pending
  StateJournal(const StateJournal&) = delete;
  StateJournal& operator=(const StateJournal&) = delete;

  Ticket submit(const StateRecord& record);  // nullptr: too much is pending
  // Blocks until the batch is on disk. Errors: limit (no ticket), no_space, io, timeout.
  Result<> wait(const Ticket& ticket, Steady::time_point until);
  // Everything submitted so far, also what was not taken; waits as long as StateLimits::flush says, also
  // for a disk that is slow. Errors: as above.
  Result<> flush();
  bool loading() const;
  std::size_t pending() const;
  void notice_silence();  // tells of a disk that does not answer; called now and then, by anybody

 private:
  class Writer;
  std::shared_ptr<Writer> writer_;
};

}  // namespace sallyport::store
