// Connections over several cores: never more than allowed, nobody starves, none is kept too long.
#include <atomic>
#include <optional>
#include <thread>

#include "proxy/relay/order.h"
#include "proxy/relay/permits.h"
#include "proxy/relay/pool.h"
#include "tests/unit/relay_bench.h"

namespace sallyport::relay::testing {
namespace {

// One core with tasks that deliver message after message.
io::Task<> deliver_many(Bench& bench, int count, std::atomic<int>& delivered) {
  for (int i = 0; i < count; ++i) {
    Delivery delivery;
    const auto mail = envelope({"a@example.com"});
    co_await deliver_task(bench, mail, kContent, delivery);
    if (delivery.fate == Fate::delivered) ++delivered;
  }
}

io::Task<> run_and_count(io::Task<> task, std::atomic<int>& left) {
  co_await std::move(task);
  --left;
}

io::Task<> until_zero(std::atomic<int>& left) {
  while (left > 0) co_await io::sleep_for(1ms);
}

io::Task<> until_begun(Bench& bench) {
  while (bench.hop.count("MAIL") == 0) co_await io::sleep_for(1ms);
}

// Its own end and the hop's are several turns of the loop; 20 s are no judgement.
io::Task<> until_closed(Bench& bench, int running) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while ((bench.hop.open() > 0 || bench.tasks.running() > running) &&
         std::chrono::steady_clock::now() < end) {
    co_await io::sleep_for(1ms);
  }
}

io::Task<> take_turns(Permits& permits, std::atomic<int>& held, std::atomic<int>& most) {
  for (int i = 0; i < 50; ++i) {
    const auto permit = co_await permits.take(3, std::chrono::steady_clock::now() + 20s);
    REQUIRE(static_cast<bool>(permit));
    const int now = ++held;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) continue;
    co_await io::sleep_for(100us);
    --held;
  }
}

struct OtherCore {
  io::EventLoop loop;
  std::thread thread{[this] { loop.run(); }};
  ~OtherCore() {
    loop.stop();
    thread.join();
  }
};

}  // namespace

TEST_CASE("permits over two cores: never more than the limit, and all get one in the end") {
  Bench bench;
  const auto permits = std::make_shared<Permits>(bench.tasks);
  std::atomic<int> held = 0;
  std::atomic<int> most = 0;
  std::atomic<int> left = 20;
  {
    OtherCore other;
    for (int i = 0; i < 10; ++i) {
      bench.tasks.spawn(bench.loop.executor(), "here",
                        run_and_count(take_turns(*permits, held, most), left));
      bench.tasks.spawn(other.loop.executor(), "there",
                        run_and_count(take_turns(*permits, held, most), left));
    }
    bench.loop.run(until_zero(left));
  }
  CHECK(held == 0);
  CHECK(most == 3);
  CHECK_FALSE(permits->awaited());
}

TEST_CASE("a permit that nobody waits for any longer goes to the next") {
  Bench bench;
  const auto permits = std::make_shared<Permits>(bench.tasks);
  auto held = permits->try_take(1);
  REQUIRE(held.has_value());
  {
    const auto left = permits->queue_up(bench.loop.executor(), 1);
    CHECK(permits->awaited());
    CHECK_FALSE(permits->try_take(1).has_value());
  }
  CHECK_FALSE(permits->awaited());
  auto place = permits->queue_up(bench.loop.executor(), 1);
  held.reset();
  CHECK_FALSE(permits->try_take(1).has_value());
  CHECK(static_cast<bool>(place.take_permit()));
  CHECK(permits->try_take(1).has_value());
}

TEST_CASE("max_connections holds over all cores, and everybody gets a turn") {
  for (const int limit : {1, 2, 5}) {
    Bench bench;
    bench.route.max_connections = limit;
    bench.patience = 20s;
    std::atomic<int> delivered = 0;
    std::atomic<int> left = 16;
    {
      OtherCore other;
      for (int i = 0; i < 8; ++i) {
        bench.tasks.spawn(bench.loop.executor(), "here",
                          run_and_count(deliver_many(bench, 10, delivered), left));
        bench.tasks.spawn(other.loop.executor(), "there",
                          run_and_count(deliver_many(bench, 10, delivered), left));
      }
      bench.loop.run(until_zero(left));
    }
    CHECK(delivered == 160);
    CHECK(bench.hop.most_open() <= limit);
    // Handing over beats reconnecting: far fewer connections than messages.
    CHECK(bench.hop.connections() < 50);
  }
}

