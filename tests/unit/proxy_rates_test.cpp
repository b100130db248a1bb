#include <doctest/doctest.h>

#include <list>

#include "base/io/event_loop.h"
#include "proxy/client_penalty.h"
#include "proxy/penalties.h"
#include "proxy/rates.h"
#include "tests/unit/dns_support.h"
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

// There is nothing, and it says so when it is let.
class LateResolver : public dns::Resolver {
 public:
  io::Task<dns::AnswerPtr> ask(dns::Question question, dns::Asking asking) override {
    io::Signal released(co_await io::this_executor());
    waiting_ = &released;
    co_await released.wait(TimePoint::max());
    co_return co_await zone_.ask(std::move(question), asking);
  }
  void release() { std::exchange(waiting_, nullptr)->notify(); }

 private:
  dns::ZoneResolver zone_ = dns::testing::zone("x.test. A 192.0.2.99\n");
  io::Signal* waiting_ = nullptr;
};

// A session of kClient, about whom nothing is known but its network.
struct PenaltyScene {
  explicit PenaltyScene(Bench& bench) : penalty(bench.penalties, bench.clock, view) {
    auto policy = std::make_shared<policy::Settings>();
    policy->checks = policy::shipped_checks();
    settings->policy = policy;
    view.facts.address = kClient;
    view.inquiry =
        std::make_shared<Inquiry>(InquiryClient{kClient, *IpAddress::parse("192.0.2.25")}, settings,
                                  InquiryServices{bench.clock, tasks, resolver, nullptr}, loop.executor());
  }

  template <class T>
  T run(io::Task<T> task) {
    std::optional<T> out;
    loop.run(keep(std::move(task), out));
    return std::move(*out);
  }
  // The reverse name is still to come.
  void expect() { loop.run(ask(view.inquiry)); }
  void settle() {
    resolver.release();
    loop.run(look_up(view.inquiry));
  }

  LateResolver resolver;
  std::shared_ptr<Settings> settings = std::make_shared<Settings>();
  io::TaskGroup tasks{[](std::string_view, std::string_view what) { FAIL(what); }};
  io::EventLoop loop;
  ClientView view;
  ClientPenalty penalty;

 private:
  template <class T>
  static io::Task<> keep(io::Task<T> task, std::optional<T>& out) {
    out = co_await std::move(task);
  }
  static io::Task<> ask(std::shared_ptr<Inquiry> inquiry) {
    inquiry->connected();
    co_return;
  }
  static io::Task<> look_up(std::shared_ptr<Inquiry> inquiry) { co_await inquiry->settle_all(); }
};

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
    bench.penalties.charge({kClient, kNetwork}, 60, kShipped);
  }
  Bench bench(scratch.file("state.db"));
  CHECK(bench.rates.take(kAnna).wait > 0s);
  CHECK(bench.penalties.look({kClient, kNetwork}, kShipped).kind == Kind::turned_away);
}

