// The state against a hostile disk: kill -9, damage, a full or unusable file system, a second instance.
#include <doctest/doctest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <functional>
#include <mutex>
#include <vector>

#include "base/store/file_mark.h"
#include "base/store/state_file.h"
#include "base/store/state_store.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::store;
using namespace std::chrono_literals;

namespace {

class Troubles {
 public:
  StateStore::OnTrouble hear() {
    return [this](std::string_view what) {
      const std::lock_guard lock(mutex_);
      told_ += what;
      told_ += '\n';
    };
  }
  std::string told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

 private:
  std::mutex mutex_;
  std::string told_;
};

constexpr int kRecords = 60;

std::string key(int i) { return "key-" + std::to_string(i); }
std::string value(int i) { return std::string(100, static_cast<char>('a' + i % 26)) + std::to_string(i); }

void fill(const std::string& file, const Clock& clock) {
  Troubles troubles;
  const auto store = StateStore::open(file, clock, troubles.hear());
  REQUIRE(store.has_value());
  for (int i = 0; i < kRecords; ++i) (*store)->put("k", key(i), value(i), clock.wall() + 1h);
}

// Opens what is there, and demands that it works: every answer is the right one or none, and new
// records are kept. Returns how many old ones were still known.
int survive(const std::string& file, const Clock& clock, Troubles& troubles) {
  const auto store = StateStore::open(file, clock, troubles.hear());
  REQUIRE(store.has_value());
  int known = 0;
  for (int i = 0; i < kRecords; ++i) {
    const auto got = (*store)->get("k", key(i));
    if (got) CHECK(*got == value(i));
    known += got ? 1 : 0;
  }
  CHECK(run((*store)->put_durable("k", "new", "v", clock.wall() + 1h)).has_value());
  return known;
}

bool has_set_aside(const ScratchDirectory& directory) {
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    if (entry.path().filename().string().starts_with("state.db.corrupt-")) return true;
  }
  return false;
}

// While it lives no file of this process can grow beyond `octets`; the signal of that is ignored.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t octets) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{octets, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace

TEST_CASE("state: put_durable holds against kill -9") {
  const TestClock clock;
  const ScratchDirectory directory;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    Troubles troubles;
    const auto store = StateStore::open(directory.file("state.db"), clock, troubles.hear());
    for (int i = 0; i < 3; ++i) {
      if (!run((*store)->put_durable("delivered", key(i), value(i), clock.time + 1h))) ::_exit(1);
    }
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  Troubles troubles;
  const auto store = StateStore::open(directory.file("state.db"), clock, troubles.hear());
  REQUIRE(store.has_value());
  for (int i = 0; i < 3; ++i) CHECK((*store)->get("delivered", key(i)) == value(i));
  CHECK(troubles.told().empty());
}

TEST_CASE("state: a second instance is refused, the first unharmed (X13)") {
  const TestClock clock;
  const ScratchDirectory directory;
  Troubles troubles;
  auto first = StateStore::open(directory.file("state.db"), clock, troubles.hear());
  REQUIRE(first.has_value());
  const auto second = StateStore::open(directory.file("state.db"), clock, troubles.hear());
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == Errc::refused);
  const std::string expected = "in use by another instance (pid " + std::to_string(::getpid()) + ")";
  CHECK(second.error().detail.find(expected) != std::string::npos);
  CHECK(run((*first)->put_durable("k", "a", "v", clock.time + 1h)).has_value());
  first->reset();
  CHECK(StateStore::open(directory.file("state.db"), clock, troubles.hear()).has_value());
  CHECK(troubles.told().empty());
}

