// A Node as JSON on one line, without its line feed: what programs say to each other, and what people are
// reminded of.
#pragma once

#include <cstddef>
#include <string>

#include "base/config/node.h"

namespace sallyport::config {

std::string to_json_line(const Node& node);
// As people write it, `{"to": "a@example.com"}`; what is longer than `most` octets is cut and ends in
// "...".
std::string to_short_line(const Node& node, std::size_t most);

}  // namespace sallyport::config
