// Clients that had a message delivered in the last 24 hours: they do not wait for the greeting. Forgotten
// when a DNS list names them, and not by a reload: that their mail was taken stays true. In memory and
// bounded; of an IPv6 client its /64 is known.
//
// One table for all cores: every function may be called from any thread.
#pragma once

#include <cstddef>
#include <mutex>
#include <unordered_map>

#include "base/clock.h"
#include "base/ip_address.h"

namespace sallyport::proxy {

class KnownGood {
 public:
  static constexpr auto kFor = std::chrono::hours(24);
  static constexpr std::size_t kMost = 100'000;  // clients; beyond it others make room

  bool knows(const IpAddress& client, TimePoint now) const;
  void delivered(const IpAddress& client, TimePoint now);
  void forget(const IpAddress& client);

 private:
  void make_room(TimePoint now);

  mutable std::mutex mutex_;
  std::unordered_map<IpAddress, TimePoint> last_;
};

}  // namespace sallyport::proxy
