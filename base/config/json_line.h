// A Node as JSON on one line, without its line feed: what programs say to each other.
#pragma once

#include <string>

#include "base/config/node.h"

namespace sallyport::config {

std::string to_json_line(const Node& node);

}  // namespace sallyport::config
