// Opens a file for reading, and nothing at which a reader would wait: a pipe whose writer never comes, a
// socket, a folder. For files that people name.
#pragma once

#include <string>

#include "base/result.h"

namespace sallyport {

// The descriptor is the caller's to close. Errors: not_found, invalid ("it is a pipe"), io; the words are
// without the name.
Result<int> open_file(const std::string& path);

}  // namespace sallyport
