#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <random>

#include "base/id.h"
#include "base/json_view.h"
#include "base/store/event_files.h"
#include "base/store/event_log.h"
#include "base/store/event_reader.h"
#include "base/store/event_segment.h"
#include "base/store/event_store.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::store;
using namespace std::chrono_literals;

namespace {

constexpr Duration kPatience = 30s;
const std::string kId = "0nbzexcc9bm";

// A store of its own for each test, by a clock that stands.
struct Scene {
  ScratchDirectory scratch;
  TestClock clock;
  std::string directory = scratch.file("events");
  EventStoreSettings settings{.directory = directory};

  void write(std::initializer_list<std::string> ids) const {
    EventStore store(settings, clock);
    for (const std::string& id : ids) store.append("message", ",\"id\":\"" + id + "\"");
    REQUIRE(store.flush(kPatience));
  }
  std::string segment() const { return segments_of(directory).back().log; }
  std::size_t found(const std::string& id) const {
    return EventReader(directory).of_session(*session_number(id)).size();
  }
  std::size_t all() const {
    std::size_t count = 0;
    EventReader(directory).each_since({}, [&](std::string_view) { return ++count > 0; });
    return count;
  }
};

// The news of a store, in a queue.
struct Heard {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<EventStore::News> news;

  explicit Heard(EventStore& store) {
    store.on_news([this](const EventStore::News& one) {
      const std::lock_guard lock(mutex);
      news.push_back(one);
      changed.notify_all();
    });
  }
  EventStore::News next() {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, kPatience, [this] { return !news.empty(); }));
    EventStore::News first = std::move(news.front());
    news.pop_front();
    return first;
  }
  bool nothing() {
    const std::lock_guard lock(mutex);
    return news.empty();
  }
};

mode_t mode_of(const std::string& path) {
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

void append_to(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::app) << text;
}

}  // namespace

TEST_CASE("an id is a number that grows with time, and says when") {
  const auto number = session_number(kId);
  REQUIRE(number);
  CHECK(session_number(kId + ".12") == number);
  CHECK(session_number("0NBZEXCC9BM") == number);
  CHECK(*session_number("0nbzexcc9bn") == *number + 1);
  for (const char* none : {"", "0nbzexcc9b", "0nbzexcc9bmm", "0nbzexcc9bi", ".1", "0nbzexcc9b\n"})
    CHECK_FALSE(session_number(none));
  const TestClock clock;
  const auto began = began_at(*session_number(new_id(clock)));
  CHECK(began - clock.wall() < 1s);
  CHECK(clock.wall() - began < 1s);
}

TEST_CASE("an event is found by the id of its session, and nobody else may read it") {
  const Scene scene;
  scene.write({kId, kId + ".1", "0nbzexcc9bn.1"});
  const auto lines = EventReader(scene.directory).of_session(*session_number(kId));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "{\"time\":\"2026-11-22T16:00:00.123Z\",\"type\":\"message\",\"id\":\"" + kId + "\"}");
  CHECK(scene.found("0nbzexcc9bn") == 1);
  CHECK(scene.found("0nbzexcc9bp") == 0);
  CHECK(mode_of(scene.directory) == 0700);
  CHECK((mode_of(scene.segment()) & ~0640U) == 0);
}

TEST_CASE("what is kept is told by its first and last time") {
  Scene scene;
  CHECK_FALSE(EventReader(scene.directory).kept());
  scene.write({kId});
  scene.clock.time += 1h;
  scene.write({"0nbzexcc9bn"});
  const auto kept = EventReader(scene.directory).kept();
  REQUIRE(kept);
  CHECK(kept->events == 2);
  CHECK(kept->to - kept->from == 1h);
  std::size_t later = 0;
  EventReader(scene.directory).each_since(scene.clock.time, [&](std::string_view) { return ++later > 0; });
  CHECK(later == 1);
}

TEST_CASE("a torn last line is passed over, and the next start writes behind it") {
  const Scene scene;
  scene.write({kId});
  append_to(scene.segment(), "{\"time\":\"2026-11-22T16:00:00.123Z\",\"type\":\"mess");
  CHECK(scene.all() == 1);
  scene.write({"0nbzexcc9bn"});
  CHECK(segments_of(scene.directory).size() == 1);
  CHECK(scene.all() == 2);
  CHECK(scene.found(kId) == 1);
  CHECK(scene.found("0nbzexcc9bn") == 1);
}