TEST_CASE("penalty: a thousand messages taken and three hundred refused are never turned away") {
  Bench bench;
  for (int i = 0; i < 1'300; ++i) {
    if (i % 13 < 3)
      bench.penalties.charge({kClient, kProvider}, 1, kShipped);
    else
      bench.penalties.taken({kClient, kProvider}, kShipped);
    CHECK(bench.penalties.look({kClient, kProvider}, kShipped).kind == Kind::none);
    bench.clock.time += 1min;
  }
  bench.penalties.charge({kClient, kProvider}, 1'000, kShipped);
  CHECK(bench.penalties.look({kClient, kProvider}, kShipped).kind == Kind::slowed);
  // From a network that it never used: it is the provider that has had mail taken.
  const IpAddress elsewhere = *IpAddress::parse("198.51.100.1");
  CHECK(bench.penalties.look({elsewhere, kProvider}, kShipped).kind == Kind::slowed);
}

TEST_CASE("penalty: of the customers of one provider none is turned away for another in another network") {
  Bench bench;
  bench.penalties.charge({kClient, kProvider}, 60, kShipped);
  CHECK(bench.penalties.look({kClient, kProvider}, kShipped).kind == Kind::turned_away);
  CHECK(bench.penalties.look({*IpAddress::parse("198.51.100.1"), kProvider}, kShipped).kind ==
        Kind::slowed);
}

TEST_CASE("penalty: neither a new name nor a new network sheds it") {
  const policy::ClientIdentity sender{policy::ClientIdentity::Kind::spf_domain, "provider.example"};
  Bench bench;
  bench.penalties.charge({kClient, sender}, 60, kShipped);
  const policy::ClientIdentity fresh{policy::ClientIdentity::Kind::spf_domain, "fresh.example"};
  CHECK(bench.penalties.look({kClient, fresh}, kShipped).kind == Kind::turned_away);
  CHECK(bench.penalties.look({*IpAddress::parse("198.51.100.1"), sender}, kShipped).kind ==
        Kind::turned_away);
  CHECK(bench.penalties.look({*IpAddress::parse("198.51.100.1"), fresh}, kShipped).kind == Kind::none);
  bench.clock.time += 4h;
  CHECK(bench.penalties.look({kClient, fresh}, kShipped).kind == Kind::none);
}

TEST_CASE("penalty: what only observes is held against nobody by what acts, and seen beside it") {
  Bench bench;
  bench.penalties.charge({kClient, kNetwork}, 60, kShipped, Ledger::watching);
  CHECK(bench.penalties.look({kClient, kNetwork}, kShipped).kind == Kind::none);
  CHECK(bench.penalties.look({kClient, kNetwork}, kShipped, Ledger::watching).kind == Kind::turned_away);
  bench.penalties.charge({kClient, kNetwork}, 20, kShipped);
  CHECK(bench.penalties.look({kClient, kNetwork}, kShipped).penalty == 20);
  CHECK(bench.penalties.look({kClient, kNetwork}, kShipped, Ledger::watching).penalty == 80);
  bench.penalties.taken({kClient, kNetwork}, kShipped, Ledger::watching);
  CHECK(bench.penalties.look({kClient, kNetwork}, kShipped).penalty == 20);
  CHECK(bench.penalties.look({kClient, kNetwork}, kShipped, Ledger::watching).kind == Kind::slowed);
}

TEST_CASE("penalty: who is watched by another half-life keeps what acts holds against him") {
  Bench bench;
  PenaltyScene scene(bench);
  Treatment acting, watched;
  acting.policy = watched.policy = std::make_shared<policy::Settings>();
  watched.limits.penalty.half_life = 1s;
  watched.limits.penalty.slow_at = 1;
  scene.expect();
  REQUIRE_FALSE(scene.view.inquiry->who().settled);  // it is booked once it is known who it is
  scene.penalty.charge(policy::Offence::early_talk, {acting.limits.penalty, watched.limits.penalty});
  scene.settle();
  bench.penalties.charge({kClient, kNetwork}, 60, kShipped);
  bench.clock.time += 10s;
  const auto count = [&](io::Task<PenaltyVerdict> judged) { return scene.run(std::move(judged)).penalty; };
  CHECK(count(scene.penalty.watch(watched)) == 2);
  CHECK(count(scene.penalty.judge(acting)) == 62);
}

TEST_CASE("penalty: an offence counts once, where what acts has it on there, and else apart") {
  using policy::Mode;
  struct {
    Mode acting, watched;
    int by_acting, by_watching;
  } const cases[] = {{Mode::enforce, Mode::enforce, 1, 1}, {Mode::enforce, Mode::off, 1, 1},
                     {Mode::observe, Mode::observe, 0, 1}, {Mode::observe, Mode::off, 0, 1},
                     {Mode::off, Mode::enforce, 0, 1},     {Mode::off, Mode::observe, 0, 1},
                     {Mode::off, Mode::off, 0, 0}};
  for (const auto& [by, other, acting, watching] : cases) {
    Bench bench;
    PenaltyScene scene(bench);
    policy::PenaltySettings settings, watched;
    settings.mode = by;
    watched.mode = other;
    scene.penalty.charge(policy::Offence::refusal, {settings, watched});
    CHECK(bench.penalties.look({kClient, kNetwork}, kShipped).penalty == acting);
    CHECK(bench.penalties.look({kClient, kNetwork}, kShipped, Ledger::watching).penalty == watching);
  }
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
