// `sallyport check`: what is wrong with a configuration, all at once.
#pragma once

#include <string>

namespace sallyport::proxy {

// Prints errors and warnings (with `json`: an array of them, on stdout). 0, or 78 (EX_CONFIG) with errors.
int check(const std::string& directory, bool json);

}  // namespace sallyport::proxy
