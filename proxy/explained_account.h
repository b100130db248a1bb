// What a client was held to lately, in plain words: limits in time, and its penalty. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/json_view.h"

namespace sallyport::proxy {

// Of a session, a message or one of its recipients; "" where nothing of it is told.
std::string account_explained(const JsonValue& told, std::string_view indent);
// The keys that it speaks of.
std::span<const std::string_view> account_keys();

}  // namespace sallyport::proxy
