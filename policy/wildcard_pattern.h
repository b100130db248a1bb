// One Type 2 wildcard pattern, as Mailtraq's barring lists have them: `*` is one or more characters (or
// zero or more, where a list expects that), `?` one, `$` one letter from a to z, `%` one digit, `\` takes
// the next character as itself. The whole address is compared, case ignored (base/case_folding.h). A
// character is one of UTF-8, however many octets it takes.
//
// Pure.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::policy {

enum class Star { one_or_more, zero_or_more };

bool wildcard_matches(std::string_view pattern, std::string_view address, Star star = Star::one_or_more);
// The same of an address without regard to case, and a pattern in comparing form.
bool wildcard_matches_folded(std::string_view pattern, std::string_view address, Star star);

// Whether `pattern` matches every address that `other` does, both in comparing form. It may miss that (`?*`
// by `*?`), and never says so wrongly.
bool wildcard_covers(std::string_view pattern, std::string_view other, Star star = Star::one_or_more);

constexpr bool is_wildcard(char c) { return c == '*' || c == '?' || c == '$' || c == '%'; }
// Nothing but characters that stand for themselves.
bool is_literal_pattern(std::string_view pattern);

// Appends the pattern as equal patterns have it in common: without regard to case, `\` only where it is
// needed.
void append_comparing_form(std::string& out, std::string_view pattern);

// What is wrong with a pattern, or nullptr; `column` counts from 1 within it.
const char* fault_of_pattern(std::string_view pattern, int& column);

}  // namespace sallyport::policy
