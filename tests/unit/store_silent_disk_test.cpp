// The state on a disk that is silent: nobody waits for it longer than said, and nothing is lost when it is
// back.
#include <doctest/doctest.h>
#include <sqlite3.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/store/state_journal.h"
#include "base/store/state_store.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::store;
using namespace std::chrono_literals;

namespace {

// While it lives every write-ahead log that SQLite opens is on a disk that can be made silent.
class Disk {
 public:
  Disk() {
    real_ = sqlite3_vfs_find(nullptr);
    ours_ = *real_;
    ours_.zName = "silent";
    ours_.pNext = nullptr;
    ours_.xOpen = open;
    sqlite3_vfs_register(&ours_, 1);
  }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  ~Disk() {
    silence(false);
    sqlite3_vfs_register(real_, 1);
    sqlite3_vfs_unregister(&ours_);
  }

  static void silence(bool silent) {
    const std::lock_guard lock(mutex_);
    silent_ = silent;
    changed_.notify_all();
  }
  // What the next sync says.
  static void answer_once(int code) {
    const std::lock_guard lock(mutex_);
    code_ = code;
  }

 private:
  static int open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* out) {
    const int code = real_->xOpen(real_, name, file, flags, out);
    if (code != SQLITE_OK || (flags & SQLITE_OPEN_WAL) == 0) return code;
    if (methods_.xSync == nullptr) {
      real_sync_ = file->pMethods->xSync;
      methods_ = *file->pMethods;
      methods_.xSync = sync;
    }
    file->pMethods = &methods_;
    return code;
  }
  static int sync(sqlite3_file* file, int flags) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [] { return !silent_; });
    const int code = std::exchange(code_, SQLITE_OK);
    lock.unlock();
    return code == SQLITE_OK ? real_sync_(file, flags) : code;
  }

  static inline sqlite3_vfs* real_ = nullptr;
  static inline int (*real_sync_)(sqlite3_file*, int) = nullptr;
  static inline sqlite3_io_methods methods_{};
  static inline std::mutex mutex_;
  static inline std::condition_variable changed_;
  static inline bool silent_ = false;
  static inline int code_ = SQLITE_OK;
  static inline sqlite3_vfs ours_{};
};

class Troubles {
 public:
  StateStore::OnTrouble hear() {
    return [this](std::string_view what) {
      const std::lock_guard lock(mutex_);
      told_ += std::string(what) + "\n";
    };
  }
  bool has_told(std::string_view what) {
    const std::lock_guard lock(mutex_);
    return told_.find(what) != std::string::npos;
  }
  std::string told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

 private:
  std::mutex mutex_;
  std::string told_;
};

std::unique_ptr<StateStore> open_at(const std::string& file, const Clock& clock, Troubles& troubles,
                                    StateLimits limits = {}) {
  auto store = StateStore::open(file, clock, troubles.hear(), std::move(limits));
  REQUIRE_MESSAGE(store.has_value(), "the store before it was left behind");
  return std::move(*store);
}

int rows_in(const std::string& file) {
  sqlite3* database = nullptr;
  sqlite3_open_v2(copy_of_state(file).c_str(), &database, SQLITE_OPEN_READWRITE, nullptr);
  sqlite3_stmt* count = nullptr;
  sqlite3_prepare_v2(database, "SELECT count(DISTINCT key) FROM log", -1, &count, nullptr);
  const int rows = sqlite3_step(count) == SQLITE_ROW ? sqlite3_column_int(count, 0) : -1;
  sqlite3_finalize(count);
  sqlite3_close(database);
  return rows;
}

}  // namespace

TEST_CASE("X10 state: a silent disk holds nobody up, and gets everything when it answers again") {
  const Disk disk;
  const TestClock clock;
  const ScratchDirectory directory;
  Troubles troubles;
  auto store = open_at(directory.file("state.db"), clock, troubles);
  CHECK(run(store->put_durable("k", "before", "v", clock.time + 1h)).has_value());
  Disk::silence(true);
  const auto first = run(store->put_durable("k", "first", "v", clock.time + 1h));
  REQUIRE_FALSE(first.has_value());
  CHECK(first.error().code == Errc::timeout);
  // The disk is known to be silent now: a hundred more would take most of a minute if they waited for it.
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i)
    CHECK_FALSE(run(store->put_durable("k", std::to_string(i), "v", clock.time + 1h)).has_value());
  CHECK(std::chrono::steady_clock::now() - began < 25s);
  CHECK(store->get("k", "99") == "v");
  while (!troubles.has_told("does not answer: held in memory")) {
    store->put("k", "more", "v", clock.time + 1h);
    std::this_thread::yield();
  }
  Disk::silence(false);
  while (!troubles.has_told("written to disk again")) {
    store->put("k", "more", "v", clock.time + 1h);
    std::this_thread::yield();
  }
  store = open_at("", clock, troubles);
  store = open_at(directory.file("state.db"), clock, troubles);
  for (const char* key : {"before", "first", "0", "99", "more"}) CHECK(store->get("k", key) == "v");
  CHECK(troubles.told().find("held in memory") == troubles.told().rfind("held in memory"));
}

