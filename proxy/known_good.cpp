#include "proxy/known_good.h"

#include <iterator>

#include "proxy/session_limits.h"

namespace sallyport::proxy {

bool KnownGood::knows(const IpAddress& client, TimePoint now) const {
  const std::scoped_lock lock(mutex_);
  const auto found = last_.find(client_key(client));
  return found != last_.end() && now - found->second < kFor;
}

void KnownGood::delivered(const IpAddress& client, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  const IpAddress key = client_key(client);
  if (last_.size() >= kMost && !last_.contains(key)) make_room(now);
  last_[key] = now;
}

void KnownGood::make_room(TimePoint now) {
  std::erase_if(last_, [&](const auto& entry) { return now - entry.second >= kFor; });
  // Still full: a tenth of them, whoever they are, waits once more.
  if (last_.size() >= kMost) last_.erase(last_.begin(), std::next(last_.begin(), kMost / 10));
}

void KnownGood::forget(const IpAddress& client) {
  const std::scoped_lock lock(mutex_);
  last_.erase(client_key(client));
}

}  // namespace sallyport::proxy
