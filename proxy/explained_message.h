// What became of one message, and why, in plain words.
#pragma once

#include <span>
#include <string>

#include "base/clock.h"
#include "base/json_view.h"

namespace sallyport::proxy {

// `more`: events that tell of others of its recipients.
std::string message_explained(const JsonValue& event, std::span<const JsonView> more, WallTime began);

}  // namespace sallyport::proxy
