#include "base/store/state_store.h"

#include <fmt/format.h>

#include <utility>

#include "base/faults.h"
#include "base/io/worker_pool.h"
#include "base/store/state_clock.h"
#include "base/store/state_file.h"
#include "base/store/state_journal.h"
#include "base/store/state_memory.h"

namespace sallyport::store {
namespace {

// Tasks that may wait for the disk at a time; each is one accepted message or less.
constexpr std::size_t kMaxWaiting = 20'000;

constexpr std::size_t kRowsAtATime = 10'000;

class Store final : public StateStore {
 public:
  Store(const Clock& clock, StateLimits limits)
      : limits_(limits),
        memory_(std::make_shared<StateMemory>(std::move(limits))),
        clock_(std::make_shared<StateClock>(clock, std::nullopt)) {}

  // Reads the file into memory and writes behind from then on.
  void attach(std::unique_ptr<StateFile> file, const Clock& clock, const OnTrouble& on_trouble);
  void degrade(std::string reason) { degraded_ = std::move(reason); }

  WallTime now() const override { return clock_->now(); }
  std::optional<std::string> get(std::string_view kind, std::string_view key) const override {
    return memory_->get(kind, key, now());
  }
  void put(std::string_view kind, std::string_view key, std::string_view value, WallTime expires) override {
    remember({std::string(kind), std::string(key), std::string(value), expires});
  }
  io::Task<Result<>> put_durable(std::string kind, std::string key, std::string value,
                                 WallTime expires) override;
  void erase(std::string_view kind, std::string_view key) override {
    memory_->erase(kind, key, [this](const StateRecord& record) { return submit(record) != nullptr; });
  }
  void update(std::string_view kind, std::string_view key, const Change& change) override {
    memory_->update(kind, key, now(), change,
                    [this](const StateRecord& record) { return is_taken(record); });
    if (journal_) journal_->notice_silence();
  }
  void scan(std::string_view kind, const Visitor& visitor) const override {
    memory_->scan(kind, now(), visitor);
  }
  bool is_complete(std::string_view kind) const override {
    if (!limits_.is_large(kind)) return true;
    return journal_ ? !journal_->loading() : degraded_.empty();
  }
  std::size_t count(std::string_view kind) const override { return memory_->count(kind); }
  Figures figures() const override {
    return {.records = memory_->size(), .unwritten = journal_ ? journal_->pending() : 0};
  }
  Result<> flush() override;

 private:
  using Begin = StateJournal::Begin;

  Result<bool> read(StateFile& file) const;
  Error memory_only() const { return fail(Errc::io, "state is held in memory only: " + degraded_); }
  StateJournal::Ticket remember(const StateRecord& record);
  StateJournal::Ticket submit(const StateRecord& record) {
    return journal_ ? journal_->submit(record) : nullptr;
  }
  // Without a disk there is nothing to be collected for.
  bool is_taken(const StateRecord& record) { return journal_ == nullptr || submit(record) != nullptr; }

  StateLimits limits_;
  std::shared_ptr<StateMemory> memory_;
  std::shared_ptr<StateClock> clock_;
  std::string degraded_;  // why the disk is not used, though it should be
  std::unique_ptr<StateJournal> journal_;
  io::WorkerPool waiters_{"state", 1, kMaxWaiting};  // one: all who wait for a batch are done with it
};

void Store::attach(std::unique_ptr<StateFile> file, const Clock& clock, const OnTrouble& on_trouble) {
  clock_ = std::make_shared<StateClock>(clock, file->last_reading());
  memory_->begin_loading();
  const Result<bool> more = read(*file);
  Begin begin{.refill = false, .load = more && *more, .farewell = limits_.farewell, .flush = limits_.flush};
  if (!begin.load) memory_->end_loading(now());
  if (!more) {
    Result<> usable = more.error();
    begin.refill = more.error().code == Errc::invalid;
    if (begin.refill) usable = file->begin_anew(more.error().detail, clock.wall(), on_trouble);
    if (!usable) {
      on_trouble(fmt::format("state is held in memory only: {}", usable.error().detail));
      return degrade(usable.error().detail);
    }
  }
  // After damage: what was read before it was reached, each record checked, goes into the new file.
  journal_ = std::make_unique<StateJournal>(std::move(file), memory_, clock_, on_trouble, begin);
  faults::crash_point("state.loaded");
}

// True: there is more of the large kinds.
Result<bool> Store::read(StateFile& file) const {
  const auto keep = [this](const StateRecord& record) { memory_->load(record); };
  const auto until = StateJournal::Steady::now() + limits_.read_at_start;
  Result<bool> more = true;
  while (more && *more) more = file.load(StateFile::Which::early, kRowsAtATime, keep);
  if (more) more = true;
  while (more && *more && StateJournal::Steady::now() < until)
    more = file.load(StateFile::Which::rest, kRowsAtATime, keep);
  return more;
}

StateJournal::Ticket Store::remember(const StateRecord& record) {
  StateJournal::Ticket ticket;
  memory_->put(record, now(), [&](const StateRecord& changed) {
    ticket = submit(changed);
    return journal_ == nullptr || ticket != nullptr;
  });
  if (journal_) journal_->notice_silence();
  return ticket;
}

io::Task<Result<>> Store::put_durable(std::string kind, std::string key, std::string value,
                                      WallTime expires) {
  StateJournal::Ticket ticket = remember({std::move(kind), std::move(key), std::move(value), expires});
  if (!degraded_.empty()) co_return memory_only();
  if (journal_ == nullptr) co_return Result<void>{};
  const auto until = StateJournal::Steady::now() + StateJournal::kPatience;
  co_return co_await waiters_.run([this, ticket, until] { return journal_->wait(ticket, until); });
}

Result<> Store::flush() {
  if (!degraded_.empty()) return memory_only();
  return journal_ ? journal_->flush() : Result<>{};
}

}  // namespace

Result<std::unique_ptr<StateStore>> StateStore::open(std::string file, const Clock& clock,
                                                     OnTrouble on_trouble, StateLimits limits) {
  auto store = std::make_unique<Store>(clock, limits);
  if (file.empty()) return store;
  auto opened = StateFile::open(std::move(file), clock, std::move(limits), on_trouble);
  if (opened) {
    store->attach(std::move(*opened), clock, on_trouble);
  } else if (opened.error().code == Errc::refused) {
    return opened.error();
  } else {
    on_trouble(fmt::format("state is held in memory only: {}", opened.error().detail));
    store->degrade(opened.error().detail);
  }
  return store;
}

}  // namespace sallyport::store
