#include <doctest/doctest.h>

#include <list>

#include "proxy/penalties.h"
#include "proxy/rates.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::proxy;
using namespace std::chrono_literals;
using Kind = policy::PenaltyStanding::Kind;
using policy::Rated;

namespace {

struct Bench {
  explicit Bench(std::string file = "") : state(std::move(*store::StateStore::open(file, clock, {}))) {}

  store::TestClock clock;
  std::unique_ptr<store::StateStore> state;
  Rates rates{*state};
  Penalties penalties{*state};
};

const RateCase kAnna{Rated::messages, {5, 1h}, "user anna"};
const IpAddress kClient = *IpAddress::parse("192.0.2.7");
const policy::ClientIdentity kNetwork = policy::identify(kClient);
const policy::ClientIdentity kProvider{policy::ClientIdentity::Kind::organisation, "provider.example"};
const policy::PenaltySettings kShipped;

}  // namespace

TEST_CASE("rates: counted for each identity, each thing and each limit") {
  Bench bench;
  for (int i = 0; i < 5; ++i) CHECK(bench.rates.take(kAnna).wait == 0s);
  CHECK(bench.rates.take(kAnna).wait == 12min);
  CHECK(bench.rates.look(kAnna) == 12min);
  for (const RateCase& other :
       {RateCase{Rated::messages, {5, 1h}, "user bert"}, RateCase{Rated::recipients, {5, 1h}, "user anna"},
        RateCase{Rated::messages, {6, 1h}, "user anna"}})
    CHECK(bench.rates.look(other) == 0s);
  bench.rates.give_back(kAnna, 1, bench.clock.time);
  CHECK(bench.rates.take(kAnna).wait == 0s);
  bench.clock.time += 12min;
  CHECK(bench.rates.take(kAnna).wait == 0s);
  bench.clock.time += 61min;
  CHECK(bench.rates.look(kAnna) == 0s);
}

TEST_CASE("rates: what is refused is not counted, and what is counted by size is, beyond the limit too") {
  Bench bench;
  for (int i = 0; i < 50; ++i) (void)bench.rates.take(kAnna);
  CHECK(bench.rates.look(kAnna) == 12min);
  const RateCase octets{Rated::octets, {1000, 24h}, "user anna"};
  (void)bench.rates.take(octets, 999, Rates::Over::counted);
  CHECK(bench.rates.look(octets) == 0s);
  CHECK(bench.rates.take(octets, 101).counted == doctest::Approx(101));
  CHECK(bench.rates.take(octets, 101).counted == 0);
  CHECK(bench.rates.take(octets, 101, Rates::Over::counted).counted == doctest::Approx(101));
  (void)bench.rates.take(octets, 1'000'000, Rates::Over::counted);
  CHECK(bench.rates.look(octets) > 24h);
}

TEST_CASE(
    "rates: a hundred transactions at once get no more than the limit, and give back what was not sent") {
  Bench bench;
  {
    std::list<HeldRates> open;
    int taken = 0;
    for (int i = 0; i < 100; ++i)
      if (open.emplace_back(bench.rates).take(kAnna) == 0s) ++taken;
    CHECK(taken == 5);
    CHECK(open.front().has(kAnna));
    CHECK_FALSE(open.back().has(kAnna));
    open.front().keep();
    open.front().give_back();
    CHECK(bench.rates.look(kAnna) == 12min);
  }
  for (const bool room : {true, true, true, true, false})
    CHECK((bench.rates.take(kAnna).wait == 0s) == room);
}

TEST_CASE("rates: what is held long gives back no more than is left of it") {
  Bench bench;
  std::list<HeldRates> open;
  for (int i = 0; i < 5; ++i) CHECK(open.emplace_back(bench.rates).take(kAnna) == 0s);
  bench.clock.time += 1h;
  for (int i = 0; i < 5; ++i) CHECK(bench.rates.take(kAnna).wait == 0s);
  open.clear();
  CHECK(bench.rates.take(kAnna).wait == 12min);
  HeldRates late(bench.rates);
  bench.clock.time += 12min;
  CHECK(late.take(kAnna) == 0s);
  bench.clock.time += 6min;
  late.give_back();
  CHECK(bench.rates.look(kAnna) == 0s);
  (void)bench.rates.take(kAnna);
  CHECK(bench.rates.look(kAnna) == 12min);
}

