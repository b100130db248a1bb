// What `limits.rate` has counted, in the state store; policy/rates.h has the rule. Kind: "rate". Each limit
// counts for itself: users that a rule gives another limit have another count, and a limit that is written
// anew begins anew.
//
// One for all cores: every function may be called from any thread, and none waits for the disk. While the
// state is still being read, or its disk is broken, memory alone counts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/store/state_store.h"
#include "policy/rates.h"

namespace sallyport::proxy {

struct RateCase {
  policy::Rated rated;
  policy::Rate rate;  // is on
  std::string who;
  bool apart = false;  // only observed: no part of what is counted where limits act

  bool operator==(const RateCase&) const = default;
};

class Rates {
 public:
  explicit Rates(store::StateStore& state) : state_(state) {}

  // How long until there is room for one more; zero: there is.
  Duration look(const RateCase& one) const;
  struct Taken {
    Duration wait{0};    // as of look(), before
    double counted = 0;  // less than was wanted, where that is more than twice the limit
    WallTime at{};
  };
  enum class Over : std::uint8_t { refused, counted };
  // Counts where there is room for one, or whether there is or not.
  Taken take(const RateCase& one, std::uint64_t more = 1, Over over = Over::refused);
  // `counted` at that time, for nothing.
  void give_back(const RateCase& one, double counted, WallTime at);

 private:
  template <class Step>
  void update(const RateCase& one, WallTime now, Step step);

  store::StateStore& state_;
};

// What one transaction is counted for, from the moment it asks: however many are open at once, no more are
// than the limit says. Given back when it ends without a message that was taken.
class HeldRates {
 public:
  explicit HeldRates(Rates& rates) : rates_(rates) {}
  HeldRates(const HeldRates&) = delete;
  HeldRates& operator=(const HeldRates&) = delete;
  ~HeldRates();

  Duration take(const RateCase& one, std::uint64_t more = 1, Rates::Over over = Rates::Over::refused);
  bool has(const RateCase& one) const;
  void give_back(const RateCase& one);
  void give_back();
  void keep() { held_.clear(); }  // its message was taken

 private:
  struct Held {
    RateCase one;
    Rates::Taken taken;
  };
  Rates& rates_;
  std::vector<Held> held_;
};

}  // namespace sallyport::proxy
