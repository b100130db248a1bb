#include <doctest/doctest.h>
#include <sqlite3.h>

#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "base/store/state_store.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::store;
using namespace std::chrono_literals;

namespace {

struct Troubles {
  std::vector<std::string> told;
  StateStore::OnTrouble hear() {
    return [this](std::string_view what) { told.emplace_back(what); };
  }
};

std::unique_ptr<StateStore> open(const std::string& file, const Clock& clock, Troubles& troubles,
                                 StateLimits limits = {}) {
  auto store = StateStore::open(file, clock, troubles.hear(), std::move(limits));
  REQUIRE(store.has_value());
  return std::move(*store);
}

std::int64_t checksum_of(std::string_view kind, std::string_view key, std::string_view value,
                         std::int64_t expires) {
  std::uint64_t sum = 0xcbf29ce484222325;
  const auto octet = [&](std::uint64_t bits) { sum = (sum ^ (bits & 0xff)) * 0x100000001b3; };
  const auto number = [&](std::uint64_t bits) {
    for (int shift = 0; shift < 64; shift += 8) octet(bits >> shift);
  };
  for (const std::string_view part : {kind, key, value}) {
    number(part.size());
    for (const char c : part) octet(static_cast<unsigned char>(c));
  }
  number(static_cast<std::uint64_t>(expires));
  return static_cast<std::int64_t>(sum);
}

}  // namespace

TEST_CASE("state: kinds are apart, the last put counts, erase removes") {
  const TestClock clock;
  Troubles troubles;
  const auto store = open("", clock, troubles);
  const WallTime later = clock.time + 1h;
  store->put("recipient", "a@x", "found", later);
  store->put("refused", "a@x", "550", later);
  store->put("recipient", "a@x", "gone", later);
  CHECK(store->get("recipient", "a@x") == "gone");
  CHECK(store->get("refused", "a@x") == "550");
  CHECK(store->get("recipient", "b@x") == std::nullopt);
  CHECK(store->get("nothing", "a@x") == std::nullopt);
  CHECK(store->count("recipient") == 1);
  store->erase("recipient", "a@x");
  store->erase("recipient", "never there");
  CHECK(store->get("recipient", "a@x") == std::nullopt);
  CHECK(store->count("recipient") == 0);
  CHECK(store->get("refused", "a@x") == "550");
}

TEST_CASE("state: memory only by choice is no trouble") {
  const TestClock clock;
  Troubles troubles;
  const auto store = open("", clock, troubles);
  CHECK(run(store->put_durable("k", "a", "v", clock.time + 1h)).has_value());
  CHECK(store->get("k", "a") == "v");
  CHECK(store->flush());
  CHECK(troubles.told.empty());
}

TEST_CASE("state: a record ends at its expiry, not before") {
  TestClock clock;
  Troubles troubles;
  const auto store = open("", clock, troubles);
  store->put("k", "a", "v", clock.time + 10min);
  clock.time += 10min - 1ms;
  CHECK(store->get("k", "a") == "v");
  clock.time += 1ms;
  CHECK(store->get("k", "a") == std::nullopt);
}

TEST_CASE("state: expired records are swept out as others come") {
  TestClock clock;
  Troubles troubles;
  const auto store = open("", clock, troubles);
  for (int i = 0; i < 5000; ++i) store->put("k", "old" + std::to_string(i), "v", clock.time + 1min);
  clock.time += 2min;
  for (int i = 0; i < 6000; ++i) store->put("k", "new" + std::to_string(i), "v", clock.time + 1h);
  CHECK(store->count("k") < 7000);
}

