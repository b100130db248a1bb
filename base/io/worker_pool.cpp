#include "base/io/worker_pool.h"

#include <pthread.h>

#include <boost/asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/needed_memory.h"

namespace sallyport::io {
namespace {

// One piece of work and whoever waits for it. The waiter may vanish at any time (its deadline passes,
// its loop is destroyed), so the pool's threads reach it under the lock only.
class Job : public std::enable_shared_from_this<Job> {
 public:
  Job(std::function<Result<>()> work, Executor executor, Signal* waiter)
      : work_(std::move(work)), executor_(std::move(executor)), waiter_(waiter) {}

  void perform() {
    if (abandoned()) return;
    Result<> result = guarded_work();
    work_ = nullptr;  // what it holds is released here, not on the waiter's core
    finish(std::move(result));
  }

  void finish(Result<> result) {
    const std::lock_guard lock(mutex_);
    if (waiter_ == nullptr) return;
    result_ = std::move(result);
    boost::asio::post(executor_, [job = shared_from_this()] {
      if (!job->abandoned()) job->waiter_->notify();  // the waiter's own thread: it cannot vanish now
    });
  }

  void abandon() {
    const std::lock_guard lock(mutex_);
    waiter_ = nullptr;
  }

  Result<> take_result() {
    const std::lock_guard lock(mutex_);
    return std::move(result_);
  }

 private:
  bool abandoned() {
    const std::lock_guard lock(mutex_);
    return waiter_ == nullptr;
  }

  Result<> guarded_work() {
    try {
      return work_();
    } catch (const std::exception& exception) {
      return fail(Errc::io, exception.what());
    }
  }

  std::function<Result<>()> work_;
  std::mutex mutex_;
  Executor executor_;
  Signal* waiter_;
  Result<> result_;
};

// Abandons the job however the waiting task ends, its loop's destruction included.
class Waiting {
 public:
  explicit Waiting(std::shared_ptr<Job> job) : job_(std::move(job)) {}
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() { job_->abandon(); }

 private:
  std::shared_ptr<Job> job_;
};

}  // namespace

class WorkerPool::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(int threads, std::size_t max_waiting) : capacity_(static_cast<std::size_t>(threads) + max_waiting) {}

  void start(const char* name, int threads) {
    for (int i = 0; i < threads; ++i) {
      std::thread& thread = threads_.emplace_back([self = shared_from_this()] { self->serve(); });
      pthread_setname_np(thread.native_handle(), name);
    }
  }

  void stop(std::optional<std::chrono::milliseconds> farewell) {
    std::deque<std::shared_ptr<Job>> dropped;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      dropped.swap(waiting_);
    }
    changed_.notify_all();
    for (const auto& job : dropped) job->finish(fail(Errc::stopped));
    const bool idle = !farewell || becomes_idle_within(*farewell);
    for (std::thread& thread : threads_) idle ? thread.join() : thread.detach();
  }

  bool add(std::shared_ptr<Job> job) {
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() + busy_ >= capacity_) return false;
      waiting_.push_back(std::move(job));
    }
    changed_.notify_one();
    return true;
  }

 private:
  void serve() {
    const NeededMemory needed;  // a thread has nobody to throw to
    while (const auto job = next()) {
      job->perform();
      const std::lock_guard lock(mutex_);
      --busy_;
      if (stopping_) changed_.notify_all();
    }
  }

  bool becomes_idle_within(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [this] { return busy_ == 0; });
  }

  std::shared_ptr<Job> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return nullptr;
    auto job = std::move(waiting_.front());
    waiting_.pop_front();
    ++busy_;
    return job;
  }

  const std::size_t capacity_;  // waiting and being worked on
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> waiting_;
  std::size_t busy_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

WorkerPool::WorkerPool(const char* name, int threads, std::size_t max_waiting,
                       std::optional<std::chrono::milliseconds> farewell)
    : farewell_(farewell), impl_(std::make_shared<Impl>(threads, max_waiting)) {
  impl_->start(name, threads);
}

WorkerPool::~WorkerPool() { impl_->stop(farewell_); }

Task<Result<>> WorkerPool::run(std::function<Result<>()> work, TimePoint deadline) {
  const Executor executor = co_await this_executor();
  Signal done(executor);
  const auto job = std::make_shared<Job>(std::move(work), executor, &done);
  const Waiting waiting(job);
  if (!impl_->add(job)) co_return fail(Errc::limit, "too much work is waiting");
  if (!co_await done.wait(deadline)) co_return fail(Errc::timeout);
  co_return job->take_result();
}

}  // namespace sallyport::io
