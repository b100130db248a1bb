#include "proxy/relay/host_state.h"

namespace sallyport::relay {
namespace {

constexpr int kFailures = 3;
constexpr Duration kPause = std::chrono::seconds(5);
constexpr Duration kTellAgain = std::chrono::seconds(60);

}  // namespace

bool HostState::may_connect(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (failures_ < kFailures) return true;
  if (probing_ || now < shut_until_) return false;
  probing_ = true;
  return true;
}

bool HostState::connected() {
  const std::lock_guard lock(mutex_);
  const bool was_down = failures_ >= kFailures;
  failures_ = 0;
  probing_ = false;
  return was_down;
}

bool HostState::failed(TimePoint now) {
  const std::lock_guard lock(mutex_);
  const bool was_down = failures_ >= kFailures;
  // Late failures of connects begun before the pause do not lengthen it.
  if (was_down && !probing_) return false;
  probing_ = false;
  if (++failures_ < kFailures) return false;
  failures_ = kFailures;
  shut_until_ = now + kPause;
  return !was_down;
}

void HostState::gave_up() {
  const std::lock_guard lock(mutex_);
  probing_ = false;
}

bool HostState::shut(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  return failures_ >= kFailures && (probing_ || now < shut_until_);
}

bool HostState::worth_telling(const std::string& kind, TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto [entry, first] = told_.try_emplace(kind, now);
  if (!first && now - entry->second < kTellAgain) return false;
  entry->second = now;
  return true;
}

std::optional<HopCapabilities> HostState::capabilities() const {
  const std::lock_guard lock(mutex_);
  return capabilities_;
}

void HostState::offered(const HopCapabilities& capabilities) {
  const std::lock_guard lock(mutex_);
  capabilities_ = capabilities;
}

std::shared_ptr<HostState> HostTable::of(const Host& host) {
  const std::lock_guard lock(mutex_);
  auto& state = hosts_[host];
  if (!state) state = std::make_shared<HostState>(host.to_string(), tasks_);
  return state;
}

}  // namespace sallyport::relay
