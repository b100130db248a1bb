// What is held against clients, in the state store; policy/penalty.h has the rule. Kind: "rate", beside
// what Rates counts there.
//
// One for all cores: every function may be called from any thread, and none waits for the disk.
#pragma once

#include <optional>
#include <string>

#include "base/store/state_store.h"
#include "policy/client_identity.h"
#include "policy/penalty.h"

namespace sallyport::proxy {

class Penalties {
 public:
  explicit Penalties(store::StateStore& state) : state_(state) {}

  policy::PenaltyStanding look(const IpAddress& client, const policy::ClientIdentity& identity,
                               const policy::PenaltySettings& settings) const;
  // Of the network and of who it is.
  void charge(const IpAddress& client, const policy::ClientIdentity& identity, int weight,
              const policy::PenaltySettings& settings);
  void taken(const IpAddress& client, const policy::ClientIdentity& identity,
             const policy::PenaltySettings& settings);

 private:
  std::optional<policy::PenaltyRecord> record(const std::string& name, WallTime now,
                                              const policy::PenaltySettings& settings) const;
  template <class Step>
  void update(const IpAddress& client, const policy::ClientIdentity& identity,
              const policy::PenaltySettings& settings, Step step);

  store::StateStore& state_;
};

}  // namespace sallyport::proxy
