// "did you mean": the known word nearest to one that is not known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::config {

// How many letters must be added, dropped, changed or swapped with their neighbour to get from one word
// to the other; case does not count.
std::size_t edit_distance(std::string_view from, std::string_view to);

// `did you mean "x"?`, or "" where no word is near.
std::string did_you_mean(std::string_view written, const std::vector<std::string>& known);

}  // namespace sallyport::config
