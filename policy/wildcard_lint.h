// What `sallyport check` says of a wildcard list that is right in form: lines that do nothing, and
// addresses that slip through because `*` is one or more characters. For people who write lists; nothing
// that bars mail needs it.
//
// Pure. Only what is certain is told: a line that is not told of may still do nothing.
#pragma once

#include <string_view>
#include <vector>

#include "policy/wildcard_list.h"

namespace sallyport::policy {

struct WildcardLints {
  std::vector<ListFault> told;  // in the order of the lines, at most `most`
  std::size_t untold = 0;       // those beyond
};

// `text` is that of which `list` was parsed.
WildcardLints lint_wildcard_list(std::string_view text, const WildcardList& list, std::size_t most = 20);

// Addresses that the pattern matches where `*` is zero or more characters, each star empty or a sample;
// those without an empty star are not among them. {} for patterns with no star, or more than three.
std::vector<std::string> hole_candidates(std::string_view pattern);

}  // namespace sallyport::policy