TEST_CASE("state: bounded for each kind, the ones put longest ago go") {
  const TestClock clock;
  Troubles troubles;
  const ScratchDirectory directory;
  {
    const auto store = open(directory.file("state.db"), clock, troubles, {.usual = 160, .of = {}});
    store->put("other", "kept", "v", clock.time + 1h);
    for (int i = 0; i < 2000; ++i) store->put("k", std::to_string(i), "v", clock.time + 1h);
    CHECK(store->count("k") <= 160);
    CHECK(store->count("k") >= 100);
    CHECK(store->get("k", "1999") == "v");
    CHECK(store->get("k", "0") == std::nullopt);
    CHECK(store->get("other", "kept") == "v");
  }
  const auto store = open(directory.file("state.db"), clock, troubles, {.usual = 160, .of = {}});
  CHECK(store->count("k") <= 160);
  CHECK(store->get("other", "kept") == "v");
}

TEST_CASE("state: a record that is put again is young again") {
  const TestClock clock;
  Troubles troubles;
  const auto store = open("", clock, troubles, {.usual = 160, .of = {}});
  for (int i = 0; i < 2000; ++i) {
    store->put("k", std::to_string(i), "v", clock.time + 1h);
    store->put("k", "evergreen", std::to_string(i), clock.time + 1h);
  }
  CHECK(store->get("k", "evergreen") == "1999");
}

TEST_CASE("state: survives the process, expired records do not") {
  TestClock clock;
  Troubles troubles;
  const ScratchDirectory directory;
  const std::string binary("\0\xff'\"\r\n", 6);
  {
    const auto store = open(directory.file("state.db"), clock, troubles);
    store->put("k", "short", "v", clock.time + 1min);
    store->put("k", "gone", "v", clock.time + 1h);
    store->put("k", binary, binary, clock.time + 1h);
    store->put("k", "empty", "", clock.time + 1h);
    (void)store->flush();
    store->put("k", "late", "behind the flush", clock.time + 1h);
    store->erase("k", "gone");
  }
  clock.time += 2min;
  const auto store = open(directory.file("state.db"), clock, troubles);
  CHECK(store->get("k", "short") == std::nullopt);
  CHECK(store->get("k", "gone") == std::nullopt);
  CHECK(store->get("k", binary) == binary);
  CHECK(store->get("k", "empty") == "");
  CHECK(store->get("k", "late") == "behind the flush");
  CHECK(store->count("k") == 3);
  CHECK(troubles.told.empty());
}

TEST_CASE("state: files are for our eyes only") {
  const TestClock clock;
  Troubles troubles;
  const ScratchDirectory directory;
  const auto store = open(directory.file("state.db"), clock, troubles);
  CHECK(run(store->put_durable("k", "a", "v", clock.time + 1h)).has_value());
  using std::filesystem::perms;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    CAPTURE(entry.path().string());
    CHECK((entry.status().permissions() & (perms::group_all | perms::others_all)) == perms::none);
  }
}

TEST_CASE("state: update reads and writes in one step") {
  TestClock clock;
  Troubles troubles;
  const ScratchDirectory directory;
  auto store = open(directory.file("state.db"), clock, troubles);
  const auto add = [&](StateEntry& entry) {
    entry.value += entry.known ? "+" : "1";
    entry.expires = store->now() + 1min;
    return true;
  };
  store->update("rate", "a", add);
  store->update("rate", "a", add);
  store->update("rate", "a", [](StateEntry& entry) {
    entry.value = "not kept";
    return false;
  });
  CHECK(store->get("rate", "a") == "1+");
  store = nullptr;
  store = open(directory.file("state.db"), clock, troubles);
  CHECK(store->get("rate", "a") == "1+");
  clock.time += 1min;  // expired is unknown
  store->update("rate", "a", add);
  CHECK(store->get("rate", "a") == "1");
  store->update("rate", "a", [](StateEntry& entry) {
    entry.expires = {};
    return true;
  });
  CHECK(store->count("rate") == 0);
}

