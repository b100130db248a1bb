// The state when the wall clock jumps: nothing ends with it, and nothing lasts longer for it.
#include <doctest/doctest.h>

#include "base/store/state_clock.h"
#include "base/store/state_store.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::store;
using namespace std::chrono_literals;

namespace {

constexpr Duration kYear = 24h * 365;

std::unique_ptr<StateStore> open(const std::string& file, const Clock& clock) {
  auto store = StateStore::open(file, clock, [](std::string_view what) { FAIL_CHECK(std::string(what)); });
  REQUIRE(store.has_value());
  return std::move(*store);
}

}  // namespace

TEST_CASE("X09 state: a jump of the wall clock while running ends nothing, and keeps nothing longer") {
  for (const Duration jump : {Duration(1h), Duration(-1h), 10 * kYear, -56 * kYear, Duration(1s)}) {
    TestClock clock;
    const ScratchDirectory directory;
    const auto store = open(directory.file("state.db"), clock);
    store->put("k", "before", "v", store->now() + 30min);
    clock.jumped = jump;
    store->put("k", "after", "v", store->now() + 30min);
    (void)store->flush();  // the writer has looked at the clocks
    CHECK(store->get("k", "before") == "v");
    clock.time += 30min - 2s;
    CHECK(store->get("k", "before") == "v");
    CHECK(store->get("k", "after") == "v");
    clock.time += 3s;
    CHECK(store->get("k", "before") == std::nullopt);
    CHECK(store->get("k", "after") == std::nullopt);
  }
}

TEST_CASE("X09 state: a wall clock that is wrong at the start ends nothing, and is not written down") {
  for (const Duration wrong : {10 * kYear, -56 * kYear, Duration(-1h)}) {
    TestClock clock;
    const ScratchDirectory directory;
    open(directory.file("state.db"), clock)->put("k", "a", "v", clock.time + 36h);
    clock.jumped = wrong;
    for (int start = 0; start < 3; ++start) {
      clock.time += 1min;
      const auto store = open(directory.file("state.db"), clock);
      CHECK(store->get("k", "a") == "v");
      store->put("k", "b", "v", store->now() + 1min);
      (void)store->flush();
    }
    clock.jumped = {};
    clock.time += 20h;  // an ordinary stop
    CHECK(open(directory.file("state.db"), clock)->get("k", "a") == "v");
    clock.time += 20h;
    CHECK(open(directory.file("state.db"), clock)->get("k", "a") == std::nullopt);
  }
}

TEST_CASE("X09 state: a long stop is believed once the wall clock has held for an hour") {
  TestClock clock;
  const StateClock::Reading last{.store = clock.time, .wall = clock.time};
  clock.time += 24h * 7;
  StateClock state(clock, last);
  CHECK(state.now() == last.store);
  for (int minute = 0; minute < 59; ++minute) {
    clock.time += 1min;
    state.look();
  }
  CHECK(state.now() == last.store + 59min);
  CHECK(state.reading().wall == last.wall + 59min);
  clock.time += 1min;
  state.look();
  CHECK(state.now() == clock.time);
  CHECK(state.reading().wall == clock.time);
}

TEST_CASE("X09 state: a clock that is set right within the hour is believed then") {
  TestClock clock;
  const StateClock::Reading last{.store = clock.time, .wall = clock.time};
  clock.time += 2h;
  clock.jumped = -56 * kYear;
  StateClock state(clock, last);
  CHECK(state.now() == last.store);
  clock.time += 50min;
  state.look();
  clock.jumped = {};
  state.look();
  CHECK(state.now() == clock.time);
}

TEST_CASE("X09 state: small corrections of the wall clock are followed") {
  TestClock clock;
  StateClock state(clock, std::nullopt);
  for (int look = 0; look < 1000; ++look) {
    clock.time += 1s;
    clock.jumped += look % 3 == 0 ? -200ms : 300ms;
    state.look();
    CHECK(state.now() == clock.wall());
  }
}
