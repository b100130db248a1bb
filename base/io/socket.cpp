#include "base/io/socket.h"

#include <boost/asio/post.hpp>

#include "base/io/await.h"
#include "base/needed_memory.h"

namespace sallyport::io {
namespace {

namespace posix = boost::asio::posix;

// A peer that always has bytes ready must not keep the core from everyone else's.
constexpr unsigned kTurn = 16;

posix::descriptor_base::wait_type readiness(const Attempt& attempt) {
  using posix::descriptor_base;
  return attempt.state == Attempt::State::needs_input ? descriptor_base::wait_read
                                                      : descriptor_base::wait_write;
}

}  // namespace

struct Socket::Watch {
  Watch(const Executor& executor, Socket* owner) : timer(executor), socket(owner) {}

  static void arm(const std::shared_ptr<Watch>& watch) {
    const NeededMemory needed;  // a deadline that is not watched would never come
    watch->timer.expires_at(watch->due);
    watch->set_for = watch->due;
    watch->timer.async_wait([watch](const boost::system::error_code& code) {
      if (!code) fired(watch);
    });
  }

  static void fired(const std::shared_ptr<Watch>& watch) {
    watch->set_for = TimePoint::max();
    if (watch->socket == nullptr || watch->due == TimePoint::max()) return;
    if (watch->due > std::chrono::steady_clock::now()) return arm(watch);
    watch->socket->expire();
  }

  SteadyTimer timer;
  Socket* socket;
  TimePoint due = TimePoint::max();      // of the operation under way
  TimePoint set_for = TimePoint::max();  // when the timer will fire
};

Socket::Socket(const Executor& executor, Descriptor descriptor)
    : descriptor_(std::move(descriptor)), reactor_(executor) {}

Socket::~Socket() { close(); }

Task<Result<std::size_t>> Socket::drive(std::function<Attempt()> attempt, TimePoint deadline,
                                        Interrupts interrupts) {
  for (;;) {
    if (auto error = refusal(deadline, interrupts)) co_return *std::move(error);
    if (uninterrupted_ >= kTurn) {
      uninterrupted_ = 0;
      co_await boost::asio::post(kAwait);
      continue;
    }
    Attempt outcome = attempt();
    ++uninterrupted_;
    if (outcome.state == Attempt::State::done) co_return outcome.bytes;
    if (outcome.state == Attempt::State::failed) co_return std::move(outcome.error);
    if (auto joined = join_reactor(); !joined) co_return joined.error();
    watch(deadline);
    heeding_ = interrupts == Interrupts::heeded;
    const auto [code] = co_await reactor_.async_wait(readiness(outcome), kAwait);
    if (auto error = after_wait(code)) co_return *std::move(error);
  }
}

void Socket::abort() {
  aborted_ = true;
  if (reactor_.is_open()) reactor_.cancel();
}

void Socket::close() {
  aborted_ = true;
  if (watch_) {
    watch_->socket = nullptr;
    watch_->timer.cancel();
    watch_.reset();
  }
  if (reactor_.is_open()) reactor_.release();
  descriptor_.reset();
}

void Socket::interrupt() {
  interrupted_ = true;
  if (heeding_) reactor_.cancel();
}

std::optional<Error> Socket::refusal(TimePoint deadline, Interrupts interrupts) {
  if (aborted_) return fail(Errc::closed, "aborted");
  if (interrupts == Interrupts::heeded && std::exchange(interrupted_, false)) return fail(Errc::stopped);
  if (deadline <= std::chrono::steady_clock::now()) return fail(Errc::timeout);
  return std::nullopt;
}

Result<> Socket::join_reactor() {
  if (reactor_.is_open()) return {};
  boost::system::error_code code;
  reactor_.assign(descriptor_.get(), code);
  if (code) return fail(Errc::io, "epoll: " + code.message());
  return {};
}

void Socket::watch(TimePoint deadline) {
  uninterrupted_ = 0;
  if (!watch_) watch_ = std::make_shared<Watch>(reactor_.get_executor(), this);
  watch_->due = deadline;
  if (deadline < watch_->set_for) Watch::arm(watch_);
}

void Socket::expire() {
  expired_ = true;
  reactor_.cancel();
}

// A wait that abort() or interrupt() cancelled is explained by the next refusal().
std::optional<Error> Socket::after_wait(const boost::system::error_code& code) {
  watch_->due = TimePoint::max();
  const bool heeding = std::exchange(heeding_, false);
  const bool expired = std::exchange(expired_, false);
  if (aborted_ || (heeding && interrupted_)) return std::nullopt;
  if (expired) return fail(Errc::timeout);
  if (code) return fail(Errc::io, code.message());
  return std::nullopt;
}

}  // namespace sallyport::io
