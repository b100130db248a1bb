// Ids for sessions: short, time-ordered, unique on this machine across restarts.
//
// 11 characters of lower-case base32 (Crockford's alphabet: no i, l, o, u): 42 bits of milliseconds
// since 2024, 13 bits that start at random in each millisecond. Ids sort by time as text. A clock that
// steps back does not repeat an id: the sequence only ever grows. Usable from every thread.
#pragma once

#include <string>

#include "base/clock.h"

namespace sallyport {

std::string new_id(const Clock& clock);

}  // namespace sallyport