TEST_CASE("an index that is missing, short, or wrong hides nothing, and is made anew at the next start") {
  const Scene scene;
  scene.write({kId, "0nbzexcc9bn", "0nbzexcc9bp"});
  const std::string index = segments_of(scene.directory).back().index;
  const std::string whole = read_file(index);
  REQUIRE(whole.size() == 16 + 3 * 16);
  std::string swapped = whole;
  std::swap_ranges(swapped.begin() + 16, swapped.begin() + 24, swapped.begin() + 32);  // two ids
  for (const std::string& content : {std::string(), whole.substr(0, 7), whole.substr(0, 40), swapped,
                                     whole.substr(0, 48) + std::string(16, '\0'), std::string(500, 'x')}) {
    write_file(index, content);
    CHECK(scene.found(kId) == 1);
    CHECK(scene.found("0nbzexcc9bp") == 1);
    CHECK(scene.all() == 3);
  }
  std::filesystem::remove(index);
  CHECK(scene.found("0nbzexcc9bp") == 1);
  scene.write({kId});
  CHECK(read_file(index).starts_with(whole));
}

TEST_CASE("garbage in a segment harms neither a reader nor the events beside it") {
  const Scene scene;
  std::minstd_rand random(7);
  for (int round = 0; round < 60; ++round) {
    std::filesystem::remove_all(scene.directory);
    scene.write({kId});
    std::string noise(random() % 4000, '\0');
    for (char& octet : noise) octet = static_cast<char>(random());
    append_to(scene.segment(), "\n" + noise);
    if (round % 2 == 0) write_file(segments_of(scene.directory).back().index, noise);
    CHECK(scene.found(kId) == 1);
    scene.write({"0nbzexcc9bn"});
    CHECK(scene.found("0nbzexcc9bn") == 1);
    CHECK(scene.found(kId) == 1);
  }
}

TEST_CASE("a store may be opened the moment the one before it is gone") {
  const Scene scene;
  for (int i = 0; i < 300; ++i) {
    EventStore store(scene.settings, scene.clock);
    Heard heard(store);
    REQUIRE(heard.nothing());
  }
}

TEST_CASE("what is no file in a store hangs nobody, and is named") {
  Scene scene;
  scene.write({kId});
  const std::string pipe = scene.directory + "/events-20990101000000000.log";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  std::filesystem::create_directory(scene.directory + "/events-19990101000000000.log");
  CHECK(scene.found(kId) == 1);
  CHECK(scene.all() == 1);
  CHECK(EventReader(scene.directory).kept()->events == 1);
  CHECK(EventReader(scene.directory).passed_over().size() == 2);
  CHECK_FALSE(SegmentFiles{.log = pipe, .index = {}}.open_log());
  EventStore store(scene.settings, scene.clock);
  Heard heard(store);
  const auto news = heard.next();
  CHECK_MESSAGE(news.text.contains(" is no file"), news.text);
  store.append("message", ",\"id\":\"" + kId + "\"");
  REQUIRE(store.flush(kPatience));
  CHECK(scene.found(kId) == 2);
}

TEST_CASE("a pipe in the place of an index, or of the next one, hangs nobody") {
  Scene scene;
  scene.write({kId});
  const std::string index = segments_of(scene.directory).back().index;
  for (const std::string& name : {index, index + ".new"}) {
    std::filesystem::remove(name);
    REQUIRE(::mkfifo(name.c_str(), 0600) == 0);
    CHECK(scene.found(kId) >= 1);
    scene.write({kId});
    CHECK(std::filesystem::is_regular_file(index));
    CHECK_FALSE(std::filesystem::exists(index + ".new"));
  }
  CHECK(scene.found(kId) == 3);
}

