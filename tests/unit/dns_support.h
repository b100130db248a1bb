// What the tests of dns/ share: zones, names and addresses in short, and a loop to run a look-up on.
#pragma once

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/io/event_loop.h"
#include "dns/zone_resolver.h"

namespace sallyport::dns::testing {

inline ZoneResolver zone(const std::string& text) {
  std::vector<ZoneResolver::Fault> faults;
  auto parsed = ZoneResolver::parse(text, faults);
  for (const auto& fault : faults) FAIL_CHECK(fault.line << ": " << fault.message);
  return parsed;
}

inline Name name(std::string_view text) { return Name::parse(text).value(); }
inline IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

template <class Found>
io::Task<> keep(io::Task<Found> task, std::optional<Found>& out) {
  out = co_await std::move(task);
}

// The task's result, on a loop of its own.
template <class Found>
Found run(io::Task<Found> task) {
  io::EventLoop loop;
  std::optional<Found> found;
  loop.run(keep(std::move(task), found));
  return std::move(found).value();
}

}  // namespace sallyport::dns::testing
