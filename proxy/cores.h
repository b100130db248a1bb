// The cores of the gateway: one io loop each, on a thread of its own. A session belongs to one core all its
// life. Started and stopped by the one thread that runs the program; next() and find() from any.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "base/io/event_loop.h"
#include "base/io/task.h"
#include "proxy/session_registry.h"

namespace sallyport::proxy {

class Cores {
 public:
  struct Core {
    SessionRegistry registry;
    std::atomic<bool> answered{true};
    io::EventLoop loop;
    std::thread thread;
  };

  void start(int count);  // 0: as many as the machine has
  // Ends the loops, and destroys what is still in them.
  void stop();

  bool empty() const { return cores_.empty(); }
  std::span<const std::unique_ptr<Core>> all() const { return cores_; }
  io::Executor first() const { return cores_.front()->loop.executor(); }
  io::Executor next() const;  // in turn
  Core* find(const io::Executor& executor) const;

  // One that has not answered since the last call, if there is one; asks all others again.
  std::optional<int> silent(io::TaskGroup& tasks) const;

 private:
  std::vector<std::unique_ptr<Core>> cores_;
  mutable std::atomic<unsigned> next_{0};
};

}  // namespace sallyport::proxy