TEST_CASE("a permit's turn on another core comes when somebody there has waited so much longer") {
  Bench bench;
  OtherCore other;
  const auto permits = std::make_shared<Permits>(bench.tasks);
  const auto here = bench.loop.executor();
  auto held = permits->try_take(1);
  CHECK_FALSE(permits->turn_of_another(here));
  auto there = permits->queue_up(other.loop.executor(), 1);
  auto behind = permits->queue_up(here, 1);
  CHECK_FALSE(permits->turn_of_another(here));  // it has waited hardly longer than who waits here
  CHECK(permits->awaited_on(here));
  {
    const auto leaves = std::move(behind);
  }
  CHECK_FALSE(permits->awaited_on(here));
  bench.loop.run(io::sleep_for(Permits::kGrace));
  CHECK(permits->turn_of_another(here));
  CHECK_FALSE(permits->turn_of_another(here));  // not twice in a row
  held.reset();
  CHECK(static_cast<bool>(there.take_permit()));
}

namespace {

// Waits for the only connection, and says whether it came from another's hands.
io::Task<> borrow_second(Pool& pool, Pool::Order order, std::optional<bool>& reused) {
  auto hop = co_await pool.borrow(std::move(order), std::chrono::steady_clock::now() + 20s);
  REQUIRE(hop.has_value());
  reused = (*hop)->reused();
}

io::Task<> borrow_and_hand_back(Bench& bench, Environment& environment, bool fresh,
                                std::optional<bool>& reused) {
  Pool pool(environment);
  auto order = order_for(*bench.current_route(), bench.hop.host(), *environment.ourselves());
  order.limit = 1;
  auto first = co_await pool.borrow(order, std::chrono::steady_clock::now() + 20s);
  REQUIRE(first.has_value());
  order.fresh = fresh;
  bench.tasks.spawn(co_await io::this_executor(), "second", borrow_second(pool, order, reused));
  co_await pool.hand_back(std::move(*first), 10s);
  while (!reused) co_await io::sleep_for(1ms);
  co_await pool.close_idle();
}

}  // namespace

TEST_CASE("who waits for a fresh connection is not handed a used one") {
  for (const bool fresh : {false, true}) {
    Bench bench;
    Environment environment({bench.clock, bench.tasks, bench.state, [](const Trouble&) {}});
    environment.set_ourselves({"us.test", {}});
    std::optional<bool> reused;
    bench.loop.run(borrow_and_hand_back(bench, environment, fresh, reused));
    CHECK(reused == !fresh);
    CHECK(bench.hop.connections() == (fresh ? 2 : 1));
  }
}

namespace {

struct Waiters {
  std::atomic<int> waiting = 2;
  std::atomic<int> served = 0;
};

// As a busy route does: its connection goes out and comes back, again and again.
io::Task<> borrow_and_return(Pool& pool, Pool::Order order, const Waiters& waiters) {
  while (waiters.waiting > 0) {
    auto hop = co_await pool.borrow(order, std::chrono::steady_clock::now() + 20s);
    REQUIRE(hop.has_value());
    co_await pool.hand_back(std::move(*hop), 60s);
    co_await io::sleep_for(1ms);
  }
}

io::Task<> borrow_and_keep(Pool& pool, Pool::Order order, Waiters& waiters) {
  const auto hop = co_await pool.borrow(std::move(order), std::chrono::steady_clock::now() + 20s);
  if (hop) ++waiters.served;
  --waiters.waiting;
  while (waiters.waiting > 0) co_await io::sleep_for(1ms);  // nobody is served by its coming back
}

// Two connections come back in one moment: the first goes to the other core, the second becomes idle.
io::Task<> hand_back_two(Bench& bench, Pool& pool, Pool::Order order, Pool::Order busy,
                         const io::Executor& there, Waiters& waiters) {
  auto first = co_await pool.borrow(order, std::chrono::steady_clock::now() + 20s);
  auto second = co_await pool.borrow(order, std::chrono::steady_clock::now() + 20s);
  REQUIRE((first && second));
  for (int i = 0; i < 2; ++i) bench.tasks.spawn(there, "there", borrow_and_keep(pool, order, waiters));
  co_await io::sleep_for(5 * Permits::kGrace);  // they have looked for idle ones, and found none
  bench.tasks.spawn(co_await io::this_executor(), "busy", borrow_and_return(pool, busy, waiters));
  while (bench.second.count("EHLO") == 0) co_await io::sleep_for(1ms);
  co_await pool.hand_back(std::move(*first), 60s);
  co_await pool.hand_back(std::move(*second), 60s);
  while (waiters.waiting > 0) co_await io::sleep_for(1ms);
  co_await pool.close_idle();
}

}  // namespace

