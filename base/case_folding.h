// Text of any script in the form in which case plays no part. Pure; no locale.
#pragma once

#include <string>
#include <string_view>

namespace sallyport {

// Each character by itself (simple case folding): what is ß stays ß. Octets that are no UTF-8 stay as they
// are. Nothing beyond ASCII becomes ASCII.
std::string fold_case(std::string_view utf8);

// Equal but for case.
bool folds_alike(std::string_view a, std::string_view b);

// How many octets the character takes that begins `text`; 1 for an octet that begins none.
std::size_t octets_of_character(std::string_view text);

}  // namespace sallyport
