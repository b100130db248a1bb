// What tests of envelopes share: paths in short, and a day.
#pragma once

#include <doctest/doctest.h>

#include <string_view>

#include "base/clock.h"
#include "base/mail/address.h"

namespace sallyport::testing {

inline const WallTime kNow{std::chrono::seconds(1'795'363'200)};  // 2026-11-22

inline mail::Path path(std::string_view written) {
  mail::Path path;
  const mail::PathOptions options{.smtputf8 = true, .allow_bare_name = true};
  INFO(written);
  REQUIRE(mail::parse_path(written, options, path) == mail::PathFault::none);
  return path;
}

}  // namespace sallyport::testing
