// Who waits by greylisting, by name, and what all of it has cost: for people; no decision reads it.
//
// In the state store. Kinds: "greylist-waiting", under the key of its record in "greylist", until it comes
// back or its window is over; "greylist-day", counters of a day (UTC), kept for `kDays`. From any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/store/state_store.h"
#include "policy/client_identity.h"
#include "policy/greylist.h"

namespace sallyport::proxy {

struct GreylistWaiter {
  std::string key;
  WallTime first;
  std::string identity;
  std::string sender;  // "" = <>
  std::string recipient;
  bool passed = false;  // then no name of the three is known
};

struct GreylistDay {
  std::uint32_t begun = 0;
  std::uint32_t came_back = 0;
  std::uint64_t seconds = 0;  // that those waited, together

  std::string packed() const;  // 16 octets
  static std::optional<GreylistDay> unpack(std::string_view packed);
};

class GreylistWaiting {
 public:
  static constexpr int kDays = 36;

  explicit GreylistWaiting(store::StateStore& state) : state_(state) {}

  void begins(const GreylistWaiter& waiter, WallTime until);
  void came_back(const std::string& key, Duration waited);

  // In no order; false from `visitor`: enough.
  void show(const std::function<bool(const GreylistWaiter&)>& visitor) const;
  // The next try passes, whenever it comes within `remember`. false: it does not wait.
  bool release(const std::string& key, Duration remember);
  // Those of a choice that have passed, in no order; no names are kept of them.
  std::vector<GreylistWaiter> passed(const policy::GreylistChoice& choice) const;
  // As if it had never come, or passed. false: nothing was known.
  bool forget(const std::string& key);
  bool forget_client(const std::string& client);  // that it is known
  // The last `days`, today among them.
  GreylistDay sum(int days) const;
  std::size_t count() const;  // may include some whose window is over

 private:
  void count(const std::function<void(GreylistDay&)>& change);

  store::StateStore& state_;
};

}  // namespace sallyport::proxy
