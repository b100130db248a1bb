// Coroutines: the task type, the one way to start one, and waiting.
//
// Lifetime: a spawned coroutine takes values, or references to services that outlive the loop. A
// capturing lambda is never a coroutine. A string_view into a read buffer dies at the next co_await.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace sallyport::io {

// A handle of one loop, and never empty. Not any_io_executor: that one allocates when it is copied or
// converted, also where nothing may fail.
using Executor = boost::asio::io_context::executor_type;

template <class T = void>
using Task = boost::asio::awaitable<T, Executor>;

// Counts what runs, and takes what a task throws: Asio's `detached` would swallow it.
class TaskGroup {
 public:
  using OnException = std::function<void(std::string_view task, std::string_view what)>;
  explicit TaskGroup(OnException on_exception) : on_exception_(std::move(on_exception)) {}

  // Starts `task` on `executor`: at once, inside this call, on the executor's own thread, else by a
  // post. `name` (a literal) is for the log. Usable from every thread. The group outlives its tasks.
  // Never throws for want of memory, once it has its `task`: it waits.
  void spawn(const Executor& executor, const char* name, Task<> task);
  int running() const { return running_.load(std::memory_order_relaxed); }

 private:
  // A task that is spawned and has not ended, however it ends.
  class Counted {
   public:
    explicit Counted(std::atomic<int>& count) : count_(&count) {
      count.fetch_add(1, std::memory_order_relaxed);
    }
    Counted(Counted&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
    Counted& operator=(Counted&&) = delete;
    ~Counted() {
      if (count_) count_->fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    std::atomic<int>* count_;
  };

  Task<> supervise(Counted counted, const char* name, Task<> task);

  OnException on_exception_;
  std::atomic<int> running_{0};
};

Task<> sleep_until(TimePoint when);
Task<> sleep_for(Duration duration);
Task<Executor> this_executor();

// One task waits, another wakes it; both on the same executor. A notify before the wait is not lost.
class Signal {
 public:
  explicit Signal(const Executor& executor);
  ~Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  Task<bool> wait(TimePoint deadline);  // true: notified; false: the deadline passed
  void notify();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sallyport::io
