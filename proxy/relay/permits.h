// A count of things that may be held at once, over all cores, with those who wait.
//
// A Permit gives itself back when it is destroyed, on whatever core; it then goes to who has waited
// longest, and is woken on its own core. What the permit is for can be handed to a waiter of the same core
// instead; cores then share by how long their first has waited, and a permit changes the core seldom, since
// that costs what it was for. A Place is a place in the queue: it is left by destroying it, with nothing
// lost that had been granted meanwhile. Thread rule: everything may be called from every core, except
// that a Place belongs to the core it was taken on. Nothing here waits under the lock.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

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
    // Until granted or the deadline, and then leaves: at most one of the two below holds something.
    io::Task<> wait(TimePoint deadline);
    // The same, but stays in the queue; true: granted.
    io::Task<bool> wait_a_while(TimePoint deadline);
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

  // Hands `gift` to the first waiter of this core that it `fits`; gives it back if there is none.
  using Fits = bool (*)(const void* wants, const Gift& gift);
  std::unique_ptr<Gift> hand_over(const io::Executor& executor, std::unique_ptr<Gift> gift, Fits fits);
  // Somebody on another core has waited so much longer than anybody here that it is that core's turn. True
  // seldom: the caller is to give its permit back.
  bool turn_of_another(const io::Executor& executor);
  bool awaited() const;  // somebody waits
  bool awaited_on(const io::Executor& executor) const;
  // The longest that a permit stays where it is of no use while another core waits for one.
  static constexpr auto kGrace = std::chrono::milliseconds(20);

 private:
  friend class Permit;
  using Queue = std::list<std::shared_ptr<Waiter>>;  // in the order they came
  struct Core {
    io::Executor executor;
    Queue queue;
  };

  void give_back();
  void leave(Waiter& waiter);
  Queue& queue_of(const io::Executor& executor);
  const Queue* find_queue(const io::Executor& executor) const;
  Queue* longest_waiting();
  std::shared_ptr<Waiter> take_out(Queue& queue, Queue::iterator at);
  void grant(std::unique_lock<std::mutex> lock);
  static io::Task<> wake(std::shared_ptr<Waiter> waiter);

  io::TaskGroup& tasks_;
  mutable std::mutex mutex_;
  int held_ = 0;
  std::list<Core> cores_;  // that anybody waited on so far; queues stay where they are
  std::size_t waiting_ = 0;
  TimePoint moved_{};  // when a permit last changed the core
  int handed_ = 0;     // since then
};

// Two executors of the same core.
bool same_core(const io::Executor& a, const io::Executor& b);

}  // namespace sallyport::relay
