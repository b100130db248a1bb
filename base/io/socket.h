// A non-blocking descriptor and the one place that waits for it: readiness, deadline, fairness, abort.
//
// Not movable: the timer's handler finds its socket through it. Thread rule: one thread, one operation
// at a time. The descriptor joins the reactor at the first wait, and the timer exists from then on, so
// that a socket may be made on another thread than the one that will use it.
//
// One timer a socket: it is moved only for an earlier deadline, and compares the deadline when it
// fires. A session that reads a thousand lines under a deadline of five minutes touches it about once.
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/io/attempt.h"
#include "base/io/descriptor.h"
#include "base/io/task.h"
#include "base/result.h"

namespace sallyport::io {

class Socket {
 public:
  Socket(const Executor& executor, Descriptor descriptor);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int descriptor() const { return descriptor_.get(); }

  // Tries until the attempt is done or has failed, waiting for the descriptor in between. A deadline
  // that has passed wins over bytes that are there: a sender who never pauses cannot outlive it.
  // Errors besides the attempt's own: timeout, closed (aborted), stopped (interrupted), io.
  enum class Interrupts { ignored, heeded };
  Task<Result<std::size_t>> drive(std::function<Attempt()> attempt, TimePoint deadline,
                                  Interrupts interrupts = Interrupts::ignored);

  void abort();  // ends the operation under way, and every later one at once, with `closed`
  bool aborted() const { return aborted_; }
  void interrupt();  // ends the operation under way that heeds it, or else the next such, with `stopped`
  void close();      // no operation may be under way

 private:
  struct Watch;  // the timer, shared with its pending handler

  std::optional<Error> refusal(TimePoint deadline, Interrupts interrupts);
  Result<> join_reactor();
  void watch(TimePoint deadline);
  void expire();
  std::optional<Error> after_wait(const boost::system::error_code& code);

  Descriptor descriptor_;
  boost::asio::posix::basic_stream_descriptor<Executor> reactor_;  // borrows descriptor_
  std::shared_ptr<Watch> watch_;
  unsigned uninterrupted_ = 0;  // attempts done since the last wait
  bool aborted_ = false;
  bool expired_ = false;      // by the timer
  bool interrupted_ = false;  // and nothing has heeded it yet
  bool heeding_ = false;      // the wait under way would
};

}  // namespace sallyport::io
