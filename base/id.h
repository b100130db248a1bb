// Ids for sessions: short, time-ordered, unique on this machine across restarts.
//
// 11 characters of lower-case base32 (Crockford's alphabet: no i, l, o, u): 42 bits of milliseconds
// since 2024, 13 bits that start at random in each millisecond. Ids sort by time as text. A clock that
// steps back does not repeat an id: the sequence only ever grows. Usable from every thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace sallyport {

std::string new_id(const Clock& clock);

// Of "3kf9x2m0q1a", and of its messages "3kf9x2m0q1a.1": one number, which grows with time; nullopt: no id
// of ours. Capitals will do.
std::optional<std::uint64_t> session_number(std::string_view id);
// When the session with that number began.
WallTime began_at(std::uint64_t session);

}  // namespace sallyport