TEST_CASE("state: update by many threads loses nothing") {
  const TestClock clock;
  Troubles troubles;
  const auto store = open("", clock, troubles);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&store] {
        for (int i = 0; i < 500; ++i) {
          store->update("rate", "shared", [&](StateEntry& entry) {
            entry.value += 'x';
            entry.expires = store->now() + 1h;
            return true;
          });
        }
      });
    }
  }
  CHECK(store->get("rate", "shared")->size() == 2000);
}

TEST_CASE("state: scan shows every record of a kind once") {
  TestClock clock;
  Troubles troubles;
  const auto store = open("", clock, troubles);
  store->put("other", "a", "v", clock.time + 1h);
  store->put("k", "expired", "v", clock.time + 1ms);
  clock.time += 1s;
  std::set<std::string> expected;
  for (int i = 0; i < 1000; ++i) {
    store->put("k", std::to_string(i), "v" + std::to_string(i), clock.time + 1h);
    expected.insert(std::to_string(i));
  }
  std::set<std::string> seen;
  store->scan("k", [&](std::string_view key, std::string_view value, WallTime expires) {
    CHECK(seen.emplace(key).second);
    CHECK(value == "v" + std::string(key));
    CHECK(expires == clock.time + 1h);
    store->erase("k", key);  // no lock is held
    return true;
  });
  CHECK(seen == expected);
  CHECK(store->get("k", "7") == std::nullopt);
  store->put("k", "a", "v", clock.time + 1h);
  store->put("k", "b", "v", clock.time + 1h);
  int visits = 0;
  store->scan("k", [&](std::string_view, std::string_view, WallTime) { return ++visits < 1; });
  CHECK(visits == 1);
}

TEST_CASE("state: limits are those of the kind") {
  const TestClock clock;
  Troubles troubles;
  const auto store = open("", clock, troubles, {.usual = 10, .of = {{"large", 1000}, {"one", 1}}});
  for (int i = 0; i < 2000; ++i) {
    for (const char* kind : {"large", "small", "one"})
      store->put(kind, std::to_string(i), "v", clock.time + 1h);
  }
  CHECK(store->count("large") == 1000);
  CHECK(store->count("small") == 10);
  CHECK(store->count("one") == 1);
  for (const char* kind : {"large", "small", "one"}) CHECK(store->get(kind, "1999") == "v");
}