TEST_CASE("a busy route does not keep another's idle connection from who waits on another core") {
  Bench bench;
  Environment environment({bench.clock, bench.tasks, bench.state, [](const Trouble&) {}});
  environment.set_ourselves({"us.test", {}});
  Pool pool(environment);
  bench.route.max_connections = 2;
  const auto order = order_for(*bench.current_route(), bench.hop.host(), *environment.ourselves());
  const auto busy = order_for(*bench.current_route(), bench.second.host(), *environment.ourselves());
  Waiters waiters;
  {
    OtherCore other;
    bench.loop.run(hand_back_two(bench, pool, order, busy, other.loop.executor(), waiters));
  }
  CHECK(waiters.served == 2);
}

TEST_CASE("an idle connection of another core makes room") {
  Bench bench;
  bench.route.max_connections = 1;
  bench.patience = 5s;
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  std::atomic<int> delivered = 0;
  std::atomic<int> left = 1;
  {
    OtherCore other;
    bench.tasks.spawn(other.loop.executor(), "there",
                      run_and_count(deliver_many(bench, 1, delivered), left));
    bench.loop.run(until_zero(left));
  }
  CHECK(delivered == 1);
  CHECK(bench.hop.most_open() == 1);
}

TEST_CASE("one waiter costs one idle connection, whichever other core has it") {
  Bench bench;
  bench.route.max_connections = 2;
  std::atomic<int> delivered = 0;
  std::atomic<int> left = 2;
  {
    OtherCore second;
    OtherCore third;
    for (auto* core : {&second, &third}) {
      bench.tasks.spawn(core->loop.executor(), "there",
                        run_and_count(deliver_many(bench, 1, delivered), left));
    }
    bench.loop.run(until_zero(left));
    REQUIRE(bench.hop.open() == 2);
    CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
    bench.loop.run(io::sleep_for(20ms));
    CHECK(bench.hop.open() == 2);
    // Only the one core left over has any: the one asked first may have none.
    bench.route.helo = "changed.test";
    bench.loop.run(bench.relay.close_idle());
    CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
    bench.route.helo = "again.test";
    CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  }
  CHECK(bench.hop.most_open() == 2);
}

TEST_CASE("an idle connection with other settings makes room, and is never used for these") {
  Bench bench;
  bench.route.max_connections = 1;
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  bench.route.helo = "changed.test";
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(bench.hop.connections() == 2);
  CHECK(bench.hop.count("EHLO changed.test") == 1);
}

TEST_CASE("no connection free in time: 451 4.3.2") {
  Bench bench;
  bench.route.max_connections = 1;
  bench.hop.rules.answers["MAIL"] = "<hang>";
  bench.route.command_timeout = 1s;
  std::atomic<int> delivered = 0;
  bench.tasks.spawn(bench.loop.executor(), "first", deliver_many(bench, 1, delivered));
  bench.loop.run(until_begun(bench));
  bench.patience = 100ms;
  const auto delivery = bench.deliver_to({"b@example.com"});
  CHECK(delivery.fate == Fate::deferred);
  CHECK(line(delivery.reply) == "451 4.3.2");
}

TEST_CASE("an idle connection is closed with QUIT after its time") {
  Bench bench;
  bench.route.idle_timeout = 20ms;
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(bench.hop.open() == 1);
  bench.loop.run(until_closed(bench, bench.tasks.running() - 1));
  CHECK(bench.hop.open() == 0);
  CHECK(bench.hop.count("QUIT") == 1);
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
}

TEST_CASE("close_idle closes the idle connections of its core, and the core's task ends") {
  Bench bench;
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  const int running = bench.tasks.running();
  bench.loop.run(bench.relay.close_idle());
  bench.loop.run(until_closed(bench, running - 2));
  CHECK(bench.hop.open() == 0);
  CHECK(bench.tasks.running() == running - 2);  // the keeper, and the fake hop's session
}

}  // namespace sallyport::relay::testing
