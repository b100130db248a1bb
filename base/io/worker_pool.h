// A bounded pool of threads for work that may block (files, name look-ups, password hashes).
//
// One pool a kind of work, so that none starves another. Waiting work is bounded too: over the bound
// run() fails with `limit` at once. A pool may die before or after the loops whose tasks use it: work
// that nobody waits for any more is dropped, or its result is.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "base/io/task.h"
#include "base/result.h"

namespace sallyport::io {

class WorkerPool {
 public:
  // `farewell`: so long the end waits for what runs, which is left behind then, with its threads: of such a
  // pool all work owns what it touches.
  WorkerPool(const char* name, int threads, std::size_t max_waiting,
             std::optional<std::chrono::milliseconds> farewell = std::nullopt);
  ~WorkerPool();  // finishes what runs, drops what waits (its waiters get `stopped`)
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Runs `work` on a thread of the pool and resumes the caller on its own executor. After `deadline`
  // the caller goes on with `timeout`, and `work` may still run: with a deadline it must own all that
  // it touches. What it throws becomes `io`.
  Task<Result<>> run(std::function<Result<>()> work, TimePoint deadline = TimePoint::max());

 private:
  class Impl;
  const std::optional<std::chrono::milliseconds> farewell_;
  std::shared_ptr<Impl> impl_;  // its threads hold it too
};

}  // namespace sallyport::io
