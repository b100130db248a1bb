// What greylisting remembers of clients, senders and recipients, in the state store; policy/greylist.h has
// the rule, and proxy/greylist_waiting.h what is shown to people. Kinds: "greylist" (who waits, and who has
// passed) and "greylist-known" (identities).
//
// One for all cores: every function may be called from any thread, and none waits for the disk. Two cores
// that judge the same recipient at once see what one of them would have seen.
#pragma once

#include "base/store/state_store.h"
#include "policy/greylist.h"

namespace sallyport::proxy {

struct GreylistCase {
  policy::ClientIdentity identity;
  mail::Path sender;
  mail::Path recipient;
  // Nobody is told to wait, so that who comes again proves nothing: to whom it acts on, its client is no
  // better known for it.
  bool watched = false;
};

struct GreylistStanding {
  policy::GreylistStep step;
  bool known = false;   // its identity waits no more, whatever the step
  bool unread = false;  // not found while the state is still being read: it may have passed
  bool defers() const { return !known && !unread && step.defers(); }
};

class Greylist {
 public:
  explicit Greylist(store::StateStore& state) : state_(state) {}

  // Changes nothing.
  GreylistStanding look(const GreylistCase& one, const policy::GreylistSettings& settings) const;
  // It is answered so.
  void keep(const GreylistCase& one, const GreylistStanding& standing,
            const policy::GreylistSettings& settings);

 private:
  std::optional<policy::GreylistIdentity> identity(const std::string& key) const;
  bool is_known(const GreylistCase& one, const policy::GreylistSettings& settings) const;
  void keep_step(const GreylistCase& one, const policy::GreylistStep& step);
  void keep_identity(const std::string& key, const policy::GreylistIdentity& identity,
                     const policy::GreylistSettings& settings);

  store::StateStore& state_;
};

}  // namespace sallyport::proxy
