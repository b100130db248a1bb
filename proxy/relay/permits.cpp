#include "proxy/relay/permits.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/needed_memory.h"

namespace sallyport::relay {
namespace {

// How often a waiter may see a connection go to somebody behind it, on the core that holds the
// connection, before its turn costs that core the connection.
constexpr int kMaxPassedOver = 8;

}  // namespace

struct Permits::Waiter {
  Waiter(const io::Executor& on, int limit_, const void* wants_)
      : executor(on), signal(on), limit(limit_), wants(wants_) {}

  io::Executor executor;
  io::Signal signal;
  int limit;
  const void* wants;
  int passed_over = 0;
  bool queued = false;  // under the lock, as are the two below
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
  permits_->leave(waiter_);
  // What was granted and not taken goes back, on this core.
  take_permit();
  take_gift();
}

io::Task<> Permits::Place::wait(TimePoint deadline) {
  co_await waiter_->signal.wait(deadline);
  permits_->leave(waiter_);
}

Permit Permits::Place::take_permit() { return std::move(waiter_->permit); }
std::unique_ptr<Gift> Permits::Place::take_gift() { return std::move(waiter_->gift); }

std::optional<Permit> Permits::try_take(int limit) {
  const std::lock_guard lock(mutex_);
  if (held_ >= limit || !queue_.empty()) return std::nullopt;
  ++held_;
  return Permit(shared_from_this());
}

Permits::Place Permits::queue_up(const io::Executor& executor, int limit, const void* wants) {
  auto waiter = std::make_shared<Waiter>(executor, limit, wants);
  std::unique_lock lock(mutex_);
  waiter->queued = true;
  queue_.push_back(waiter);
  grant(std::move(lock));
  return Place(shared_from_this(), std::move(waiter));
}

io::Task<Permit> Permits::take(int limit, TimePoint deadline) {
  if (auto permit = try_take(limit)) co_return std::move(*permit);
  auto place = queue_up(co_await io::this_executor(), limit);
  co_await place.wait(deadline);
  co_return place.take_permit();
}

std::unique_ptr<Gift> Permits::hand_over(const io::Executor& executor, std::unique_ptr<Gift> gift,
                                         Fits fits) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(queue_, [&](const auto& waiter) {
    return waiter->wants && same_core(waiter->executor, executor) && fits(waiter->wants, *gift);
  });
  if (found == queue_.end()) return gift;
  if (found != queue_.begin() && ++queue_.front()->passed_over > kMaxPassedOver) return gift;
  const auto waiter = *found;
  queue_.erase(found);
  waiter->queued = false;
  waiter->gift = std::move(gift);
  waiter->signal.notify();
  return nullptr;
}

bool Permits::awaited() const {
  const std::lock_guard lock(mutex_);
  return !queue_.empty();
}

void Permits::give_back() {
  std::unique_lock lock(mutex_);
  --held_;
  grant(std::move(lock));
}

void Permits::leave(const std::shared_ptr<Waiter>& waiter) {
  std::unique_lock lock(mutex_);
  if (!std::exchange(waiter->queued, false)) return;
  std::erase(queue_, waiter);
  grant(std::move(lock));
}

// To the first who waits, as long as its limit allows. Wakes outside the lock: spawning may run anything.
void Permits::grant(std::unique_lock<std::mutex> lock) {
  const NeededMemory needed;  // a permit is given back in destructors
  std::vector<std::shared_ptr<Waiter>> granted;
  while (!queue_.empty() && held_ < queue_.front()->limit) {
    auto waiter = std::move(queue_.front());
    queue_.pop_front();
    waiter->queued = false;
    waiter->permit = Permit(shared_from_this());
    ++held_;
    granted.push_back(std::move(waiter));
  }
  lock.unlock();
  for (auto& waiter : granted) {
    const auto executor = waiter->executor;
    tasks_.spawn(executor, "permit", wake(std::move(waiter)));
  }
}

bool same_core(const io::Executor& a, const io::Executor& b) { return &a.context() == &b.context(); }

}  // namespace sallyport::relay