TEST_CASE("state: flipped bits never give a wrong answer (X10)") {
  const TestClock clock;
  const ScratchDirectory source;
  fill(source.file("state.db"), clock);
  const std::string sound = read_file(source.file("state.db"));
  REQUIRE(sound.size() > 8192);
  int set_aside = 0;
  for (std::size_t at = 0; at < sound.size(); at += at < 128 ? 9 : 397) {
    CAPTURE(at);
    const ScratchDirectory directory;
    std::string damaged = sound;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    write_file(directory.file("state.db"), damaged);
    Troubles troubles;
    survive(directory.file("state.db"), clock, troubles);
    set_aside += has_set_aside(directory) ? 1 : 0;
    CHECK(has_set_aside(directory) == (troubles.told().find("is damaged") != std::string::npos));
  }
  CHECK(set_aside > 10);
}

TEST_CASE("state: a flipped bit inside a value is noticed") {
  const TestClock clock;
  const ScratchDirectory directory;
  fill(directory.file("state.db"), clock);
  std::string content = read_file(directory.file("state.db"));
  const auto at = content.find(value(7));
  REQUIRE(at != std::string::npos);
  content[at + 3] = static_cast<char>(content[at + 3] ^ 1);
  write_file(directory.file("state.db"), content);
  Troubles troubles;
  const int known = survive(directory.file("state.db"), clock, troubles);
  CHECK(known < kRecords);
  CHECK(has_set_aside(directory));
  // What was sound before the damage was reached went into the new file.
  Troubles none;
  CHECK(survive(directory.file("state.db"), clock, none) == known);
  CHECK(none.told().empty());
}

TEST_CASE("state: truncated, empty, foreign and garbage files (X10)") {
  const TestClock clock;
  const ScratchDirectory source;
  fill(source.file("state.db"), clock);
  const std::string sound = read_file(source.file("state.db"));
  const std::vector<std::string> contents = {sound.substr(0, 100),
                                             sound.substr(0, 4096),
                                             sound.substr(0, sound.size() / 2 + 13),
                                             sound.substr(0, sound.size() - 1),
                                             std::string(sound.size(), '\0'),
                                             std::string(20000, 'x'),
                                             "state.db is not here\n"};
  for (const std::string& content : contents) {
    CAPTURE(content.size());
    const ScratchDirectory directory;
    write_file(directory.file("state.db"), content);
    Troubles troubles;
    CHECK(survive(directory.file("state.db"), clock, troubles) < kRecords);
    CHECK(has_set_aside(directory));
    CHECK(troubles.told().find("a new one is begun") != std::string::npos);
  }
}

TEST_CASE("state: a file without a page is one that lost what it held") {
  const TestClock clock;
  for (const auto& [content, why] : {std::pair("", "(it is empty)"), std::pair("S", "(it is cut off)")}) {
    const ScratchDirectory directory;
    fill(directory.file("state.db"), clock);
    write_file(directory.file("state.db"), content);
    Troubles troubles;
    CHECK(StateFile::open(directory.file("state.db"), clock, {}, troubles.hear()).has_value());
    CHECK(has_set_aside(directory));
    CHECK(troubles.told().find(why) != std::string::npos);
    CHECK(troubles.told().find("a new one is begun") != std::string::npos);
    Troubles none;
    CHECK(survive(directory.file("state.db"), clock, none) == 0);
    CHECK(none.told().empty());
  }
}

TEST_CASE("state: a file from which everything was taken out in turn has lost nothing") {
  const TestClock clock;
  const ScratchDirectory directory;
  fill(directory.file("state.db"), clock);
  Troubles none;
  {
    const auto file = StateFile::open(directory.file("state.db"), clock, {}, none.hear());
    REQUIRE(file.has_value());
    const auto is_held = [](const StateRecord&) { return false; };
    REQUIRE((*file)->shorten(2 * kRecords, is_held).has_value());
  }
  CHECK(StateFile::open(directory.file("state.db"), clock, {}, none.hear()).has_value());
  CHECK(none.told().empty());
}

