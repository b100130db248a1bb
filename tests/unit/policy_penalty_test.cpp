#include <doctest/doctest.h>

#include "policy/penalty.h"
#include "tests/unit/envelope_support.h"

using namespace sallyport;
using namespace sallyport::policy;
using namespace std::chrono_literals;
using sallyport::testing::kNow;
using Kind = PenaltyStanding::Kind;

namespace {

const PenaltySettings kShipped;

PenaltyRecord with(int penalty, int taken = 0) {
  PenaltyRecord record{0, 0, kNow};
  for (int i = 0; i < taken; ++i) record = record.after_taken();
  return record.after(penalty);
}

Kind judged(const PenaltyRecord& network, const std::optional<PenaltyRecord>& own = {}) {
  return judge_penalty({network, own}, kNow, kShipped).kind;
}

}  // namespace

TEST_CASE("penalty: slowed, then turned away; whoever did nothing is left alone") {
  CHECK(judged(with(0)) == Kind::none);
  CHECK(judged(with(19)) == Kind::none);
  CHECK(judged(with(20)) == Kind::slowed);
  CHECK(judged(with(59)) == Kind::slowed);
  CHECK(judged(with(60)) == Kind::turned_away);
  CHECK(judge_penalty({with(22)}, kNow, kShipped).penalty == 22);
}

TEST_CASE("penalty: whoever had mail taken is never turned away") {
  CHECK(judged(with(300, 1'000)) == Kind::none);
  CHECK(judged(with(1'300, 1'000)) == Kind::slowed);
  CHECK(judged(with(1'000'000, 1)) == Kind::slowed);
  // A day later all of it has faded, and that it had mail taken has not.
  const auto later = with(0, 1).as_of(kNow + 24h, kShipped).after(100);
  CHECK(judge_penalty({later}, kNow + 24h, kShipped).kind == Kind::slowed);
  const auto month = with(0, 1).as_of(kNow + 24h * 37, kShipped).after(100);
  CHECK(judge_penalty({month}, kNow + 24h * 37, kShipped).kind == Kind::turned_away);
}

TEST_CASE("penalty: of the network and of who it is") {
  CHECK(judged(with(100), with(0)) == Kind::turned_away);  // a new name
  CHECK(judged(with(0), with(100)) == Kind::turned_away);  // a new network
  CHECK(judged(with(100), with(0, 1'000)) == Kind::none);  // a provider, and its new neighbours
  CHECK(judged(with(100), with(300, 1'000)) == Kind::none);
  CHECK(judged(with(100), with(100, 1)) == Kind::slowed);
  CHECK(judged(with(100, 1), with(100)) == Kind::slowed);  // one of many in a network that had
}

TEST_CASE("penalty: it fades by half in an hour") {
  const auto record = with(80, 16);
  CHECK(record.as_of(kNow + 1h, kShipped).penalty == doctest::Approx(40));
  CHECK(record.as_of(kNow + 1h, kShipped).taken == doctest::Approx(8));
  CHECK(record.as_of(kNow + 3h, kShipped).penalty == doctest::Approx(10));
  CHECK(judge_penalty({with(80).as_of(kNow + 3h + 1s, kShipped)}, kNow, kShipped).kind == Kind::none);
}

TEST_CASE("penalty: a name that many share slows, and turns nobody away") {
  const auto kind = [](HeldAgainst held) { return judge_penalty(held, kNow, kShipped).kind; };
  CHECK(kind({with(0), with(60), true}) == Kind::slowed);
  CHECK(kind({with(59), with(60), true}) == Kind::slowed);
  CHECK(kind({with(60), with(60), true}) == Kind::turned_away);
  CHECK(kind({with(60), with(0), true}) == Kind::turned_away);
  CHECK(kind({with(60, 1), with(60), true}) == Kind::slowed);
  CHECK(kind({with(0), with(60), false}) == Kind::turned_away);
}

TEST_CASE("penalty: nobody is turned away while it is not known whether mail was taken") {
  HeldAgainst held{with(60)};
  held.all_read = false;
  CHECK(judge_penalty(held, kNow, kShipped).kind == Kind::slowed);
}

TEST_CASE("penalty: zero is never, and so is a clock that jumps") {
  PenaltySettings never = kShipped;
  never.refuse_at = 0;
  CHECK(judge_penalty({with(1'000)}, kNow, never).kind == Kind::slowed);
  never.slow_at = 0;
  CHECK(judge_penalty({with(1'000)}, kNow, never).kind == Kind::none);
  const auto back = with(1'000, 1).as_of(kNow - 24h * 365, kShipped);
  CHECK(back.penalty == 0);
  CHECK(back.has_taken(kNow - 24h * 365, kShipped));
  CHECK(with(1'000).as_of(kNow + 24h * 365, kShipped).penalty == doctest::Approx(0));
  CHECK(with(1'000).as_of(kNow - 1ms, kShipped).penalty == 1'000);  // cores that look in turn
}

TEST_CASE("penalty: a record outlives the process") {
  for (const auto& record : {with(5), with(7, 3)}) {
    const auto again = PenaltyRecord::unpack(record.packed());
    REQUIRE(again);
    CHECK(again->penalty == record.penalty);
    CHECK(again->taken == record.taken);
    CHECK(again->at == record.at);
    CHECK(again->last_taken == record.last_taken);
    CHECK(record.packed().size() == 32);
  }
  for (const std::string& broken : {std::string(), std::string(31, 'x'), std::string(32, '\xff')})
    CHECK_FALSE(PenaltyRecord::unpack(broken));
  CHECK(with(5, 1).worthless_from(kShipped) == kNow + kShipped.remember);
  CHECK(with(80).worthless_from(kShipped) < kNow + 10h);
  CHECK(with(80).worthless_from(kShipped) > kNow + 9h);
}

TEST_CASE("penalty: mail taken long ago does not wipe it out") {
  PenaltySettings slow = kShipped;
  slow.half_life = 7 * 24h;
  slow.remember = 1h;
  const PenaltyRecord record = with(100, 1);
  CHECK(record.worthless_from(slow) > kNow + 60 * 24h);
  CHECK(record.worthless_from(kShipped) == kNow + kShipped.remember);
}

TEST_CASE("penalty: of refusals only the permanent ones count, and relaying counts more") {
  CHECK(offence_of(mail::Refusal::relay) == Offence::relay_attempt);
  CHECK(offence_of(mail::Refusal::percent_hack) == Offence::relay_attempt);
  CHECK(offence_of(mail::Refusal::client) == Offence::refusal);
  CHECK(offence_of(mail::Refusal::barred_recipient) == Offence::refusal);
  CHECK_FALSE(offence_of(mail::Refusal::greylisted));
  CHECK_FALSE(offence_of(mail::Refusal::other_route));
  CHECK_FALSE(offence_of(mail::Refusal::dns_trouble));
}
