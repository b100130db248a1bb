#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

#include "base/io/worker_pool.h"
#include "tests/unit/io_support.h"

namespace sallyport::io {
namespace {

using namespace testing;

// A pool of one thread that is busy until released.
struct BusyPool {
  explicit BusyPool(std::size_t max_waiting) : pool(std::make_unique<WorkerPool>("test", 1, max_waiting)) {}
  ~BusyPool() { release(); }

  Task<Result<>> occupy() {
    return pool->run([this] {
      started.set_value();
      released.get_future().wait();
      return Result<>{};
    });
  }
  void release() {
    if (!std::exchange(is_released, true)) released.set_value();
  }

  std::promise<void> started;
  std::promise<void> released;
  bool is_released = false;
  std::unique_ptr<WorkerPool> pool;
};

Result<> nothing() { return {}; }

Task<> keep(Task<Result<>> task, Result<>& result) { result = co_await std::move(task); }

}  // namespace

TEST_CASE("WorkerPool works on its own thread and resumes the caller on its loop") {
  on_loop(+[](const Executor&) -> Task<> {
    WorkerPool pool("test", 1, 1);
    std::thread::id worker;
    const auto done = co_await pool.run([&worker] {
      worker = std::this_thread::get_id();
      return Result<>(fail(Errc::not_found, "as told"));
    });
    CHECK(done.error().detail == "as told");
    CHECK(worker != std::thread::id{});
    CHECK(worker != std::this_thread::get_id());
  });
}

TEST_CASE("WorkerPool: what the work throws is an error") {
  on_loop(+[](const Executor&) -> Task<> {
    WorkerPool pool("test", 1, 1);
    const auto done = co_await pool.run([]() -> Result<> { throw std::runtime_error("bad day"); });
    CHECK(done.error().code == Errc::io);
    CHECK(done.error().detail == "bad day");
  });
}

TEST_CASE("WorkerPool refuses work over its bound at once") {
  on_loop(+[](const Executor& executor) -> Task<> {
    BusyPool busy(1);
    Result<> first = fail(Errc::io);
    Result<> second = fail(Errc::io);
    tasks().spawn(executor, "first", keep(busy.occupy(), first));
    tasks().spawn(executor, "second", keep(busy.pool->run(nothing), second));
    co_await sleep_for(0s);
    busy.started.get_future().wait();
    CHECK((co_await busy.pool->run(nothing)).error().code == Errc::limit);
    busy.release();
    while (!first.has_value() || !second.has_value()) co_await sleep_for(100us);
    CHECK((co_await busy.pool->run(nothing)).has_value());
  });
}

TEST_CASE("WorkerPool: a deadline frees the caller, not the thread") {
  on_loop(+[](const Executor& executor) -> Task<> {
    BusyPool busy(1);
    Result<> first = fail(Errc::io);
    tasks().spawn(executor, "first", keep(busy.occupy(), first));
    const auto late =
        co_await busy.pool->run([]() -> Result<> { throw std::logic_error("nobody waits"); }, in(5ms));
    CHECK(late.error().code == Errc::timeout);
    busy.release();
    while (!first.has_value()) co_await sleep_for(100us);
  });
}

TEST_CASE("WorkerPool's end finishes what runs and stops what waits") {
  on_loop(+[](const Executor& executor) -> Task<> {
    BusyPool busy(1);
    Result<> running = fail(Errc::io);
    Result<> waiting;
    tasks().spawn(executor, "running", keep(busy.occupy(), running));
    tasks().spawn(executor, "waiting", keep(busy.pool->run(nothing), waiting));
    co_await sleep_for(0s);
    busy.started.get_future().wait();
    const std::jthread end([&busy] { busy.pool.reset(); });
    while (waiting.has_value()) co_await sleep_for(100us);
    CHECK(waiting.error().code == Errc::stopped);
    busy.release();
    while (!running.has_value()) co_await sleep_for(100us);
  });
}

TEST_CASE("WorkerPool with a farewell leaves behind what does not end") {
  struct Hung {
    std::promise<void> started, released, ended;
  };
  on_loop(+[](const Executor& executor) -> Task<> {
    const auto hung = std::make_shared<Hung>();
    Result<> running = fail(Errc::io);
    auto pool = std::make_unique<WorkerPool>("test", 1, 1, 1ms);
    tasks().spawn(executor, "running",
                  keep(pool->run([hung] {
                    hung->started.set_value();
                    hung->released.get_future().wait();
                    hung->ended.set_value();
                    return Result<>{};
                  }),
                       running));
    co_await sleep_for(0s);
    hung->started.get_future().wait();
    pool.reset();
    hung->released.set_value();
    hung->ended.get_future().wait();
    while (!running.has_value()) co_await sleep_for(100us);
  });
}

TEST_CASE("WorkerPool: a loop may die while its work runs or waits") {
  BusyPool busy(1);
  Result<> results[2];
  {
    EventLoop loop;
    tasks().spawn(loop.executor(), "running", keep(busy.occupy(), results[0]));
    tasks().spawn(loop.executor(), "waiting", keep(busy.pool->run(nothing), results[1]));
    loop.run([](std::promise<void>& started) -> Task<> {
      co_await sleep_for(0s);
      started.get_future().wait();
    }(busy.started));
  }
  busy.release();
  busy.pool.reset();
}

TEST_CASE("resolve") {
  on_loop(+[](const Executor&) -> Task<> {
    CHECK((co_await resolve("2001:db8::1", soon()))->front().to_string() == "2001:db8::1");
    const auto local = co_await resolve("localhost", soon());
    REQUIRE(local.has_value());
    CHECK(local->front().is_loopback());
    CHECK((co_await resolve("no such name", soon())).error().code == Errc::unreachable);
  });
}

}  // namespace sallyport::io
