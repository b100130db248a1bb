// Sizes and durations, read and written.
#include <doctest/doctest.h>

#include "base/config/units.h"

using namespace sallyport;
using namespace sallyport::config;
using namespace std::chrono_literals;

TEST_CASE("sizes: decimal and binary units") {
  CHECK(parse_size("50MB") == 50'000'000);
  CHECK(parse_size("50 mb") == 50'000'000);
  CHECK(parse_size("256KiB") == 256 * 1024);
  CHECK(parse_size("1GiB") == 1ULL << 30);
  CHECK(parse_size("2TB") == 2'000'000'000'000);
  CHECK(parse_size("512") == 512);
  CHECK(parse_size("512B") == 512);
  for (const auto* bad :
       {"", "MB", "50M", "-1", "1.5MB", "50MBx", "0x10", " 5", "99999999TiB", "18446744073709551616"})
    CHECK_MESSAGE(!parse_size(bad), bad);
}

TEST_CASE("durations: units, largest first") {
  CHECK(parse_duration("5m") == Duration(5min));
  CHECK(parse_duration("2s") == Duration(2s));
  CHECK(parse_duration("1h30m") == Duration(90min));
  CHECK(parse_duration("500ms") == Duration(500ms));
  CHECK(parse_duration("1d1h1m1s1ms") == Duration(25h + 61s + 1ms));
  CHECK(parse_duration("0s") == Duration(0s));
  for (const auto* bad : {"", "5", "m", "5min", "30m2h", "5m5m", "-5m", "1.5h", "5m ", "99999999999d",
                          "99999999999999999999s"})
    CHECK_MESSAGE(!parse_duration(bad), bad);
}

TEST_CASE("what is written reads back the same") {
  for (const std::uint64_t octets :
       {0ULL, 1ULL, 999ULL, 1'000ULL, 1'024ULL, 50'000'000ULL, 262'144ULL, 1ULL << 40, 123'456'789ULL})
    CHECK(parse_size(format_size(octets)) == octets);
  for (const Duration duration :
       {Duration(0s), Duration(1ms), Duration(90min), Duration(36h), Duration(1500ms)})
    CHECK(parse_duration(format_duration(duration)) == duration);
  CHECK(format_size(50'000'000) == "50MB");
  CHECK(format_size(256 * 1024) == "256KiB");
  CHECK(format_duration(90min) == "1h30m");
  CHECK(format_duration(0s) == "0s");
}
