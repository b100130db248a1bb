// One recipient of a message in plain words: the answer, its reason, and what the rules and the lines of
// lists say that decided. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/json_view.h"

namespace sallyport::proxy {

// `told_in`: the event in whose list it stands, with texts of rules; older ones name them by their places
// alone. `event`: of the message.
std::string recipient_explained(const JsonValue& recipient, const JsonValue& told_in,
                                const JsonValue& event);

// One of them: `thresholds.reject is 9 here: rule {"to": "*@example.com"} (conf.d/30-rules.json:12)`.
std::string rule_shown(const JsonValue& rule, std::string_view is = "is");

}  // namespace sallyport::proxy
