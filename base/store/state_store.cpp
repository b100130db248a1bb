#include "base/store/state_store.h"

#include <fmt/format.h>

#include <utility>

#include "base/faults.h"
#include "base/io/worker_pool.h"
#include "base/store/state_file.h"
#include "base/store/state_journal.h"
#include "base/store/state_memory.h"

namespace sallyport::store {
namespace {

// Tasks that may wait for the disk at a time; each is one accepted message or less.
constexpr std::size_t kMaxWaiting = 20'000;

class Store final : public StateStore {
 public:
  Store(const Clock& clock, std::size_t max_records) : clock_(clock), memory_(max_records) {}

  // Reads the file into memory and writes behind from then on.
  void attach(std::unique_ptr<StateFile> file, const OnTrouble& on_trouble);
  void degrade(std::string reason) { degraded_ = std::move(reason); }

  std::optional<std::string> get(std::string_view kind, std::string_view key) const override {
    return memory_.get(kind, key, clock_.wall());
  }
  void put(std::string_view kind, std::string_view key, std::string_view value, WallTime expires) override {
    remember({std::string(kind), std::string(key), std::string(value), expires});
  }
  io::Task<Result<>> put_durable(std::string kind, std::string key, std::string value,
                                 WallTime expires) override;
  WallTime now() const override { return clock_.wall(); }
  void update(std::string_view kind, std::string_view key, const Change& change) override {
    memory_.update(kind, key, now(), change, [this](StateRecord record) { submit(std::move(record)); });
  }
  void scan(std::string_view kind, const Visitor& visitor) const override {
    memory_.scan(kind, now(), visitor);
  }
  void erase(std::string_view kind, std::string_view key) override {
    memory_.erase(kind, key, [this](StateRecord record) { submit(std::move(record)); });
  }
  std::size_t count(std::string_view kind) const override { return memory_.count(kind); }
  void flush() override;

 private:
  StateJournal::Ticket remember(StateRecord record);
  StateJournal::Ticket submit(StateRecord record) {
    return journal_ ? journal_->submit(std::move(record)) : nullptr;
  }
  void refill() {
    memory_.replay([this](StateRecord record) { submit(std::move(record)); });
  }

  const Clock& clock_;
  StateMemory memory_;
  std::string degraded_;  // why the disk is not used, though it should be
  std::unique_ptr<StateJournal> journal_;
  io::WorkerPool waiters_{"state", 1, kMaxWaiting};  // one: all who wait for a batch are done with it
};

void Store::attach(std::unique_ptr<StateFile> file, const OnTrouble& on_trouble) {
  const auto keep = [this](StateRecord record) {
    memory_.put(std::move(record), clock_.wall(), [](StateRecord) {});
  };
  const Result<> loaded = file->load(keep);
  Result<> usable = loaded;
  const bool damaged = !loaded && loaded.error().code == Errc::invalid;
  if (damaged) usable = file->begin_anew(loaded.error().detail);
  if (!usable) {
    on_trouble(fmt::format("state is held in memory only: {}", usable.error().detail));
    return degrade(usable.error().detail);
  }
  journal_ = std::make_unique<StateJournal>(std::move(file), on_trouble, [this] { refill(); });
  faults::crash_point("state.loaded");
  if (damaged) refill();  // what was read before the damage was reached, each record checked
}

StateJournal::Ticket Store::remember(StateRecord record) {
  StateJournal::Ticket ticket;
  memory_.put(std::move(record), clock_.wall(),
              [&](StateRecord changed) { ticket = submit(std::move(changed)); });
  return ticket;  // of the last change, which is the record itself
}

io::Task<Result<>> Store::put_durable(std::string kind, std::string key, std::string value,
                                      WallTime expires) {
  StateJournal::Ticket ticket = remember({std::move(kind), std::move(key), std::move(value), expires});
  if (!degraded_.empty()) co_return fail(Errc::io, "state is held in memory only: " + degraded_);
  if (journal_ == nullptr) co_return Result<void>{};
  co_return co_await waiters_.run([this, ticket] { return journal_->wait(ticket); });
}

void Store::flush() {
  // A failure is the journal's to report.
  if (journal_) static_cast<void>(journal_->flush());
}

}  // namespace

Result<std::unique_ptr<StateStore>> StateStore::open(std::string file, const Clock& clock,
                                                     OnTrouble on_trouble, std::size_t max_records) {
  auto store = std::make_unique<Store>(clock, max_records);
  if (file.empty()) return store;
  auto opened = StateFile::open(std::move(file), clock, on_trouble);
  if (opened) {
    store->attach(std::move(*opened), on_trouble);
  } else if (opened.error().code == Errc::refused) {
    return opened.error();
  } else {
    on_trouble(fmt::format("state is held in memory only: {}", opened.error().detail));
    store->degrade(opened.error().detail);
  }
  return store;
}

}  // namespace sallyport::store
