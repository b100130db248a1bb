#include <csignal>
#include <stdexcept>
#include <thread>

#include "base/io/together.h"
#include "tests/unit/io_support.h"

namespace sallyport::io {
namespace {

using namespace testing;

Task<> throwing() {
  throw std::runtime_error("lost");
  co_return;
}

Task<> notify_soon(Signal& signal) {
  co_await sleep_for(0s);  // a spawned task starts at once: let the spawner come to its wait first
  signal.notify();
  co_return;
}

Task<> ask(Signal& question, Signal& reply) {
  question.notify();
  CHECK(co_await reply.wait(soon()));
}

Task<> answer(Signal& question, Signal& reply) {
  CHECK(co_await question.wait(soon()));
  reply.notify();
}

Task<> end_later(bool& ended) {
  co_await sleep_for(0s);
  ended = true;
}

}  // namespace

TEST_CASE("TaskGroup counts tasks and reports what they throw") {
  EventLoop loop;
  std::string report;
  TaskGroup group([&](std::string_view task, std::string_view what) {
    report = std::string(task) + ": " + std::string(what);
    loop.stop();
  });
  group.spawn(loop.executor(), "job", throwing());
  CHECK(group.running() == 1);
  loop.run();
  CHECK(report == "job: lost");
  CHECK(group.running() == 0);
}

TEST_CASE("EventLoop::run(task) rethrows what the task throws") {
  EventLoop loop;
  CHECK_THROWS_WITH(loop.run(throwing()), "lost");
}

TEST_CASE("EventLoop::stop from another thread ends run()") {
  EventLoop loop;
  const std::jthread other([&] { loop.stop(); });
  loop.run();
}

TEST_CASE("Signal") {
  SUBCASE("a notify before the wait is not lost, and counts once") {
    on_loop(+[](const Executor& executor) -> Task<> {
      Signal signal(executor);
      signal.notify();
      signal.notify();
      CHECK(co_await signal.wait(soon()));
      CHECK_FALSE(co_await signal.wait(in(1ms)));
    });
  }
  SUBCASE("wakes the task that waits") {
    on_loop(+[](const Executor& executor) -> Task<> {
      Signal signal(executor);
      tasks().spawn(executor, "notify", notify_soon(signal));
      CHECK(co_await signal.wait(TimePoint::max()));
    });
  }
}

TEST_CASE("together runs tasks side by side and waits for the last") {
  on_loop(+[](const Executor& executor) -> Task<> {
    Signal first(executor), second(executor);
    std::vector<Task<>> tasks;
    tasks.push_back(answer(first, second));
    tasks.push_back(ask(first, second));
    co_await together(std::move(tasks));  // each waits for the other: in a row they would never end
    co_await together({});
  });
}

TEST_CASE("together throws what a task has thrown, when all have ended") {
  on_loop(+[](const Executor&) -> Task<> {
    bool ended = false;
    std::vector<Task<>> tasks;
    tasks.push_back(throwing());
    tasks.push_back(end_later(ended));
    bool thrown = false;
    try {
      co_await together(std::move(tasks));
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    CHECK(thrown);
    CHECK(ended);
  });
}

TEST_CASE("together may be destroyed with its loop") {
  std::vector<Task<>> tasks;
  EventLoop loop;
  tasks.push_back(sleep_for(std::chrono::hours(1)));
  testing::tasks().spawn(loop.executor(), "waits", together(std::move(tasks)));
}

TEST_CASE("SignalSet keeps a signal that comes before the wait") {
  on_loop(+[](const Executor& executor) -> Task<> {
    SignalSet signals(executor, {SIGUSR1, SIGUSR2});
    std::raise(SIGUSR2);
    CHECK(co_await signals.wait() == SIGUSR2);
    signals.cancel();
  });
}

TEST_CASE("sleep_until returns at once for what is past") {
  on_loop(+[](const Executor&) -> Task<> { co_await sleep_until(in(-1s)); });
}

}  // namespace sallyport::io