TEST_CASE("state: a file that is gone is told of, unless all of it is gone") {
  const TestClock clock;
  const ScratchDirectory directory;
  fill(directory.file("state.db"), clock);
  std::filesystem::remove(directory.file("state.db"));
  Troubles troubles;
  CHECK(survive(directory.file("state.db"), clock, troubles) == 0);
  CHECK(troubles.told().find("is gone: a new one is begun") != std::string::npos);
  std::filesystem::remove(directory.file("state.db"));
  std::filesystem::remove(directory.file("state.db.lock"));
  Troubles none;
  CHECK(survive(directory.file("state.db"), clock, none) == 0);
  CHECK(none.told().empty());
  CHECK_FALSE(has_set_aside(directory));
}

TEST_CASE("state: a file without its write-ahead log is told of, and the log without its file set aside") {
  const TestClock clock;
  const ScratchDirectory source;
  fill(source.file("state.db"), clock);
  const auto copy = [&](const ScratchDirectory& to, const char* end) {
    write_file(to.file("state.db") + end, read_file(source.file("state.db") + end));
  };
  const ScratchDirectory all, without_log, without_file;
  {
    Troubles troubles;
    const auto store = StateStore::open(source.file("state.db"), clock, troubles.hear());
    REQUIRE(store.has_value());
    CHECK(run((*store)->put_durable("k", "in the log", "v", clock.time + 1h)).has_value());
    for (const char* end : {"", "-wal", ".lock"}) copy(all, end);
    for (const char* end : {"", ".lock"}) copy(without_log, end);
    for (const char* end : {"-wal", ".lock"}) copy(without_file, end);
  }
  Troubles none, lost, gone;
  CHECK(survive(all.file("state.db"), clock, none) == kRecords);
  CHECK(none.told().empty());
  CHECK(survive(without_log.file("state.db"), clock, lost) == kRecords);
  CHECK(lost.told().find("has lost what was written to it last") != std::string::npos);
  CHECK_FALSE(has_set_aside(without_log));
  CHECK(survive(without_file.file("state.db"), clock, gone) == 0);
  CHECK(gone.told().find("(it is gone, and its write-ahead log is not)") != std::string::npos);
  CHECK(gone.told().find("a new one is begun") != std::string::npos);
  CHECK(has_set_aside(without_file));
  for (const ScratchDirectory* directory : {&without_log, &without_file}) {
    Troubles no_more;
    survive(directory->file("state.db"), clock, no_more);
    CHECK(no_more.told().empty());
  }
}