TEST_CASE("a line longer than any event is passed over") {
  const Scene scene;
  scene.write({kId});
  append_to(scene.segment(), std::string(9 << 20, 'x') + "\n");
  scene.write({"0nbzexcc9bn"});
  CHECK(scene.found("0nbzexcc9bn") == 1);
  CHECK(scene.all() == 2);
}

TEST_CASE("the store stays within its size, and its oldest segments go first") {
  Scene scene;
  scene.settings.max_size = 1'000'000;
  const std::string filler = ",\"filler\":\"" + std::string(1000, 'x') + "\"";
  {
    EventStore store(scene.settings, scene.clock);
    for (int i = 0; i < 3000; ++i) {
      store.append("message", filler);
      if (i % 50 == 0) REQUIRE(store.flush(kPatience));
    }
    store.append("message", ",\"id\":\"" + kId + "\"");
    REQUIRE(store.flush(kPatience));
  }
  std::uint64_t total = 0;
  for (const auto& segment : segments_of(scene.directory)) total += segment.size;
  CHECK(total <= 1'000'000);
  CHECK(total > 500'000);
  CHECK(scene.found(kId) == 1);
}

TEST_CASE("by age one segment goes at a time, so that a clock that jumps empties nothing") {
  Scene scene;
  for (int day = 0; day < 4; ++day) {
    scene.write({kId});
    scene.clock.time += 25h;
  }
  REQUIRE(segments_of(scene.directory).size() == 4);
  const WallTime later = WallTime::clock::now() + 24h;  // files have the system's time
  expire(scene.directory, 1 << 30, later);
  CHECK(segments_of(scene.directory).size() == 3);
  expire(scene.directory, 1 << 30, later);
  expire(scene.directory, 1 << 30, later);
  expire(scene.directory, 1 << 30, later);
  CHECK(segments_of(scene.directory).size() == 1);  // the one that is written stays
}

TEST_CASE("what is too old goes by the time that passes, and not by a clock that leaps ahead") {
  constexpr Duration years = 10 * 365 * 24h;
  Scene scene;
  EventStore store(scene.settings, scene.clock);
  const auto write = [&] {
    store.append("message", "");
    REQUIRE(store.flush(kPatience));
  };
  write();
  scene.clock.jumped = years;
  write();
  CHECK(segments_of(scene.directory).size() == 2);
  scene.clock.jumped = {};
  scene.clock.time += years + 48h;
  write();
  CHECK(segments_of(scene.directory).size() == 2);  // the first of them is gone
}

TEST_CASE("a clock that steps back does not put a segment before its elders") {
  Scene scene;
  scene.settings.max_size = 1'000'000;
  auto segment = EventSegment::open(scene.directory, 10, scene.clock.time);
  REQUIRE(segment);
  REQUIRE(segment->append("{}\n{}\n{}\n{}\n"));
  REQUIRE(segment->begin_another(scene.clock.time - 24h));
  const auto all = segments_of(scene.directory);
  REQUIRE(all.size() == 2);
  CHECK(first_time(all[1]) == scene.clock.time + 1ms);
}

TEST_CASE("one process writes a store, another one is told so, and takes over") {
  const Scene scene;
  auto other = std::make_unique<EventStore>(scene.settings, scene.clock);
  other->append("start", "");
  REQUIRE(other->flush(kPatience));
  EventStore store(scene.settings, scene.clock);
  store.append("start", "");
  Heard heard(store);
  const auto news = heard.next();
  CHECK(news.bad);
  CHECK(news.text.find("another process writes its events there") != std::string::npos);
  other.reset();
  REQUIRE(store.flush(kPatience));
  CHECK(scene.all() == 2);
  CHECK_FALSE(heard.next().bad);
}

TEST_CASE("a store that cannot be written drops what does not fit, and says how much once it can") {
  const Scene scene;
  const ScratchDirectory parent;
  EventStoreSettings settings{.directory = parent.file("not yet") + "/events"};
  EventStore store(settings, scene.clock);
  const std::string filler = ",\"filler\":\"" + std::string(1 << 20, 'x') + "\"";
  for (int i = 0; i < 40; ++i) store.append("message", filler);
  CHECK(store.dropped() >= 20);
  std::filesystem::create_directory(parent.file("not yet"));
  REQUIRE(store.flush(kPatience));
  store.append("message", "");
  REQUIRE(store.flush(kPatience));
  std::uint64_t kept = 0, reported = 0;
  EventReader(settings.directory).each_since({}, [&](std::string_view line) {
    const auto event = JsonView::parse(line);
    REQUIRE(event);
    const bool report = (*event)["type"].text() == "dropped";
    report ? reported += static_cast<std::uint64_t>((*event)["count"].number().value_or(0)) : ++kept;
    return true;
  });
  CHECK(reported == store.dropped());
  CHECK(kept + reported == 41);
}

TEST_CASE("a store that somebody removes is begun anew") {
  const Scene scene;
  EventStore store(scene.settings, scene.clock);
  store.append("message", ",\"id\":\"" + kId + "\"");
  REQUIRE(store.flush(kPatience));
  std::filesystem::remove_all(scene.directory);
  store.append("message", ",\"id\":\"0nbzexcc9bn\"");
  REQUIRE(store.flush(kPatience));
  CHECK(scene.found("0nbzexcc9bn") == 1);
}

TEST_CASE("a store that somebody renames is begun anew in its place, and that is told") {
  const Scene scene;
  EventStore store(scene.settings, scene.clock);
  store.append("message", ",\"id\":\"" + kId + "\"");
  REQUIRE(store.flush(kPatience));
  Heard heard(store);
  CHECK(heard.nothing());
  std::filesystem::rename(scene.directory, scene.directory + ".moved");
  store.append("message", ",\"id\":\"0nbzexcc9bn\"");
  REQUIRE(store.flush(kPatience));
  CHECK(scene.found(kId) == 0);
  CHECK(scene.found("0nbzexcc9bn") == 1);
  CHECK(heard.next().text.find("while in use") != std::string::npos);
}

TEST_CASE("a line of a time that nobody lives to see is no event") {
  Scene scene;
  scene.write({kId});
  const auto good = scene.all();
  append_to(scene.segment(), R"({"time":"9999-12-31T23:59:59.999Z","type":"message","id":"0nc4ex6aagr.1"})"
                             "\n"
                             R"({"time":"2262-01-01T00:00:00.000Z","type":"x"})"
                             "\n"
                             R"({"time":"1969-12-31T23:59:59.999Z","type":"x"})"
                             "\n");
  append_to(scene.directory + "/events-99991231235959999.log", "\n");
  CHECK(scene.all() == good);
  scene.clock.time += 1ms;
  scene.write({"0nbzexcc9bn"});
  CHECK(scene.all() == good + 1);
}

TEST_CASE("the log's events are kept whole, whatever becomes of its descriptor") {
  const Scene scene;
  {
    EventLog log(-1, LogFormat::text, scene.clock);  // closed: nobody reads it
    log.keep_in(std::make_unique<EventStore>(scene.settings, scene.clock));
    log.write(Event("message").text("id", kId).text("from", "a\"b\n"));
    log.note("warning", "said \"so\"");
  }
  const auto lines = EventReader(scene.directory).of_session(*session_number(kId));
  REQUIRE(lines.size() == 1);
  CHECK((*JsonView::parse(lines[0]))["from"].text() == "a\"b\n");
  CHECK(scene.all() == 2);
}

TEST_CASE("that events are lost is on the descriptor at once, and how many were at the end") {
  const Scene scene;
  const ScratchDirectory parent;
  const std::string path = parent.file("log");
  {
    const int out = ::open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    EventLog log(out, LogFormat::text, scene.clock);
    const EventStoreSettings nowhere{.directory = parent.file("missing") + "/events"};
    log.keep_in(std::make_unique<EventStore>(nowhere, scene.clock));
    CHECK(read_file(path).contains("error: events are not kept: "));
    const std::string large = ",\"x\":\"" + std::string(3 << 20, 'x') + "\"";
    for (int i = 0; i < 10; ++i) log.write(Event("message").members(large));
    const std::string told = read_file(path);
    CHECK(std::ranges::count(told, '\n') == 12);
    CHECK(told.contains("error: events are lost: "));
  }
  CHECK(read_file(path).contains("11 events are lost, which could not be written before the end"));
}
