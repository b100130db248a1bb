// How what stands in an event is said to a person at a terminal.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json_view.h"

namespace sallyport::proxy {

// Untrusted text as one line that can fool nobody: control characters, broken UTF-8 and marks that turn the
// direction of writing are escaped as in the log; longer ones are cut.
std::string shown(std::string_view untrusted, std::size_t limit = 2048);
std::string shown(const JsonValue& value,
                  std::size_t limit = 2048);  // of any kind, as far as one line tells

// "<indent>key: value" for each member that is not among `said`, so that nothing an event holds stays
// unsaid.
std::string rest_shown(const JsonValue& object, std::span<const std::string_view> said,
                       std::string_view indent);

std::string time_shown(WallTime time);  // "2026-11-22 16:00:00.123", UTC
// "2026-11-22T16:00:00.123Z" as the clock on the wall has it, "2026-11-22 17:00"; "-": it is no time
std::string local_time_shown(const std::string& stamp);
std::string span_shown(Duration span);            // "12 ms", "3.4 s", "5 min 10 s", "2 h 5 min"
Duration span_of(const JsonValue& milliseconds);  // 0: it is no number

}  // namespace sallyport::proxy
