// What only observes, in words: each that would have said something, and first what would have decided.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::policy {

// "barred-recipient lists/r:1, barred-sender lists/s:2"
inline void add_observed(std::string& all, std::string_view one) {
  if (one.empty() || all == one) return;
  if (!all.empty()) all += ", ";
  all += one;
}

}  // namespace sallyport::policy
