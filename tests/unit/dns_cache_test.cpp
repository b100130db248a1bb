#include <doctest/doctest.h>

#include <string>

#include "dns/budgeted_resolver.h"
#include "dns/cache.h"
#include "dns/zone_resolver.h"
#include "io_support.h"

using namespace sallyport;
using namespace sallyport::dns;

namespace {

using std::chrono::hours;
using std::chrono::seconds;

struct TestClock : Clock {
  TimePoint time{hours(1000)};
  TimePoint now() const override { return time; }
};

Question question(const std::string& text) { return {Name::parse(text).value(), Type::txt}; }

AnswerPtr answer(Status status, seconds ttl, std::string text = {}) {
  auto made = std::make_shared<Answer>();
  made->status = status;
  made->ttl = ttl;
  if (status == Status::found) made->records.emplace_back(std::move(text));
  return made;
}

// How long an answer is kept: present a second before, gone then.
bool is_kept_for(Status status, seconds ttl, seconds expected) {
  TestClock clock;
  Cache cache(1 << 20, clock);
  cache.put(question("a.example"), answer(status, ttl));
  clock.time += expected - seconds(1);
  const bool before = cache.find(question("a.example")) != nullptr;
  clock.time += seconds(1);
  return before && !cache.find(question("a.example")) && cache.size().entries == 0;
}

}  // namespace

TEST_CASE("dns: an answer is kept for its TTL, within bounds (attack D12)") {
  CHECK(is_kept_for(Status::found, seconds(300), seconds(300)));
  CHECK(is_kept_for(Status::found, seconds(0), seconds(30)));
  CHECK(is_kept_for(Status::found, seconds(0x7fffffff), hours(24)));
  CHECK(is_kept_for(Status::nx_domain, seconds(60), seconds(60)));
  CHECK(is_kept_for(Status::nx_domain, hours(24), hours(3)));
  CHECK(is_kept_for(Status::no_data, hours(24), hours(3)));
  for (const Status failure : {Status::serv_fail, Status::timeout, Status::refused, Status::malformed})
    CHECK(is_kept_for(failure, hours(1), seconds(5)));
}

TEST_CASE("dns: what was never asked is not kept, and a type is not another") {
  TestClock clock;
  Cache cache(1 << 20, clock);
  cache.put(question("a.example"), answer(Status::exhausted, hours(1)));
  CHECK_FALSE(cache.find(question("a.example")));
  cache.put(question("a.example"), answer(Status::found, hours(1)));
  CHECK(cache.find(question("a.example")));
  CHECK_FALSE(cache.find({Name::parse("a.example").value(), Type::mx}));
  cache.put(question("a.example"), answer(Status::nx_domain, hours(1)));
  CHECK(cache.find(question("a.example"))->status == Status::nx_domain);
  CHECK(cache.size().entries == 1);
  cache.clear();
  CHECK(cache.size().entries == 0);
  CHECK(cache.size().bytes == 0);
}

TEST_CASE("dns: the cache stays within its bound, and what is used stays (attack D12)") {
  constexpr std::size_t kBound = 1 << 20;
  TestClock clock;
  Cache cache(kBound, clock);
  const Question used = question("used.example");
  cache.put(used, answer(Status::found, hours(1), "kept"));
  for (int number = 0; number < 5000; ++number) {
    cache.put(question(std::to_string(number) + ".example"),
              answer(Status::found, hours(1), std::string(1000, 'x')));
    REQUIRE(cache.find(used));
    REQUIRE(cache.size().bytes <= kBound);
  }
  CHECK(cache.size().entries > 300);
  CHECK(cache.find(question("4999.example")));
  CHECK_FALSE(cache.find(question("0.example")));
  cache.put(used, answer(Status::found, hours(1), std::string(kBound, 'x')));  // larger than its shard
  CHECK_FALSE(cache.find(used));
}

