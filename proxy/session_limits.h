// How many sessions there are at once: in all, for one address, for its network; and how fast a network
// opens new ones. A client's address is an IPv4 address or the /64 of an IPv6 one; its network is the
// /24 or /48. One table for all cores: every function may be called from any thread.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/ip_address.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

// Under which a client is counted and known.
IpAddress client_key(const IpAddress& client);

class SessionLimits {
 public:
  enum class Verdict { admitted, too_many, too_many_for_address, too_many_for_network, too_fast };

  // Counts the session in if it is admitted. `exempt` (trusted networks, upstream) is counted, and never
  // refused but for the limit over all.
  Verdict admit(const IpAddress& client, bool exempt, const Limits& limits, TimePoint now);
  // What it would be by limits that are only observed; nothing is counted. How fast a network comes is
  // known where limits that act count it.
  Verdict look(const IpAddress& client, bool exempt, const Limits& limits, TimePoint now) const;
  void release(const IpAddress& client);
  int sessions() const;
  // Whether fewer than half are left of the most sessions there were since it last said so.
  bool crowd_has_gone();
  // Whether a refusal is worth a line in the log, and how many were not since the last: ten a second.
  std::optional<int> log_refusal(TimePoint now);

 private:
  struct Rate {
    TimePoint minute;
    int connects = 0;
  };
  Verdict held_against(const IpAddress& address, const IpAddress& network, bool exempt,
                       const Limits& limits) const;  // as client_key() and network_key() have them
  bool too_fast(const IpAddress& network, int limit, TimePoint now);
  void forget_old_rates(TimePoint now);

  mutable std::mutex mutex_;
  int total_ = 0;
  int most_ = 0;
  std::unordered_map<IpAddress, int> addresses_;
  std::unordered_map<IpAddress, int> networks_;
  std::unordered_map<IpAddress, Rate> rates_;
  TimePoint second_{};
  int logged_ = 0;
  int unlogged_ = 0;
};

// One admitted session, counted out when it ends.
class Admission {
 public:
  Admission() = default;
  Admission(SessionLimits& limits, const IpAddress& client) : limits_(&limits), client_(client) {}
  Admission(Admission&& other) noexcept
      : limits_(std::exchange(other.limits_, nullptr)), client_(other.client_) {}
  Admission& operator=(Admission&& other) noexcept;
  ~Admission();

 private:
  SessionLimits* limits_ = nullptr;
  IpAddress client_;
};

}  // namespace sallyport::proxy
