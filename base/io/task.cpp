#include "base/io/task.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <new>

#include "base/io/await.h"
#include "base/needed_memory.h"

namespace sallyport::io {
namespace {

std::string what(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& exception) {
    return exception.what();
  } catch (...) {
    return "not a std::exception";
  }
}

}  // namespace

void TaskGroup::spawn(const Executor& executor, const char* name, Task<> task) {
  const NeededMemory needed;
  try {
    boost::asio::co_spawn(executor, supervise(Counted(running_), name, std::move(task)),
                          [](const std::exception_ptr&) {});
  } catch (const std::bad_alloc&) {
    // The task ran to its end inside this call, and Asio wanted memory behind that end.
  }
}

Task<> TaskGroup::supervise(Counted counted, const char* name, Task<> task) {
  NeededMemory::no_longer();
  std::exception_ptr thrown;
  try {
    co_await std::move(task);
  } catch (...) {
    thrown = std::current_exception();
  }
  if (!thrown || !on_exception_) co_return;
  const NeededMemory needed;
  on_exception_(name, what(thrown));
}

Task<> sleep_until(TimePoint when) {
  SteadyTimer timer(co_await boost::asio::this_coro::executor, when);
  co_await timer.async_wait(kAwait);
}

Task<> sleep_for(Duration duration) { return sleep_until(std::chrono::steady_clock::now() + duration); }

Task<Executor> this_executor() { co_return co_await boost::asio::this_coro::executor; }

struct Signal::State {
  explicit State(const Executor& executor) : timer(executor) {}
  SteadyTimer timer;
  bool notified = false;
};

Signal::Signal(const Executor& executor) : state_(std::make_unique<State>(executor)) {}
Signal::~Signal() = default;

Task<bool> Signal::wait(TimePoint deadline) {
  if (!state_->notified) {
    state_->timer.expires_at(deadline);
    co_await state_->timer.async_wait(kAwait);
  }
  co_return std::exchange(state_->notified, false);
}

void Signal::notify() {
  state_->notified = true;
  state_->timer.cancel();
}

}  // namespace sallyport::io
