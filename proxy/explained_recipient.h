// One recipient of a message in plain words: the answer, its reason, and what the rules and the lines of
// lists say that decided. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/json_view.h"

namespace sallyport::proxy {

// `event`: of the message. Older ones have no texts of rules, and name them by their places alone.
std::string recipient_explained(const JsonValue& recipient, const JsonValue& event);

// One of them: `thresholds.reject is 9 here: rule {"to": "*@example.com"} (conf.d/30-rules.json:12)`.
std::string rule_shown(const JsonValue& rule, std::string_view is = "is");

}  // namespace sallyport::proxy
