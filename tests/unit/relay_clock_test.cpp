// What is remembered of recipients and deliveries when the wall clock jumps: neither less nor longer.
#include <doctest/doctest.h>

#include "base/mail/replies.h"
#include "base/store/state_store.h"
#include "proxy/relay/delivered_memory.h"
#include "proxy/relay/recipient_memory.h"
#include "tests/unit/relay_bench.h"
#include "tests/unit/store_scratch.h"

namespace sallyport::relay::testing {
namespace {

using store::TestClock;

constexpr Duration kYear = 24h * 365;

Route route_to_hop() {
  Route route;
  route.hosts = {{.name = "hop.example.test"}};
  return route;
}

// Everything that is remembered, put down before or after the jump.
class Remembering {
 public:
  void put_all() {
    const mail::Reply refusal = mail::reply(mail::Refusal::recipient_unknown);
    recipients_.found(route_, found_);
    recipients_.unknown(route_, unknown_, refusal);
    recipients_.set_trust(route_, found_, DomainTrust::verifiable);
    Envelope mail = envelope({}, "s@example.net");
    recipients_.refused(mail, found_, refusal);
    io::EventLoop loop;
    loop.run(deliver());
  }

  void pass(Duration time) { clock.time += std::chrono::duration_cast<WallTime::duration>(time); }

  bool knows_unknown() const { return recipients_.recall(route_, unknown_).has_value(); }
  bool knows_found() const { return recipients_.recall(route_, found_).has_value(); }
  bool is_fresh() const { return knows_found() && recipients_.recall(route_, found_)->fresh; }
  bool knows_trust() const { return recipients_.trust(route_, found_) != DomainTrust::untested; }
  bool knows_refusal() { return recipients_.take_refusal({{}, sender_, kClient}, found_).has_value(); }
  bool knows_delivery() const {
    return delivered_.may_know(sender_, found_) && delivered_.knows(sender_, found_, "digest");
  }

  TestClock clock;

 private:
  io::Task<> deliver() {
    const std::vector<mail::Path> all{found_};
    CHECK((co_await delivered_.remember(sender_, all, "digest")).has_value());
  }

  std::unique_ptr<store::StateStore> state_ =
      *store::StateStore::open("", clock, [](std::string_view what) { FAIL_CHECK(std::string(what)); });
  Route route_ = route_to_hop();
  mail::Path sender_ = path("s@example.net");
  mail::Path found_ = path("anna@example.test"), unknown_ = path("nobody@example.test");
  RecipientMemory recipients_{*state_};
  DeliveredMemory delivered_{*state_};
};

}  // namespace

TEST_CASE("X09 relay: a jump of the wall clock ends nothing that is remembered") {
  for (const Duration jump : {Duration(1h), Duration(-1h), kYear, -kYear, 10 * kYear, -56 * kYear})
    for (const bool put_after : {false, true}) {
      CAPTURE(jump.count());
      CAPTURE(put_after);
      Remembering memory;
      if (!put_after) memory.put_all();
      memory.clock.jumped = jump;
      if (put_after) memory.put_all();
      memory.pass(9min);
      CHECK(memory.knows_unknown());
      CHECK(memory.is_fresh());
      CHECK(memory.knows_trust());
      memory.pass(2min);
      CHECK_FALSE(memory.knows_unknown());
      memory.pass(50min);
      CHECK_FALSE(memory.is_fresh());
      CHECK(memory.knows_found());
      CHECK_FALSE(memory.knows_trust());
      CHECK(memory.knows_refusal());
      memory.pass(24h);
      CHECK_FALSE(memory.knows_refusal());
      memory.pass(24h * 3);
      CHECK(memory.knows_delivery());
      memory.pass(24h);
      CHECK_FALSE(memory.knows_delivery());
      memory.pass(24h * 25);
      CHECK(memory.knows_found());
      memory.pass(24h * 2);
      CHECK_FALSE(memory.knows_found());
    }
}
}  // namespace sallyport::relay::testing
