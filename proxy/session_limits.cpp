#include "proxy/session_limits.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/needed_memory.h"

namespace sallyport::proxy {
namespace {

constexpr std::size_t kMostRates = 50'000;
constexpr int kCrowd = 100;      // fewer sessions are not worth it
constexpr int kMostLogged = 10;  // refusals, a second

IpAddress network_key(const IpAddress& client) { return client.masked(client.is_v4() ? 96 + 24 : 48); }

void count_out(std::unordered_map<IpAddress, int>& counts, const IpAddress& key) {
  auto entry = counts.find(key);
  if (entry != counts.end() && --entry->second <= 0) counts.erase(entry);
}

}  // namespace

IpAddress client_key(const IpAddress& client) { return client.is_v4() ? client : client.masked(64); }

SessionLimits::Verdict SessionLimits::admit(const IpAddress& client, bool exempt, const Limits& limits,
                                            TimePoint now) {
  const NeededMemory needed;  // whoever is counted by half is never counted out
  const IpAddress address = client_key(client), network = network_key(client);
  std::scoped_lock lock(mutex_);
  if (const auto held = held_against(address, network, exempt, limits); held != Verdict::admitted)
    return held;
  if (!exempt && too_fast(network, limits.connects_per_network, now)) return Verdict::too_fast;
  most_ = std::max(most_, ++total_);
  ++addresses_[address];
  ++networks_[network];
  return Verdict::admitted;
}

SessionLimits::Verdict SessionLimits::held_against(const IpAddress& address, const IpAddress& network,
                                                   bool exempt, const Limits& limits) const {
  if (total_ >= limits.sessions) return Verdict::too_many;
  if (exempt) return Verdict::admitted;
  auto held = addresses_.find(address);
  if (held != addresses_.end() && held->second >= limits.sessions_per_address)
    return Verdict::too_many_for_address;
  held = networks_.find(network);
  if (held != networks_.end() && held->second >= limits.sessions_per_network)
    return Verdict::too_many_for_network;
  return Verdict::admitted;
}

SessionLimits::Verdict SessionLimits::look(const IpAddress& client, bool exempt, const Limits& limits,
                                           TimePoint now) const {
  const IpAddress network = network_key(client);
  std::scoped_lock lock(mutex_);
  if (const auto held = held_against(client_key(client), network, exempt, limits);
      held != Verdict::admitted)
    return held;
  const auto rate = rates_.find(network);
  const bool counted = !exempt && limits.connects_per_network > 0 && rate != rates_.end() &&
                       now - rate->second.minute < std::chrono::minutes(1);
  return counted && rate->second.connects >= limits.connects_per_network ? Verdict::too_fast
                                                                         : Verdict::admitted;
}

bool SessionLimits::too_fast(const IpAddress& network, int limit, TimePoint now) {
  if (limit <= 0) return false;
  if (rates_.size() >= kMostRates) forget_old_rates(now);
  Rate& rate = rates_[network];
  if (now - rate.minute >= std::chrono::minutes(1)) rate = {now, 0};
  return ++rate.connects > limit;
}

void SessionLimits::forget_old_rates(TimePoint now) {
  std::erase_if(rates_,
                [&](const auto& entry) { return now - entry.second.minute >= std::chrono::minutes(1); });
  if (rates_.size() < kMostRates) return;
  // Somebody with many networks comes once from each: that wipes out nobody who came more often.
  std::erase_if(rates_, [](const auto& entry) { return entry.second.connects <= 1; });
  if (rates_.size() >= kMostRates) rates_.erase(rates_.begin(), std::next(rates_.begin(), kMostRates / 10));
}

void SessionLimits::release(const IpAddress& client) {
  std::scoped_lock lock(mutex_);
  --total_;
  count_out(addresses_, client_key(client));
  count_out(networks_, network_key(client));
}

std::optional<int> SessionLimits::log_refusal(TimePoint now) {
  std::scoped_lock lock(mutex_);
  if (now - second_ >= std::chrono::seconds(1)) second_ = now, logged_ = 0;
  if (logged_ >= kMostLogged) {
    ++unlogged_;
    return std::nullopt;
  }
  ++logged_;
  return std::exchange(unlogged_, 0);
}

bool SessionLimits::crowd_has_gone() {
  std::scoped_lock lock(mutex_);
  if (most_ <= 2 * total_ + kCrowd) return false;
  most_ = total_;
  return true;
}

int SessionLimits::sessions() const {
  std::scoped_lock lock(mutex_);
  return total_;
}

Admission& Admission::operator=(Admission&& other) noexcept {
  std::swap(limits_, other.limits_);
  std::swap(client_, other.client_);
  return *this;
}

Admission::~Admission() {
  if (limits_) limits_->release(client_);
}

}  // namespace sallyport::proxy
