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

// Where something is counted: what only observes is held against nobody by what acts.
enum class Ledger : std::uint8_t { acting, watching };

struct Penalized {
  const IpAddress& client;
  const policy::ClientIdentity& identity;
};

class Penalties {
 public:
  explicit Penalties(store::StateStore& state) : state_(state) {}

  // What acts sees its own ledger, what observes both. `unbooked`: not charged yet, and counted all the
  // same.
  policy::PenaltyStanding look(const Penalized& who, const policy::PenaltySettings& settings,
                               Ledger ledger = Ledger::acting, int unbooked = 0) const;
  // Of the network and of who it is.
  void charge(const Penalized& who, int weight, const policy::PenaltySettings& settings,
              Ledger ledger = Ledger::acting);
  void taken(const Penalized& who, const policy::PenaltySettings& settings, Ledger ledger = Ledger::acting);

 private:
  using Record = std::optional<policy::PenaltyRecord>;
  Record record(const std::string& name, Ledger ledger, WallTime now,
                const policy::PenaltySettings& settings) const;
  Record seen(const std::string& name, Ledger ledger, WallTime now,
              const policy::PenaltySettings& settings) const;
  template <class Step>
  void update(const Penalized& who, Ledger ledger, const policy::PenaltySettings& settings, Step step);

  store::StateStore& state_;
};

}  // namespace sallyport::proxy