TEST_CASE("state: a file of another version is set aside") {
  const TestClock clock;
  const ScratchDirectory directory;
  fill(directory.file("state.db"), clock);
  sqlite3* raw = nullptr;
  REQUIRE(sqlite3_open(directory.file("state.db").c_str(), &raw) == SQLITE_OK);
  CHECK(sqlite3_exec(raw, "PRAGMA user_version = 99", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(raw);
  Troubles troubles;
  CHECK(survive(directory.file("state.db"), clock, troubles) == 0);
  CHECK(troubles.told().find("version is 99") != std::string::npos);
}

TEST_CASE("state: damage while running costs nothing that memory holds") {
  const TestClock clock;
  const ScratchDirectory directory;
  fill(directory.file("state.db"), clock);
  Troubles troubles;
  {
    sqlite3* raw = nullptr;  // there before the gateway, which would keep it out
    REQUIRE(sqlite3_open(directory.file("state.db").c_str(), &raw) == SQLITE_OK);
    CHECK(sqlite3_exec(raw, "SELECT count(*) FROM log", nullptr, nullptr, nullptr) == SQLITE_OK);
    const auto store = StateStore::open(directory.file("state.db"), clock, troubles.hear());
    REQUIRE(store.has_value());
    CHECK(run((*store)->put_durable("k", "before", "v", clock.time + 1h)).has_value());
    CHECK(sqlite3_exec(raw, "DROP TABLE log", nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(raw);
    CHECK(run((*store)->put_durable("k", "after", "v", clock.time + 1h)).has_value());
  }
  CHECK(has_set_aside(directory));
  const auto store = StateStore::open(directory.file("state.db"), clock, troubles.hear());
  REQUIRE(store.has_value());
  CHECK((*store)->get("k", "before") == "v");
  CHECK((*store)->get("k", "after") == "v");
}

TEST_CASE("state: locked by another program for a while (X10)") {
  const TestClock clock;
  const ScratchDirectory directory;
  fill(directory.file("state.db"), clock);
  sqlite3* raw = nullptr;
  REQUIRE(sqlite3_open(directory.file("state.db").c_str(), &raw) == SQLITE_OK);
  CHECK(sqlite3_exec(raw, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
  Troubles troubles;
  auto store = StateStore::open(directory.file("state.db"), clock, troubles.hear());
  REQUIRE(store.has_value());
  CHECK((*store)->get("k", key(1)) == value(1));
  CHECK_FALSE(run((*store)->put_durable("k", "a", "v", clock.time + 1h)).has_value());
  CHECK(sqlite3_exec(raw, "COMMIT", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(raw);
  CHECK(run((*store)->put_durable("k", "b", "v", clock.time + 1h)).has_value());
  store->reset();
  store = StateStore::open(directory.file("state.db"), clock, troubles.hear());
  CHECK((*store)->get("k", "a") == "v");
  CHECK((*store)->get("k", "b") == "v");
  CHECK_FALSE(has_set_aside(directory));
}

TEST_CASE("state: a path counts as another's only where that is certain") {
  const ScratchDirectory directory;
  const std::string file = directory.file("a"), moved = directory.file("b");
  write_file(file, "");
  const FileMark mark = FileMark::at(file);
  CHECK_FALSE(mark.has_left(file));
  write_file(file, "it grows");
  CHECK_FALSE(mark.has_left(file));
  CHECK_FALSE(mark.has_left(directory.file(std::string(1'000, 'x'))));  // ENAMETOOLONG
  std::filesystem::rename(file, moved);
  CHECK(mark.has_left(file));
  CHECK_FALSE(mark.has_left(moved));
  write_file(file, "");
  CHECK(mark.has_left(file));
}

TEST_CASE("state: nothing is mapped that somebody could cut (X10)") {
  const TestClock clock;
  const ScratchDirectory directory;
  Troubles troubles;
  const auto store = StateStore::open(directory.file("state.db"), clock, troubles.hear());
  REQUIRE(store.has_value());
  CHECK(run((*store)->put_durable("k", "a", "v", clock.time + 1h)).has_value());
  CHECK(std::filesystem::exists(directory.file("state.db-wal")));
  CHECK_FALSE(std::filesystem::exists(directory.file("state.db-shm")));
}

TEST_CASE("state: a lock that was removed is there again with the next commit (X13)") {
  const TestClock clock;
  const ScratchDirectory directory;
  Troubles troubles;
  const auto store = StateStore::open(directory.file("state.db"), clock, troubles.hear());
  REQUIRE(store.has_value());
  std::filesystem::remove(directory.file("state.db.lock"));
  CHECK(run((*store)->put_durable("k", "a", "v", clock.time + 1h)).has_value());
  const auto second = StateStore::open(directory.file("state.db"), clock, troubles.hear());
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == Errc::refused);
}

TEST_CASE("state: without its lock, the file itself keeps a second instance out (X13)") {
  const TestClock clock;
  const ScratchDirectory directory;
  Troubles troubles;
  std::array<int, 2> ready{};
  REQUIRE(::pipe(ready.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto store = StateStore::open(directory.file("state.db"), clock, troubles.hear());
    if (!store) ::_exit(1);
    std::filesystem::remove(directory.file("state.db.lock"));
    (void)::write(ready[1], "r", 1);
    for (;;) ::pause();
  }
  ::close(ready[1]);
  char octet = 0;
  REQUIRE(::read(ready[0], &octet, 1) == 1);
  ::close(ready[0]);
  const auto second = StateStore::open(directory.file("state.db"), clock, troubles.hear());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == Errc::refused);
  CHECK(second.error().detail.find("instance (pid " + std::to_string(child) + ")") != std::string::npos);
  CHECK(StateStore::open(directory.file("state.db"), clock, troubles.hear()).has_value());
}

TEST_CASE("state: a file that is taken away while in use is written anew, and told of (X10)") {
  const TestClock clock;
  const auto remove = [](const std::string& path) { std::filesystem::remove(path); };
  const auto rename = [](const std::string& path) { std::filesystem::rename(path, path + ".moved"); };
  const auto cut = [](const std::string& path) { std::filesystem::resize_file(path, 0); };
  const std::vector<std::function<void(const std::string&)>> ways = {
      [&](const std::string& file) { remove(file); },
      [&](const std::string& file) { remove(file + "-wal"); },
      [&](const std::string& file) { remove(file), remove(file + "-wal"); },
      [&](const std::string& file) { rename(file); },
      [&](const std::string& file) { cut(file); },
  };
  for (const auto& way : ways) {
    CAPTURE(&way - ways.data());
    const ScratchDirectory directory;
    const std::string file = directory.file("state.db");
    Troubles troubles;
    {
      const auto store = StateStore::open(file, clock, troubles.hear());
      REQUIRE(store.has_value());
      CHECK(run((*store)->put_durable("k", "before", "v", clock.time + 1h)).has_value());
      CHECK(troubles.told().empty());
      way(file);
      CHECK(run((*store)->put_durable("k", "after", "v", clock.time + 1h)).has_value());
    }
    CHECK(troubles.told().find("while in use") != std::string::npos);
    const auto store = StateStore::open(file, clock, troubles.hear());
    REQUIRE(store.has_value());
    CHECK((*store)->get("k", "before") == "v");
    CHECK((*store)->get("k", "after") == "v");
  }
}

TEST_CASE("state: without a usable path memory goes on and put_durable says so (X10)") {
  const TestClock clock;
  const ScratchDirectory directory;
  write_file(directory.file("plain"), "");
  std::filesystem::create_directory(directory.file("folder"));
  for (const std::string& path : {directory.file("missing/state.db"), directory.file("plain/state.db"),
                                  directory.file("folder"), std::string("/proc/sallyport.db")}) {
    CAPTURE(path);
    Troubles troubles;
    const auto store = StateStore::open(path, clock, troubles.hear());
    REQUIRE(store.has_value());
    CHECK(troubles.told().find("held in memory only") != std::string::npos);
    CHECK(troubles.told().find(path) != std::string::npos);
    const auto stored = run((*store)->put_durable("k", "a", "v", clock.time + 1h));
    REQUIRE_FALSE(stored.has_value());
    CHECK(stored.error().code == Errc::io);
    CHECK((*store)->get("k", "a") == "v");
    CHECK_FALSE((*store)->is_complete("greylist"));
    CHECK((*store)->is_complete("k"));
  }
}

TEST_CASE("state: a full disk is told once, and everything is written when there is room again") {
  const TestClock clock;
  const ScratchDirectory directory;
  Troubles troubles;
  {
    const auto store = StateStore::open(directory.file("state.db"), clock, troubles.hear());
    REQUIRE(store.has_value());
    {
      const FileSizeLimit full(4096);
      CHECK_FALSE(run((*store)->put_durable("k", "a", value(1), clock.time + 1h)).has_value());
      CHECK_FALSE(run((*store)->put_durable("k", "b", value(2), clock.time + 1h)).has_value());
      CHECK((*store)->get("k", "a") == value(1));
    }
    CHECK(run((*store)->put_durable("k", "c", value(3), clock.time + 1h)).has_value());
  }
  const std::string told = troubles.told();
  CHECK(told.find("cannot be written") == told.rfind("cannot be written"));
  CHECK(told.find("written to disk again") != std::string::npos);
  const auto store = StateStore::open(directory.file("state.db"), clock, troubles.hear());
  REQUIRE(store.has_value());
  CHECK((*store)->get("k", "a") == value(1));
  CHECK((*store)->get("k", "b") == value(2));
  CHECK((*store)->get("k", "c") == value(3));
}
