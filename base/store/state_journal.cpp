#include "base/store/state_journal.h"

#include <fmt/format.h>

#include <utility>

#include "base/faults.h"
#include "base/needed_memory.h"

namespace sallyport::store {

class StateJournal::Batch {
 public:
  StateFile::Batch records;
  std::optional<Result<>> result;  // once tried
};

StateJournal::StateJournal(std::unique_ptr<StateFile> file, StateFile::OnTrouble on_trouble,
                           std::function<void()> refill)
    : file_(std::move(file)),
      on_trouble_(std::move(on_trouble)),
      refill_(std::move(refill)),
      gathering_(std::make_shared<Batch>()),
      writer_([this] { run(); }) {}

StateJournal::~StateJournal() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  writer_.join();
}

StateJournal::Ticket StateJournal::submit(StateRecord record) {
  std::string name = record.kind;
  name += '\0';
  name += record.key;
  const std::lock_guard lock(mutex_);
  auto& records = gathering_->records;
  if (records.size() >= kMaxPending && !records.contains(name)) {
    dropping_ = true;
    return nullptr;
  }
  if (records.empty()) work_.notify_one();
  records.insert_or_assign(std::move(name), std::move(record));
  faults::crash_point("state.submitted");
  return gathering_;
}

Result<> StateJournal::wait(const Ticket& ticket) {
  if (ticket == nullptr) return fail(Errc::limit, "too many state records wait for the disk");
  std::unique_lock lock(mutex_);
  if (ticket == gathering_) {
    wanted_ = true;
    work_.notify_one();
  }
  finished_.wait(lock, [&] { return ticket->result.has_value(); });
  return *ticket->result;
}

Result<> StateJournal::flush() {
  Ticket ticket;
  {
    // An empty batch still has to wait for the one being written before it.
    const std::lock_guard lock(mutex_);
    ticket = gathering_;
  }
  return wait(ticket);
}

void StateJournal::run() {
  const NeededMemory needed;  // a thread has nobody to throw to
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return stopping_ || wanted_ || !gathering_->records.empty(); });
    work_.wait_for(lock, kDelay, [this] { return stopping_ || wanted_; });
    const bool last = stopping_;
    const Ticket batch = std::exchange(gathering_, std::make_shared<Batch>());
    wanted_ = false;
    lock.unlock();
    Result<> result = commit(*batch);
    report(result);
    lock.lock();
    finish(batch, std::move(result));
    if (last && (gathering_->records.empty() || failing_)) return;
  }
}

Result<> StateJournal::commit(const Batch& batch) {
  if (batch.records.empty() || faults::mutant("skipped-fsync")) return {};
  faults::crash_point("state.batch");
  Result<> result = file_->commit(batch.records);
  if (result || result.error().code != Errc::invalid) return result;
  if (const auto begun = file_->begin_anew(result.error().detail); !begun) return begun;
  refill_();
  return file_->commit(batch.records);
}

void StateJournal::finish(const Ticket& batch, Result<> result) {
  if (!result) {
    // What has changed meanwhile is newer than what failed; try_emplace leaves it alone.
    for (auto& [name, record] : batch->records) gathering_->records.try_emplace(name, std::move(record));
  }
  batch->result = std::move(result);
  batch->records.clear();
  finished_.notify_all();
}

void StateJournal::report(const Result<>& result) {
  const bool dropped = [this] {
    const std::lock_guard lock(mutex_);
    return std::exchange(dropping_, false);
  }();
  if (dropped) on_trouble_("state: the disk does not keep up, some records are held in memory only");
  if (!result && !failing_) {
    on_trouble_(
        fmt::format("state cannot be written ({}): held in memory, trying again", result.error().detail));
  }
  if (result && failing_) on_trouble_("state is written to disk again");
  failing_ = !result;
}

}  // namespace sallyport::store
