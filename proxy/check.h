// `sallyport check`: what is wrong with a configuration, all at once.
#pragma once

#include <string>

#include "base/result.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

// Whether this machine lets this user run with `settings`: what `serve` refuses to start without, a
// reload to go over to, and `check` warns of.
Result<> usable(const Settings& settings);

// Prints errors and warnings (with `json`: an array of them, on stdout). 0, or 78 (EX_CONFIG) with errors.
int check(const std::string& directory, bool json);

}  // namespace sallyport::proxy
