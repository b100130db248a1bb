// Sizes and durations as people write them: "50MB", "256KiB", "1h30m".
//
// KB, MB, GB, TB are powers of 1000; KiB, MiB, GiB, TiB powers of 1024; letters in any case. A duration
// names its units, largest first: d, h, m, s, ms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace sallyport::config {

std::optional<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t octets);  // in the largest unit that is exact

std::optional<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration duration);  // to the millisecond

}  // namespace sallyport::config