TEST_CASE("rates: of a message that is larger than the limit as much is given back as was counted") {
  Bench bench;
  const RateCase octets{Rated::octets, {1000, 24h}, "user anna"};
  (void)bench.rates.take(octets, 700);
  {
    HeldRates huge(bench.rates);
    CHECK(huge.take(octets, 1'000'000) == 0s);
    CHECK(huge.take(octets, 1) > 0s);
  }
  CHECK(bench.rates.look(octets) == 0s);
  (void)bench.rates.take(octets, 300);
  CHECK(bench.rates.look(octets) > 0s);
}

TEST_CASE("rates: recipients of one message are given back all together") {
  Bench bench;
  const RateCase recipients{Rated::recipients, {10, 1h}, "user anna"};
  {
    HeldRates held(bench.rates);
    for (int i = 0; i < 10; ++i) CHECK(held.take(recipients) == 0s);
    CHECK(held.take(recipients) > 0s);
  }
  for (int i = 0; i < 10; ++i) CHECK(bench.rates.take(recipients).wait == 0s);
  CHECK(bench.rates.take(recipients).wait > 0s);
}

TEST_CASE("rates: what was counted survives a restart") {
  const store::ScratchDirectory scratch;
  {
    Bench bench(scratch.file("state.db"));
    for (int i = 0; i < 5; ++i) CHECK(bench.rates.take(kAnna).wait == 0s);
    bench.penalties.charge(kClient, kNetwork, 60, kShipped);
  }
  Bench bench(scratch.file("state.db"));
  CHECK(bench.rates.take(kAnna).wait > 0s);
  CHECK(bench.penalties.look(kClient, kNetwork, kShipped).kind == Kind::turned_away);
}

TEST_CASE("penalty: a thousand messages taken and three hundred refused are never turned away") {
  Bench bench;
  for (int i = 0; i < 1'300; ++i) {
    if (i % 13 < 3)
      bench.penalties.charge(kClient, kProvider, 1, kShipped);
    else
      bench.penalties.taken(kClient, kProvider, kShipped);
    CHECK(bench.penalties.look(kClient, kProvider, kShipped).kind == Kind::none);
    bench.clock.time += 1min;
  }
  bench.penalties.charge(kClient, kProvider, 1'000, kShipped);
  CHECK(bench.penalties.look(kClient, kProvider, kShipped).kind == Kind::slowed);
  // From a network that it never used: it is the provider that has had mail taken.
  const IpAddress elsewhere = *IpAddress::parse("198.51.100.1");
  CHECK(bench.penalties.look(elsewhere, kProvider, kShipped).kind == Kind::slowed);
}

TEST_CASE("penalty: of the customers of one provider none is turned away for another in another network") {
  Bench bench;
  bench.penalties.charge(kClient, kProvider, 60, kShipped);
  CHECK(bench.penalties.look(kClient, kProvider, kShipped).kind == Kind::turned_away);
  CHECK(bench.penalties.look(*IpAddress::parse("198.51.100.1"), kProvider, kShipped).kind == Kind::slowed);
}

TEST_CASE("penalty: neither a new name nor a new network sheds it") {
  const policy::ClientIdentity sender{policy::ClientIdentity::Kind::spf_domain, "provider.example"};
  Bench bench;
  bench.penalties.charge(kClient, sender, 60, kShipped);
  const policy::ClientIdentity fresh{policy::ClientIdentity::Kind::spf_domain, "fresh.example"};
  CHECK(bench.penalties.look(kClient, fresh, kShipped).kind == Kind::turned_away);
  CHECK(bench.penalties.look(*IpAddress::parse("198.51.100.1"), sender, kShipped).kind ==
        Kind::turned_away);
  CHECK(bench.penalties.look(*IpAddress::parse("198.51.100.1"), fresh, kShipped).kind == Kind::none);
  bench.clock.time += 4h;
  CHECK(bench.penalties.look(kClient, fresh, kShipped).kind == Kind::none);
}

TEST_CASE("rates: of what one transaction holds, one limit's part is given back alone") {
  Bench bench;
  HeldRates held(bench.rates);
  const RateCase recipients{Rated::recipients, {1, 1h}, "user anna"};
  const RateCase message{Rated::messages, {1, 1h}, "user anna"};
  CHECK(held.take(recipients) == 0s);
  CHECK(held.take(message) == 0s);
  held.give_back(message);
  held.give_back(message);
  CHECK_FALSE(held.has(message));
  CHECK(bench.rates.look(message) == 0s);
  CHECK(bench.rates.look(recipients) > 0s);
}
