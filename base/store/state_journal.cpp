#include "base/store/state_journal.h"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/faults.h"
#include "base/needed_memory.h"

namespace sallyport::store {
namespace {

using Steady = StateJournal::Steady;

constexpr std::chrono::minutes kIdleLook{1};
constexpr std::chrono::minutes kClockWritten{10};
constexpr std::chrono::seconds kSilent{2};
constexpr std::chrono::milliseconds kEndLook{100};
constexpr std::size_t kRowsAtATime = 10'000;  // read, added or removed between two looks at what is due
constexpr std::size_t kSpareRows = 10'000;    // beyond two for each record

}  // namespace

struct StateJournal::Batch {
  StateFile::Batch records;
  int failures = 0;
  bool written = false;
  Error error;  // of the last failure
};

// Outlives the journal where the disk never answers. By then the clock and whoever hears of trouble may be
// gone: what was timed() ends as `stopped`, and nothing but what it owns is touched from there on.
class StateJournal::Writer {
 public:
  Writer(std::unique_ptr<StateFile> file, std::shared_ptr<StateMemory> memory,
         std::shared_ptr<StateClock> clock, OnTrouble on_trouble, Begin begin)
      : file_(std::move(file)),
        memory_(std::move(memory)),
        clock_(std::move(clock)),
        on_trouble_(std::move(on_trouble)),
        gathering_(std::make_shared<Batch>()),
        farewell_(begin.farewell),
        flush_patience_(begin.flush),
        loading_(begin.load) {
    file_->on_step([this] { busy_since_ = Steady::now().time_since_epoch().count(); });
    if (begin.refill) refill_ = StateMemory::Which::all;
  }

  static void start(const std::shared_ptr<Writer>& writer) {
    writer->thread_ = std::thread([writer] { writer->run(); });
  }
  void stop();
  Ticket submit(const StateRecord& record);
  Result<> wait(const Ticket& ticket, Steady::time_point until, Steady::duration patience = kPatience);
  Ticket gathering() const;
  std::chrono::milliseconds flush_patience() const { return flush_patience_; }
  bool is_behind() const;  // of records that were not taken
  bool loading() const { return loading_; }
  std::size_t pending() const;
  void notice_silence();

 private:
  using Lock = std::unique_lock<std::mutex>;

  bool is_silent_for(Steady::duration time) const;
  void run();
  bool is_due() const;
  bool has_chores() const;
  void wait_for_work(Lock& lock);
  void write_batch(Lock& lock);
  Result<> commit(const Batch& batch);
  void finish(Result<> result);
  void close();
  void do_chore();
  Result<> refill(StateMemory::Which which);
  Result<> load();
  void end_loading();
  void catch_up();
  Result<> mend(Result<> result);
  void report(const Result<>& result);
  void tell(std::string_view what);
  template <class Work>
  Result<> timed(const Work& work);
  static bool is_left_behind(const Result<>& result) {
    return !result && result.error().code == Errc::stopped;
  }

  std::unique_ptr<StateFile> file_;
  std::shared_ptr<StateMemory> memory_;
  std::shared_ptr<StateClock> clock_;
  std::thread thread_;

  std::mutex trouble_mutex_;
  OnTrouble on_trouble_;  // none, once the journal is gone

  mutable std::mutex mutex_;
  std::condition_variable work_, finished_;
  Ticket gathering_;
  Ticket in_hand_;  // being written, or to be tried again
  Steady::time_point due_{};
  Steady::time_point clock_due_{};
  bool wanted_ = false;  // somebody waits for `gathering_`
  bool stopping_ = false, ended_ = false, abandoned_ = false;
  std::optional<StateMemory::Which> refill_;
  bool refilling_ = false;

