#include <doctest/doctest.h>

#include "policy/rates.h"
#include "tests/unit/envelope_support.h"

using namespace sallyport;
using namespace sallyport::policy;
using namespace std::chrono_literals;
using sallyport::testing::kNow;

namespace {

// One thing of one identity, as the gateway counts it.
struct Bucket {
  Rate rate;
  WallTime now = kNow;
  RateRecord record{};

  bool takes(std::uint64_t more = 1) {
    record = record.as_of(now, rate);
    if (free_in() > 0s) return false;
    record = record.plus(more, rate);
    return true;
  }
  Duration free_in() const { return record.as_of(now, rate).free_in(rate); }
};

Rate rate_of(std::string_view text, Rated rated = Rated::messages) {
  const auto rate = parse_rate(text, rated);
  REQUIRE_MESSAGE(rate.has_value(), text);
  return *rate;
}

}  // namespace

TEST_CASE("rates: as they are written") {
  CHECK(rate_of("500/1h") == Rate{500, 1h});
  CHECK(rate_of("1/1d") == Rate{1, 24h});
  CHECK(rate_of("off") == Rate{});
  CHECK(rate_of("2GB/1d", Rated::octets) == Rate{2'000'000'000, 24h});
  CHECK(written({500, 1h}, Rated::messages) == "500/1h");
  CHECK(written({2'000'000'000, 24h}, Rated::octets) == "2GB/1d");
  CHECK(written({}, Rated::octets) == "off");
  for (const char* wrong : {"", "500", "500/", "/1h", "0/1h", "500/h", "500/0s", "500/32d", "-1/1h",
                            "1.5/1h", "2GB/1d", "500 / 1h", "500/1h/1h", "OFF", "99999999999999999999/1h"})
    CHECK_MESSAGE(!parse_rate(wrong, Rated::messages).has_value(), wrong);
}

TEST_CASE("rates: one less than the limit passes, the limit refuses") {
  Bucket bucket{{500, 1h}};
  for (int i = 0; i < 500; ++i) CHECK(bucket.takes());
  CHECK_FALSE(bucket.takes());
  CHECK(bucket.free_in() == 7200ms);  // an hour for 500
}

TEST_CASE("rates: it refills by and by, and as soon as is said") {
  Bucket bucket{{5, 1h}};
  for (int i = 0; i < 5; ++i) CHECK(bucket.takes());
  CHECK(bucket.free_in() == 12min);
  bucket.now += 12min - 1s;
  CHECK_FALSE(bucket.takes());
  bucket.now += 1s;
  CHECK(bucket.takes());
  CHECK_FALSE(bucket.takes());
  bucket.now += 1h;
  for (int i = 0; i < 5; ++i) CHECK(bucket.takes());
  CHECK_FALSE(bucket.takes());
  for (const std::uint64_t most : {1ULL, 7ULL, 333ULL, 1'000'000'007ULL})
    for (const Duration per : {Duration(1s), Duration(7min), Duration(31 * 24h)}) {
      Bucket other{{most, per}};
      CHECK(other.takes(most));
      CHECK_FALSE(other.takes());
      other.now += other.free_in();
      CHECK(other.takes());
    }
}

TEST_CASE("rates: of a day no more pass than twice the limit, however they are spread") {
  Bucket bucket{{100, 24h}};
  int passed = 0;
  for (int second = 0; second < 24 * 3600; ++second, bucket.now += 1s) passed += bucket.takes() ? 1 : 0;
  CHECK(passed == 199);
}

TEST_CASE("rates: one message larger than the limit passes, and is paid off in the time of two") {
  Bucket bucket{rate_of("1MB/1d", Rated::octets)};
  CHECK(bucket.takes(10'000'000'000));
  CHECK_FALSE(bucket.takes(1));
  CHECK(bucket.free_in() <= 24h + 1s);
  bucket.now += bucket.free_in();
  CHECK(bucket.takes(10));
  CHECK(bucket.record.minus(2'000'000'000).used == 0);
}

TEST_CASE("rates: a clock that jumps locks nobody out") {
  Bucket bucket{{5, 1h}};
  for (int i = 0; i < 5; ++i) CHECK(bucket.takes());
  SUBCASE("forward") {
    bucket.now += 24h * 365;
    CHECK(bucket.takes());
  }
  SUBCASE("back") {
    bucket.now -= 24h * 365;
    CHECK(bucket.takes());
  }
  SUBCASE("two cores that look at it in turn are no jump") {
    bucket.now -= 1ms;
    CHECK_FALSE(bucket.takes());
  }
}

TEST_CASE("rates: a record outlives the process, and is worth nothing once it is empty") {
  const Rate rate{5, 1h};
  const RateRecord record = RateRecord{0, kNow}.plus(3, rate);
  const auto again = RateRecord::unpack(record.packed());
  REQUIRE(again);
  CHECK(again->used == 3);
  CHECK(again->at == kNow);
  CHECK(record.packed().size() == 16);
  CHECK(record.worthless_from(rate) == kNow + 36min);
  for (const std::string& broken : {std::string(), std::string(15, 'x'), std::string(16, '\xff')})
    CHECK_FALSE(RateRecord::unpack(broken));
}
