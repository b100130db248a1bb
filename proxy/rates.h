// What `limits.rate` has counted, in the state store; policy/rates.h has the rule. Kind: "rate". Each limit
// counts for itself: users that a rule gives another limit have another count, and a limit that is written
// anew begins anew.
//
// One for all cores: every function may be called from any thread, and none waits for the disk. While the
// state is still being read, or its disk is broken, memory alone counts.
#pragma once

#include <string>
#include <string_view>

#include "base/store/state_store.h"
#include "policy/rates.h"

namespace sallyport::proxy {

struct RateCase {
  policy::Rated rated;
  policy::Rate rate;  // is on
  std::string who;

  bool operator==(const RateCase&) const = default;
};

class Rates {
 public:
  explicit Rates(store::StateStore& state) : state_(state) {}

  // How long until there is room for one more; zero: there is.
  Duration look(const RateCase& one) const;
  // Counts one more where there is room, and says the same as look() did before.
  Duration take(const RateCase& one);
  void give_back(const RateCase& one);
  // Whether there is room or not.
  void count(const RateCase& one, std::uint64_t more);

 private:
  template <class Step>
  void update(const RateCase& one, Step step);

  store::StateStore& state_;
};

}  // namespace sallyport::proxy
