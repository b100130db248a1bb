// Writes the state to disk behind the memory: one thread, group commit.
//
// What is submitted gathers in a batch, a later change of a key in the place of an earlier one. A batch is
// committed after a second, or at once when somebody waits for it. A batch that cannot be written goes
// into the next one: nothing is lost while the process lives. Bounded: beyond kMaxPending keys a record is
// not taken. submit() never blocks and may be called from any thread.
//
// Trouble is told once when it begins and once when it is over, from the journal's own thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/result.h"
#include "base/store/state_file.h"
#include "base/store/state_record.h"

namespace sallyport::store {

class StateJournal {
 public:
  static constexpr std::size_t kMaxPending = 1'000'000;
  static constexpr std::chrono::seconds kDelay{1};

  // A batch on its way to disk, to wait for.
  class Batch;
  using Ticket = std::shared_ptr<Batch>;

  // `refill` submits everything that memory holds: the file had to be begun anew.
  StateJournal(std::unique_ptr<StateFile> file, StateFile::OnTrouble on_trouble,
               std::function<void()> refill);
  ~StateJournal();  // commits what is pending
  StateJournal(const StateJournal&) = delete;
  StateJournal& operator=(const StateJournal&) = delete;

  Ticket submit(StateRecord record);  // nullptr: too much is pending
  // Blocks until the batch is on disk. Errors: limit (no ticket), no_space, io.
  Result<> wait(const Ticket& ticket);
  Result<> flush();

 private:
  void run();
  Result<> commit(const Batch& batch);
  void finish(const Ticket& batch, Result<> result);
  void report(const Result<>& result);

  std::unique_ptr<StateFile> file_;
  StateFile::OnTrouble on_trouble_;
  std::function<void()> refill_;
  bool failing_ = false;  // the writer's own

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable finished_;
  Ticket gathering_;
  bool wanted_ = false;  // somebody waits for `gathering_`
  bool dropping_ = false;
  bool stopping_ = false;
  std::thread writer_;
};

}  // namespace sallyport::store
