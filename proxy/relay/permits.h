// A count of things that may be held at once, over all cores, with those who wait in the order they came.
//
// A Permit gives itself back when it is destroyed, on whatever core; it then goes to the first who waits,
// who is woken on its own core. A Place is a place in the queue: it is left by destroying it, with nothing
// lost that had been granted meanwhile. Thread rule: everything may be called from every core, except
// that a Place belongs to the core it was taken on. Nothing here waits under the lock.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "base/io/task.h"

namespace sallyport::relay {

class Permits;

class Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept = default;
  Permit& operator=(Permit&& other) noexcept;
  ~Permit() { give_back(); }
  explicit operator bool() const { return from_ != nullptr; }

 private:
  friend class Permits;
  explicit Permit(std::shared_ptr<Permits> from) : from_(std::move(from)) {}
  void give_back();
  std::shared_ptr<Permits> from_;
};

// What a waiter may be handed instead of a bare permit, by somebody on its own core who holds one.
class Gift {
 public:
  virtual ~Gift() = default;
};

class Permits : public std::enable_shared_from_this<Permits> {
  struct Waiter;

 public:
  explicit Permits(io::TaskGroup& tasks) : tasks_(tasks) {}
  Permits(const Permits&) = delete;
  Permits& operator=(const Permits&) = delete;

  class Place {
   public:
    Place(std::shared_ptr<Permits> permits, std::shared_ptr<Waiter> waiter);
    Place(Place&&) noexcept = default;
    ~Place();
    // Until granted or the deadline: afterwards at most one of the two below holds something.
    io::Task<> wait(TimePoint deadline);
    Permit take_permit();
    std::unique_ptr<Gift> take_gift();

   private:
    std::shared_ptr<Permits> permits_;
    std::shared_ptr<Waiter> waiter_;
  };

  std::optional<Permit> try_take(int limit);
  // `wants` tells waiters for different gifts apart; it must outlive the place.
  Place queue_up(const io::Executor& executor, int limit, const void* wants = nullptr);
  io::Task<Permit> take(int limit, TimePoint deadline);

  // Hands `gift` to a waiter of this core that `fits`, unless another has been passed over too often.
  // Gives it back if there is nobody to hand it to.
  using Fits = bool (*)(const void* wants, const Gift& gift);
  std::unique_ptr<Gift> hand_over(const io::Executor& executor, std::unique_ptr<Gift> gift, Fits fits);
  bool awaited() const;  // somebody waits

 private:
  friend class Permit;
  void give_back();
  void leave(const std::shared_ptr<Waiter>& waiter);
  void grant(std::unique_lock<std::mutex> lock);
  static io::Task<> wake(std::shared_ptr<Waiter> waiter);

  io::TaskGroup& tasks_;
  mutable std::mutex mutex_;
  int held_ = 0;
  std::deque<std::shared_ptr<Waiter>> queue_;
};

// Two executors of the same core.
bool same_core(const io::Executor& a, const io::Executor& b);

}  // namespace sallyport::relay
