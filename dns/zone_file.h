// Reads a master file (RFC 1035 5) into entries; see zone_resolver.h for what is understood. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "dns/zone_resolver.h"

namespace sallyport::dns {

struct ZoneEntry {
  Name owner;
  std::optional<Type> type;  // none: a failure of all types
  Record record;
  std::chrono::seconds ttl{3600};
  std::optional<Status> failure;
};

std::vector<ZoneEntry> read_zone(std::string_view text, std::vector<ZoneResolver::Fault>& faults);

}  // namespace sallyport::dns
