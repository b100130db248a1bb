// One recipient of a message in plain words: the answer, its reason, and what the rules and the lines of
// lists say that decided. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/json_view.h"

namespace sallyport::proxy {

// `rule_texts`: of the event; nothing in older ones, which name rules by their places alone.
std::string recipient_explained(const JsonValue& recipient, const JsonValue& rule_texts);

// One of them: `thresholds.reject is 9 here: rule {"to": "*@example.com"} (conf.d/30-rules.json:12)`.
std::string rule_shown(const JsonValue& rule, std::string_view is = "is");

}  // namespace sallyport::proxy
