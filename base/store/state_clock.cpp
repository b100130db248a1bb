#include "base/store/state_clock.h"

#include <chrono>

namespace sallyport::store {
namespace {

constexpr Duration kDrift = std::chrono::minutes(1);
constexpr Duration kBelieved = std::chrono::hours(24);
constexpr Duration kHeld = std::chrono::hours(1);

Duration steady(const Clock& clock) { return clock.now().time_since_epoch(); }
Duration wall(const Clock& clock) { return clock.wall().time_since_epoch(); }

}  // namespace

StateClock::StateClock(const Clock& clock, std::optional<Reading> last) : clock_(clock) {
  const Duration now = steady(clock);
  offset_ = (last ? last->store.time_since_epoch() : wall(clock)) - now;
  wall_offset_ = (last ? last->wall.time_since_epoch() : wall(clock)) - now;
  starting_ = last.has_value();
  look();
}

WallTime StateClock::now() const {
  return WallTime(steady(clock_) + offset_.load(std::memory_order_relaxed));
}

StateClock::Reading StateClock::reading() const {
  return {.store = now(), .wall = WallTime(steady(clock_) + wall_offset_)};
}

void StateClock::look() {
  const Duration deviation = wall(clock_) - steady(clock_) - wall_offset_;
  const bool drift = deviation >= -kDrift && deviation <= kDrift;
  const bool passed = starting_ && deviation >= Duration::zero() && deviation <= kBelieved;
  if (!drift && !passed) return doubt(deviation);
  offset_ = offset_.load() + deviation;
  wall_offset_ += deviation;
  doubted_.reset();
  starting_ = false;
}

void StateClock::doubt(Duration deviation) {
  const TimePoint now = clock_.now();
  if (!doubted_ || deviation - *doubted_ > kDrift || *doubted_ - deviation > kDrift) {
    doubted_ = deviation;
    since_ = now;
  }
  if (now - since_ < kHeld) return;
  if (starting_ && deviation > Duration::zero()) offset_ = offset_.load() + deviation;
  wall_offset_ += deviation;
  doubted_.reset();
  starting_ = false;
}

}  // namespace sallyport::store
