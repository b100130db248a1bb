#include "proxy/relay/permits.h"

#include <algorithm>
#include <utility>

#include "base/needed_memory.h"

namespace sallyport::relay {
namespace {

// How often something is handed over at least before a permit changes the core, while both cores wait.
constexpr int kHandedBetween = 8;

}  // namespace

struct Permits::Waiter {
  Waiter(const io::Executor& on, int limit_, const void* wants_)
      : executor(on), signal(on), limit(limit_), wants(wants_) {}

  io::Executor executor;
  io::Signal signal;
  int limit;
  const void* wants;
  TimePoint since = std::chrono::steady_clock::now();
  Queue* queue = nullptr;  // it waits in; under the lock, as are the three below
  Queue::iterator place{};
  Permit permit;
  std::unique_ptr<Gift> gift;
};

// On the waiter's core. Waking is all: the waiter may have left meanwhile.
io::Task<> Permits::wake(std::shared_ptr<Waiter> waiter) {
  waiter->signal.notify();
  co_return;
}

Permit& Permit::operator=(Permit&& other) noexcept {
  if (this != &other) {
    give_back();
    from_ = std::move(other.from_);
  }
  return *this;
}

void Permit::give_back() {
  if (auto from = std::exchange(from_, nullptr)) from->give_back();
}

Permits::Place::Place(std::shared_ptr<Permits> permits, std::shared_ptr<Waiter> waiter)
    : permits_(std::move(permits)), waiter_(std::move(waiter)) {}

Permits::Place::~Place() {
  if (!waiter_) return;
  permits_->leave(*waiter_);
  // What was granted and not taken goes back, on this core.
  take_permit();
  take_gift();
}

io::Task<> Permits::Place::wait(TimePoint deadline) {
  co_await waiter_->signal.wait(deadline);
  permits_->leave(*waiter_);
}

io::Task<bool> Permits::Place::wait_a_while(TimePoint deadline) {
  if (!co_await waiter_->signal.wait(deadline)) co_return false;
  waiter_->signal.notify();  // for wait()
  co_return true;
}

Permit Permits::Place::take_permit() { return std::move(waiter_->permit); }
std::unique_ptr<Gift> Permits::Place::take_gift() { return std::move(waiter_->gift); }

std::optional<Permit> Permits::try_take(int limit) {
  const std::lock_guard lock(mutex_);
  if (held_ >= limit || waiting_ != 0) return std::nullopt;
  ++held_;
  return Permit(shared_from_this());
}

Permits::Place Permits::queue_up(const io::Executor& executor, int limit, const void* wants) {
  auto waiter = std::make_shared<Waiter>(executor, limit, wants);
  std::unique_lock lock(mutex_);
  waiter->queue = &queue_of(executor);
  waiter->place = waiter->queue->insert(waiter->queue->end(), waiter);
  ++waiting_;
  grant(std::move(lock));
  return Place(shared_from_this(), std::move(waiter));
}

io::Task<Permit> Permits::take(int limit, TimePoint deadline) {
  if (auto permit = try_take(limit)) co_return std::move(*permit);
  auto place = queue_up(co_await io::this_executor(), limit);
  co_await place.wait(deadline);
  co_return place.take_permit();
}

Permits::Queue& Permits::queue_of(const io::Executor& executor) {
  for (auto& core : cores_) {
    if (same_core(core.executor, executor)) return core.queue;
  }
  return cores_.emplace_back(Core{executor, {}}).queue;
}

const Permits::Queue* Permits::find_queue(const io::Executor& executor) const {
  for (const auto& core : cores_) {
    if (same_core(core.executor, executor)) return core.queue.empty() ? nullptr : &core.queue;
  }
  return nullptr;
}

Permits::Queue* Permits::longest_waiting() {
  Queue* longest = nullptr;
  for (auto& core : cores_) {
    if (core.queue.empty()) continue;
    if (!longest || core.queue.front()->since < longest->front()->since) longest = &core.queue;
  }
  return longest;
}

std::shared_ptr<Permits::Waiter> Permits::take_out(Queue& queue, Queue::iterator at) {
  auto waiter = std::move(*at);
  queue.erase(at);
  waiter->queue = nullptr;
  --waiting_;
  return waiter;
}

std::unique_ptr<Gift> Permits::hand_over(const io::Executor& executor, std::unique_ptr<Gift> gift,
                                         Fits fits) {
  const std::lock_guard lock(mutex_);
  if (waiting_ == 0) return gift;
  auto& queue = queue_of(executor);
  const auto found = std::ranges::find_if(
      queue, [&](const auto& waiter) { return waiter->wants && fits(waiter->wants, *gift); });
  if (found == queue.end()) return gift;
  const auto waiter = take_out(queue, found);
  waiter->gift = std::move(gift);
  ++handed_;
  waiter->signal.notify();
  return nullptr;
}

bool Permits::turn_of_another(const io::Executor& executor) {
  const std::lock_guard lock(mutex_);
  if (waiting_ == 0) return false;
  const auto* here = find_queue(executor);
  const auto* longest = longest_waiting();
  if (longest == here) return false;
  const auto now = std::chrono::steady_clock::now();
  const auto than = here ? here->front()->since : now;
  if (than - longest->front()->since < kGrace || now - moved_ < kGrace) return false;
  if (here && handed_ < kHandedBetween) return false;
  moved_ = now;
  handed_ = 0;
  return true;
}

bool Permits::awaited() const {
  const std::lock_guard lock(mutex_);
  return waiting_ != 0;
}

bool Permits::awaited_on(const io::Executor& executor) const {
  const std::lock_guard lock(mutex_);
  return find_queue(executor) != nullptr;
}

void Permits::give_back() {
  std::unique_lock lock(mutex_);
  --held_;
  grant(std::move(lock));
}

void Permits::leave(Waiter& waiter) {
  std::unique_lock lock(mutex_);
  if (!waiter.queue) return;
  const auto left = take_out(*waiter.queue, waiter.place);
  grant(std::move(lock));
}

// To who has waited longest, as long as its limit allows. Wakes outside the lock: spawning may run
// anything.
void Permits::grant(std::unique_lock<std::mutex> lock) {
  const NeededMemory needed;  // a permit is given back in destructors
  std::vector<std::shared_ptr<Waiter>> granted;
  for (auto* queue = longest_waiting(); queue && held_ < queue->front()->limit; queue = longest_waiting()) {
    granted.push_back(take_out(*queue, queue->begin()));
    granted.back()->permit = Permit(shared_from_this());
    ++held_;
  }
  lock.unlock();
  for (auto& waiter : granted) {
    const auto executor = waiter->executor;
    tasks_.spawn(executor, "permit", wake(std::move(waiter)));
  }
}

bool same_core(const io::Executor& a, const io::Executor& b) { return &a.context() == &b.context(); }

}  // namespace sallyport::relay
