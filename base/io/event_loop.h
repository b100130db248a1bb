// One event loop for each core, and the signals of the process, without Asio's headers.
//
// A loop runs on one thread; its tasks need no locks among themselves. executor() and stop() may be
// used from every thread, all else from the loop's own. Declare the loop after everything that its
// tasks touch: destroying it destroys the tasks that have not ended.
#pragma once

#include <initializer_list>
#include <memory>

#include "base/io/task.h"

namespace sallyport::io {

class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  Executor executor() const;

  // Serves tasks on the calling thread until stop().
  void run();
  // Serves tasks until `task` has ended; what it throws, this throws.
  void run(Task<> task);
  void stop();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// Signals of the process as something to await. Between two waits they are kept, not lost; while the
// set lives their default action does not happen.
class SignalSet {
 public:
  SignalSet(const Executor& executor, std::initializer_list<int> numbers);
  ~SignalSet();
  SignalSet(const SignalSet&) = delete;
  SignalSet& operator=(const SignalSet&) = delete;

  Task<int> wait();  // the signal's number; 0 after cancel()
  void cancel();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A peer that is gone must be an error of write(), not the end of the process: OpenSSL writes with
// write(2), which has no MSG_NOSIGNAL. Every program that uses streams calls this first.
void ignore_sigpipe();

}  // namespace sallyport::io