  const std::chrono::milliseconds farewell_, flush_patience_;
  std::atomic<bool> loading_;
  std::atomic<bool> failing_{false}, dropping_{false}, silence_told_{false};
  std::atomic<Steady::rep> busy_since_{0};  // 0: not busy
};

// -- from any thread -----------------------------------------------------------------------------------

StateJournal::Ticket StateJournal::Writer::submit(const StateRecord& record) {
  std::string name = record.kind;
  name += '\0';
  name += record.key;
  const std::lock_guard lock(mutex_);
  auto& records = gathering_->records;
  if (records.size() >= (record.erased ? 2 * kMaxPending : kMaxPending) && !records.contains(name)) {
    dropping_ = true;
    if (!refill_) refill_ = StateMemory::Which::unwritten;
    return nullptr;
  }
  if (records.empty()) {
    if (!in_hand_) due_ = Steady::now() + kDelay;
    work_.notify_one();
  }
  records.insert_or_assign(std::move(name), record);
  faults::crash_point("state.submitted");
  return gathering_;
}

Result<> StateJournal::Writer::wait(const Ticket& ticket, Steady::time_point until,
                                    Steady::duration patience) {
  if (ticket == nullptr) return fail(Errc::limit, "too many state records wait for the disk");
  Lock lock(mutex_);
  if (ticket->written) return {};
  if (ticket == gathering_ || failing_) {
    wanted_ = true;
    work_.notify_one();
  }
  if (is_silent_for(patience)) return fail(Errc::timeout, "the disk of the state does not answer");
  const int failures = ticket->failures;
  const bool done =
      finished_.wait_until(lock, until, [&] { return ticket->written || ticket->failures != failures; });
  if (!done) return fail(Errc::timeout, "the disk of the state does not answer in time");
  if (ticket->written) return {};
  return ticket->error;
}

StateJournal::Ticket StateJournal::Writer::gathering() const {
  const std::lock_guard lock(mutex_);
  return gathering_;
}

bool StateJournal::Writer::is_behind() const {
  const std::lock_guard lock(mutex_);
  return refill_ || refilling_;
}

std::size_t StateJournal::Writer::pending() const {
  const std::lock_guard lock(mutex_);
  return gathering_->records.size() + (in_hand_ ? in_hand_->records.size() : 0);
}

bool StateJournal::Writer::is_silent_for(Steady::duration time) const {
  const Steady::rep since = busy_since_.load();
  return since != 0 && Steady::now() - Steady::time_point(Steady::duration(since)) > time;
}

void StateJournal::Writer::notice_silence() {
  if (silence_told_ || !is_silent_for(kSilent)) return;
  if (!silence_told_.exchange(true)) tell("the disk of the state does not answer: held in memory");
}

void StateJournal::Writer::stop() {
  Lock lock(mutex_);
  stopping_ = true;
  work_.notify_one();
  while (!finished_.wait_for(lock, kEndLook, [this] { return ended_; }) && !is_silent_for(farewell_)) {
  }
  if (ended_) {
    lock.unlock();
    return thread_.join();
  }
  abandoned_ = true;
  lock.unlock();
  tell("the disk of the state does not answer: what was not written yet is lost");
  const std::lock_guard quiet(trouble_mutex_);
  on_trouble_ = nullptr;
  thread_.detach();
}

void StateJournal::Writer::tell(std::string_view what) {
  const std::lock_guard lock(trouble_mutex_);
  if (on_trouble_) on_trouble_(what);
}

// -- the writer's thread -------------------------------------------------------------------------------

void StateJournal::Writer::run() {
  const NeededMemory needed;  // a thread has nobody to throw to
  Lock lock(mutex_);
  while (!abandoned_) {
    wait_for_work(lock);
    clock_->look();
    if (is_due()) {
      const bool last = stopping_;
      write_batch(lock);
      if (last && (failing_ || (!in_hand_ && gathering_->records.empty() && !refill_))) break;
    } else if (has_chores()) {
      lock.unlock();
      do_chore();
      lock.lock();
    }
  }
  lock.unlock();
  close();
  lock.lock();
  ended_ = true;
  finished_.notify_all();
}

// Here, where nobody waits for it longer than for the rest: the last thing that is written is a checkpoint.
void StateJournal::Writer::close() {
  static_cast<void>(timed([this] {
    file_.reset();
    return Result<>{};
  }));
}

bool StateJournal::Writer::has_chores() const {
  if (failing_) return false;
  const auto enough = static_cast<std::int64_t>(2 * memory_->size() + kSpareRows);
  return refill_ || (!stopping_ && (loading_ || file_->rows() > enough));
}

bool StateJournal::Writer::is_due() const {
  if (stopping_) return failing_ || !refill_;
  const auto now = Steady::now();
  if (in_hand_ || !gathering_->records.empty()) return wanted_ || now >= due_;
  return wanted_ || now >= clock_due_;
}

void StateJournal::Writer::wait_for_work(Lock& lock) {
  if (has_chores()) return;
  const auto urgent = [this] { return stopping_ || wanted_; };
  work_.wait_for(lock, kIdleLook,
                 [&] { return urgent() || in_hand_ != nullptr || !gathering_->records.empty(); });
  if (in_hand_ || !gathering_->records.empty()) work_.wait_until(lock, due_, urgent);
}

void StateJournal::Writer::write_batch(Lock& lock) {
  if (!in_hand_) {
    in_hand_ = std::exchange(gathering_, std::make_shared<Batch>());
    wanted_ = false;
  }
  lock.unlock();
  Result<> result = commit(*in_hand_);
  report(result);
  lock.lock();
  finish(std::move(result));
}

Result<> StateJournal::Writer::commit(const Batch& batch) {
  if (faults::mutant("skipped-fsync")) return {};
  faults::crash_point("state.batch");
  const auto write = [&] {
    const auto now = clock_->reading();  // not while the disk may be silent, and the clock gone
    return timed([&] { return file_->commit(batch.records, now); });
  };
  Result<> result = write();
  if (result || result.error().code != Errc::invalid) return result;
  const auto mended = mend(std::move(result));
  return mended ? write() : mended;
}

void StateJournal::Writer::finish(Result<> result) {
  const auto now = Steady::now();
  due_ = now + kDelay;
  if (result) {
    clock_due_ = now + kClockWritten;
    in_hand_->written = true;
    in_hand_.reset();
  } else {
    // Whoever waits for what comes behind it need not wait either.
    wanted_ = false;
    for (const Ticket& batch : {in_hand_, gathering_}) {
      ++batch->failures;
      batch->error = result.error();
    }
  }
  finished_.notify_all();
}

void StateJournal::Writer::do_chore() {
  const auto wanted = [this] {
    const std::lock_guard lock(mutex_);
    refilling_ = refill_.has_value();
    return std::exchange(refill_, std::nullopt);
  }();
  Result<> result;
  if (wanted)
    result = refill(*wanted);
  else if (loading_)
    result = load();
  else
    result = timed([this] {
      return file_->shorten(kRowsAtATime,
                            [this](const StateRecord& record) { return memory_->holds(record); });
    });
  if (!result && result.error().code == Errc::invalid) result = mend(std::move(result));
  if (wanted) {
    const std::lock_guard lock(mutex_);
    refilling_ = false;
  }
  report(result);
}

// Batches go in between, always behind what was collected before them.
Result<> StateJournal::Writer::refill(StateMemory::Which which) {
  std::vector<StateRecord> records;
  const auto write = [&] {
    const auto written = timed([&] { return file_->commit(records); });
    records.clear();
    return written;
  };
  Result<> result = memory_->collect(which, [&](std::span<const StateRecord> some) -> Result<> {
    records.insert(records.end(), some.begin(), some.end());
    if (records.size() < kRowsAtATime) return {};
    if (const auto written = write(); !written) return written;
    catch_up();
    return {};
  });
  if (result) result = write();
  if (!result) {
    // What was collected counts as written by now: all of it, then.
    const std::lock_guard lock(mutex_);
    refill_ = StateMemory::Which::all;
  }
  return result;
}

void StateJournal::Writer::catch_up() {
  Lock lock(mutex_);
  if (!stopping_ && is_due()) write_batch(lock);
}

Result<> StateJournal::Writer::load() {
  const auto keep = [this](const StateRecord& record) { memory_->load(record); };
  Result<> done;
  const auto more = [&] {
    Result<bool> read = false;
    done = timed([&]() -> Result<> {
      read = file_->load(StateFile::Which::rest, kRowsAtATime, keep);
      return read ? Result<>{} : read.error();
    });
    return read && *read;
  }();
  if (!more && !is_left_behind(done)) end_loading();
  return done;
}

void StateJournal::Writer::end_loading() {
  memory_->end_loading(clock_->now());
  loading_ = false;
}

Result<> StateJournal::Writer::mend(Result<> result) {
  {
    // Also where it fails below: the file may be set aside by then, and a later commit begin the new one.
    const std::lock_guard lock(mutex_);
    refill_ = StateMemory::Which::all;
  }
  const WallTime now = clock_->reading().wall;
  const auto begun = timed([&] {
    return file_->begin_anew(result.error().detail, now, [this](std::string_view what) { tell(what); });
  });
  if (begun && loading_) end_loading();  // what was read before the damage was reached
  return begun;
}

template <class Work>
Result<> StateJournal::Writer::timed(const Work& work) {
  busy_since_ = Steady::now().time_since_epoch().count();
  Result<> result = work();
  busy_since_ = 0;
  const std::lock_guard lock(mutex_);
  if (abandoned_) return fail(Errc::stopped, "left behind");
  return result;
}

void StateJournal::Writer::report(const Result<>& result) {
  if (is_left_behind(result)) return;
  if (dropping_.exchange(false))
    tell("state: the disk does not keep up, some records are held in memory only");
  if (!result && !failing_)
    tell(fmt::format("state cannot be written ({}): held in memory, trying again", result.error().detail));
  const bool was_silent = silence_told_.exchange(false);
  if (result && (failing_ || was_silent)) tell("state is written to disk again");
  failing_ = !result;
}

// -- the journal ---------------------------------------------------------------------------------------

StateJournal::StateJournal(std::unique_ptr<StateFile> file, std::shared_ptr<StateMemory> memory,
                           std::shared_ptr<StateClock> clock, OnTrouble on_trouble, Begin begin)
    : writer_(std::make_shared<Writer>(std::move(file), std::move(memory), std::move(clock),
                                       std::move(on_trouble), begin)) {
  Writer::start(writer_);
}

StateJournal::~StateJournal() { writer_->stop(); }

StateJournal::Ticket StateJournal::submit(const StateRecord& record) { return writer_->submit(record); }

Result<> StateJournal::wait(const Ticket& ticket, Steady::time_point until) {
  return writer_->wait(ticket, until);
}

// An empty batch still has to wait for the one being written before it.
Result<> StateJournal::flush() {
  const auto patience = writer_->flush_patience();
  const auto flushed = writer_->wait(writer_->gathering(), Steady::now() + patience, patience);
  if (flushed && writer_->is_behind()) return fail(Errc::limit, "the disk of the state does not keep up");
  return flushed;
}

bool StateJournal::loading() const { return writer_->loading(); }
std::size_t StateJournal::pending() const { return writer_->pending(); }
void StateJournal::notice_silence() { writer_->notice_silence(); }

}  // namespace sallyport::store