TEST_CASE("state: records of every size, changed and erased at random, are as a map has them") {
  const TestClock clock;
  Troubles troubles;
  const auto store = open("", clock, troubles);
  std::map<std::string, std::string> expected;
  std::mt19937 random(7);  // NOLINT: the same in every run
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = std::string(random() % 40, 'k') + std::to_string(random() % 300);
    if (random() % 3 == 0) {
      store->erase("k", key);
      expected.erase(key);
    } else {
      const std::string value(random() % 50, static_cast<char>('a' + random() % 26));
      store->put("k", key, value, clock.time + 1h);
      expected[key] = value;
    }
  }
  CHECK(store->count("k") == expected.size());
  for (const auto& [key, value] : expected) CHECK(store->get("k", key) == value);
  store->put("k", "largest", std::string(16'000, 'x'), WallTime::max());
  CHECK(store->get("k", "largest")->size() == 16'000);
  store->put("k", "too large", std::string(20'000, 'x'), clock.time + 1h);
  CHECK(store->get("k", "too large") == std::nullopt);
}

TEST_CASE("state: a large kind is read behind the start, and what is newer stays") {
  const TestClock clock;
  Troubles troubles;
  const ScratchDirectory directory;
  const StateLimits limits{.usual = 1000, .of = {{"large", 100'000}}, .read_at_start = 0ms};
  {
    const auto store = open(directory.file("state.db"), clock, troubles, limits);
    for (int i = 0; i < 11'000; ++i) store->put("large", std::to_string(i), "old", clock.time + 1h);
    store->put("small", "a", "v", clock.time + 1h);
    (void)store->flush();
    store->put("large", "5", "newest", clock.time + 1h);
    store->erase("large", "6");
    store->put("large", "7", "short", clock.time + 1ms);
  }
  TestClock later;
  later.time += 1s;
  const auto store = open(directory.file("state.db"), later, troubles, limits);
  CHECK(store->get("small", "a") == "v");
  CHECK(store->is_complete("small"));
  store->put("large", "8", "now", later.time + 1h);
  store->erase("large", "9");
  while (!store->is_complete("large")) std::this_thread::yield();
  CHECK(store->get("large", "4") == "old");
  CHECK(store->get("large", "5") == "newest");
  CHECK(store->get("large", "6") == std::nullopt);
  CHECK(store->get("large", "7") == std::nullopt);
  CHECK(store->get("large", "8") == "now");
  CHECK(store->get("large", "9") == std::nullopt);
  CHECK(troubles.told.empty());
}

TEST_CASE("state: the file does not grow with what is renewed") {
  const TestClock clock;
  Troubles troubles;
  const ScratchDirectory directory;
  const auto fill = [&](int times) {
    auto store = open(directory.file("state.db"), clock, troubles);
    for (int time = 0; time < times; ++time) {
      for (int i = 0; i < 3000; ++i)
        store->put("k", std::to_string(i), std::to_string(time), clock.time + 1h);
      (void)store->flush();
    }
    store.reset();
    return std::filesystem::file_size(directory.file("state.db"));
  };
  const auto after_some = fill(6);
  const auto after_many = fill(20);
  CHECK(after_many < 2 * after_some);
  const auto store = open(directory.file("state.db"), clock, troubles);
  CHECK(store->count("k") == 3000);
  CHECK(store->get("k", "2999") == "19");
}

TEST_CASE("state: a file of version 1 is taken over") {
  const TestClock clock;
  Troubles troubles;
  const ScratchDirectory directory;
  sqlite3* raw = nullptr;
  REQUIRE(sqlite3_open(directory.file("state.db").c_str(), &raw) == SQLITE_OK);
  // The checksum is that of FNV-1a over the parts with their lengths, and of the time.
  const char* sql =
      "PRAGMA journal_mode = WAL; CREATE TABLE record (id INTEGER PRIMARY KEY, kind BLOB NOT NULL, "
      "key BLOB NOT NULL, value BLOB NOT NULL, expires INTEGER NOT NULL, checksum INTEGER NOT NULL, "
      "UNIQUE (kind, key)); PRAGMA application_id = 0x53414c50; PRAGMA user_version = 1;"
      "INSERT INTO record VALUES (7, x'6b', x'61', x'76', 1795999999999, CHECKSUM);";
  std::string text = sql;
  text.replace(text.find("CHECKSUM"), 8, std::to_string(checksum_of("k", "a", "v", 1795999999999)));
  CHECK(sqlite3_exec(raw, text.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(raw);
  for (int time = 0; time < 2; ++time) {
    const auto store = open(directory.file("state.db"), clock, troubles);
    CHECK(store->get("k", "a") == "v");
    store->put("k", "b", "v", clock.time + 1h);
  }
  CHECK(troubles.told.empty());
}

TEST_CASE("state: many threads") {
  const TestClock clock;
  Troubles troubles;
  const ScratchDirectory directory;
  {
    const auto store = open(directory.file("state.db"), clock, troubles);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&store, &clock, t] {
        for (int i = 0; i < 500; ++i) {
          const std::string key = std::to_string(t) + "/" + std::to_string(i);
          store->put("k", key, key, clock.time + 1h);
          store->put("k", "shared", key, clock.time + 1h);
          store->get("k", "shared");
          if (i % 7 == 0) store->erase("k", key);
        }
      });
    }
  }
  const auto store = open(directory.file("state.db"), clock, troubles);
  CHECK(store->count("k") == 4 * (500 - 72) + 1);
  CHECK(store->get("k", "3/499") == "3/499");
}