namespace {

// Nothing is at hand.
struct Distant : Resolver {
  Asking last;
  io::Task<AnswerPtr> ask(Question, Asking asking) override {
    last = asking;
    co_return answer(Status::found, seconds(300));
  }
};

io::Task<Status> status(Resolver& resolver, bool fresh = false) {
  co_return (co_await resolver.ask(question("a.example"), {TimePoint::max(), fresh}))->status;
}

io::Task<> within_budget(const io::Executor&) {
  TestClock clock;
  Distant distant;
  const auto two = std::make_shared<Allowance>(2);
  BudgetedResolver few(distant, clock, seconds(15), two);
  CHECK(co_await status(few) == Status::found);
  CHECK(distant.last.deadline == clock.time + seconds(15));
  clock.time += seconds(5);
  CHECK(co_await status(few) == Status::found);
  CHECK(distant.last.deadline == clock.time + seconds(10));
  CHECK(co_await status(few) == Status::found);  // one came back meanwhile
  CHECK(co_await status(few) == Status::exhausted);
  CHECK(two->questions() == 0);
  CHECK(two->in_flight() == 0);
  CHECK(few.overdrawn());

  const auto many = std::make_shared<Allowance>(Budget().questions);
  BudgetedResolver slow(distant, clock, seconds(15), many);
  clock.time += hours(1);  // the time begins with the first question
  CHECK(co_await status(slow) == Status::found);
  clock.time += seconds(15);
  CHECK(co_await status(slow) == Status::exhausted);
  CHECK_FALSE(slow.overdrawn());                             // of time, not of questions
  BudgetedResolver next(distant, clock, seconds(15), many);  // another round has its own time
  CHECK(co_await status(next) == Status::found);
  next.close();
  CHECK(co_await status(next) == Status::exhausted);

  std::vector<ZoneResolver::Fault> faults;
  ZoneResolver zone = ZoneResolver::parse("a.example. TXT \"x\"\n", faults);
  BudgetedResolver none(zone, clock, seconds(15), std::make_shared<Allowance>(0));
  CHECK(co_await status(none) == Status::found);  // at hand: it costs nothing
  CHECK(co_await status(none, true) == Status::exhausted);
}

}  // namespace

TEST_CASE("dns: an allowance comes back by the second and by mail, never beyond what it was") {
  TestClock clock;
  Allowance three(3);
  const auto ask = [&] {
    const bool taken = three.take(clock.time);
    if (taken) three.put_back(true);
    return taken;
  };
  clock.time += hours(1);
  for (const bool expected : {true, true, true, false}) CHECK(ask() == expected);
  clock.time += std::chrono::milliseconds(999);
  CHECK_FALSE(ask());
  clock.time += std::chrono::milliseconds(1);
  CHECK(ask());
  CHECK_FALSE(ask());
  clock.time += std::chrono::milliseconds(1500);
  CHECK(ask());
  clock.time += std::chrono::milliseconds(500);
  CHECK(ask());
  clock.time += hours(1);
  for (const bool expected : {true, true, true, false}) CHECK(ask() == expected);
  three.message_taken();
  CHECK(three.questions() == 3);
  Allowance many(100);
  for (int i = 0; i < Allowance::kMostInFlight; ++i) CHECK(many.take(clock.time));
  CHECK_FALSE(many.take(clock.time));
  many.put_back(false);
  CHECK(many.questions() == 41);
  CHECK(many.take(clock.time));
}

TEST_CASE("dns: a question that nobody asked is not counted, and its round alone is overdrawn") {
  io::testing::on_loop([](const io::Executor&) -> io::Task<> {
    TestClock clock;
    struct Full : Resolver {
      Status said = Status::exhausted;
      io::Task<AnswerPtr> ask(Question, Asking) override { co_return answer(said, seconds(300)); }
    } full;
    const auto two = std::make_shared<Allowance>(2);
    BudgetedResolver round(full, clock, seconds(15), two);
    for (int i = 0; i < 3; ++i) CHECK(co_await status(round) == Status::exhausted);
    CHECK(two->questions() == 2);
    CHECK(round.overdrawn());
    full.said = Status::found;
    BudgetedResolver next(full, clock, seconds(15), two);
    CHECK(co_await status(next) == Status::found);
    CHECK_FALSE(next.overdrawn());
    CHECK(two->questions() == 1);
  });
}

TEST_CASE("dns: a session's questions have a budget of number and time (attack D06)") {
  io::testing::on_loop(within_budget);
}
