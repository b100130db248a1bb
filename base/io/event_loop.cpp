#include "base/io/event_loop.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <exception>
#include <new>

#include "base/io/await.h"

namespace sallyport::io {
namespace {

constexpr int kOneThread = 1;  // Asio's concurrency hint: one thread runs it, others may post

}  // namespace

struct EventLoop::Context {
  boost::asio::io_context io{kOneThread};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
};

EventLoop::EventLoop() : context_(std::make_unique<Context>()) {}
EventLoop::~EventLoop() = default;

Executor EventLoop::executor() const { return context_->io.get_executor(); }

void EventLoop::run() {
  while (!context_->io.stopped()) {
    try {
      context_->io.run();
    } catch (const std::bad_alloc&) {
      // Of a task that ended in its first step, posted from another thread: see TaskGroup::spawn().
    }
  }
  context_->io.restart();
}

void EventLoop::run(Task<> task) {
  const auto thrown = std::make_shared<std::exception_ptr>();  // outlives us if stop() comes first
  boost::asio::co_spawn(context_->io, std::move(task), [this, thrown](std::exception_ptr exception) {
    *thrown = std::move(exception);
    stop();
  });
  run();
  if (*thrown) std::rethrow_exception(*thrown);
}

void EventLoop::stop() { context_->io.stop(); }

struct SignalSet::State {
  explicit State(const Executor& executor) : set(executor) {}
  boost::asio::basic_signal_set<Executor> set;
};

SignalSet::SignalSet(const Executor& executor, std::initializer_list<int> numbers)
    : state_(std::make_unique<State>(executor)) {
  for (const int number : numbers) state_->set.add(number);
}

SignalSet::~SignalSet() = default;

Task<int> SignalSet::wait() {
  const auto [code, number] = co_await state_->set.async_wait(kAwait);
  co_return code ? 0 : number;
}

void SignalSet::cancel() { state_->set.cancel(); }

void ignore_sigpipe() { std::signal(SIGPIPE, SIG_IGN); }

}  // namespace sallyport::io