TEST_CASE("state: a flush says yes only when everything is on disk") {
  const Disk disk;
  const TestClock clock;
  const ScratchDirectory directory;
  Troubles troubles;
  constexpr int kMany = static_cast<int>(StateJournal::kMaxPending) + 5000;
  StateLimits limits;
  limits.flush = 600'000ms;
  auto store = std::move(*StateStore::open(directory.file("state.db"), clock, troubles.hear(), limits));
  CHECK(store->flush());
  Disk::silence(true);
  CHECK_FALSE(run(store->put_durable("greylist", "first", "v", clock.time + 1h)));
  for (int i = 0; i < kMany; ++i) store->put("greylist", std::to_string(i), "v", clock.time + 1h);
  Disk::silence(false);
  // What the journal had no room for is none of the batch that is waited for.
  while (!store->flush()) std::this_thread::yield();
  CHECK(rows_in(directory.file("state.db")) == kMany + 1);
}

TEST_CASE("state: a flush does not wait for ever for a silent disk") {
  const Disk disk;
  const TestClock clock;
  const ScratchDirectory directory;
  Troubles troubles;
  StateLimits limits;
  limits.flush = 50ms;
  auto store = std::move(*StateStore::open(directory.file("state.db"), clock, troubles.hear(), limits));
  Disk::silence(true);
  store->put("k", "a", "v", clock.time + 1h);
  const auto flushed = store->flush();
  REQUIRE_FALSE(flushed);
  CHECK(flushed.error().code == Errc::timeout);
}

TEST_CASE("X10 state: what a silent disk has no room for is collected later") {
  const Disk disk;
  const TestClock clock;
  const ScratchDirectory directory;
  Troubles troubles;
  constexpr int kMany = static_cast<int>(StateJournal::kMaxPending) + 5000;
  auto store = open_at(directory.file("state.db"), clock, troubles);
  store->put("greylist", "erased", "v", clock.time + 1h);
  (void)store->flush();
  Disk::silence(true);
  CHECK_FALSE(run(store->put_durable("greylist", "first", "v", clock.time + 1h)).has_value());
  for (int i = 0; i < kMany; ++i) store->put("greylist", std::to_string(i), "v", clock.time + 1h);
  store->erase("greylist", "erased");
  CHECK(store->figures().unwritten <= StateJournal::kMaxPending + 2);
  Disk::silence(false);
  store = open_at("", clock, troubles);
  store = open_at(directory.file("state.db"), clock, troubles);
  while (!store->is_complete("greylist")) std::this_thread::yield();
  CHECK(store->count("greylist") == kMany + 1);
  CHECK(store->get("greylist", "erased") == std::nullopt);
  CHECK(troubles.has_told("does not keep up"));
}

TEST_CASE("X10 state: the end does not wait for ever for a silent disk") {
  const Disk disk;
  const TestClock clock;
  const ScratchDirectory directory;
  Troubles troubles;
  StateLimits limits;
  limits.farewell = 100ms;
  auto store = open_at(directory.file("state.db"), clock, troubles, limits);
  Disk::silence(true);
  store->put("k", "a", "v", clock.time + 1h);
  store.reset();
  CHECK(troubles.has_told("what was not written yet is lost"));
}

TEST_CASE("X10 state: a writer that was left behind touches nothing that is gone") {
  const Disk disk;
  const ScratchDirectory directory;
  StateLimits limits;
  limits.farewell = 100ms;
  for (const int answer : {SQLITE_OK, SQLITE_FULL, SQLITE_CORRUPT}) {
    auto clock = std::make_unique<TestClock>();
    auto troubles = std::make_unique<Troubles>();
    auto store = open_at(directory.file("state.db"), *clock, *troubles, limits);
    Disk::silence(true);
    store->put("k", "a", "v", clock->time + 1h);
    store.reset();
    troubles.reset();
    clock.reset();
    Disk::answer_once(answer);
    Disk::silence(false);
    Troubles none;
    while (!StateStore::open(directory.file("state.db"), TestClock(), none.hear()))
      std::this_thread::yield();
    CHECK(none.told().empty());
  }
}

TEST_CASE("state: what takes long says that it goes on") {
  const TestClock clock;
  const ScratchDirectory directory;
  auto file = StateFile::open(directory.file("state.db"), clock, {}, [](std::string_view) {});
  REQUIRE(file.has_value());
  int steps = 0;
  (*file)->on_step([&] { ++steps; });
  StateFile::Batch batch;
  for (int i = 0; i < 5'000; ++i) {
    const std::string key = std::to_string(i);
    batch[key] = {"k", key, "v", clock.time + 1h, false};
  }
  REQUIRE((*file)->commit(batch, {clock.time, clock.time}).has_value());
  CHECK(steps == 5);
  REQUIRE((*file)->load(StateFile::Which::rest, 10'000, [](const StateRecord&) {}).has_value());
  CHECK(steps == 10);
}
