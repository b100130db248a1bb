// Why something was refused, in plain words: by the table of replies, which says what can be done.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/json_view.h"

namespace sallyport::proxy {

// The members of events that refusals_explained() tells.
std::span<const std::string_view> refusal_keys();
// Of a session or a message: what its client was told, but for recipients and content. "" = nothing.
std::string refusals_explained(const JsonValue& event);

// "550 5.7.1 cannot relay for example.org", of what has `code`, `enhanced` and `reply`.
std::string reply_shown(const JsonValue& told);
// "relay. The domain is not among ...", of a refusal with the line behind it that says so.
std::string refusal_shown(std::string_view written);
// "reason: relay. The domain is not among ...", or whose word it was; "" = `why` says nothing.
std::string reason_shown(std::string_view why);
// Whether one of an event's refusals has that name.
bool was_refused(const JsonValue& event, std::string_view why);

}  // namespace sallyport::proxy
