// What became of one message, and why, in plain words.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/json_view.h"

namespace sallyport::proxy {

std::string message_explained(const JsonValue& event, WallTime began);

}  // namespace sallyport::proxy
