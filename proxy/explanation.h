// The life of a session and of its messages, in plain words and in order of time, from their events. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sallyport::proxy {

// `events`: lines of one session, in the order in which they were written; what is no event is passed over.
// `id`: of the session, which tells all of it, or of one of its messages.
std::string explanation(std::span<const std::string> events, std::string_view id);

}  // namespace sallyport::proxy
