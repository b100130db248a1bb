// errno of an operation on a file, as an Error.
#pragma once

#include <string_view>

#include "base/result.h"

namespace sallyport::store {

// "<what>: <the system's words>". no_space: disk, quota, file-size limit or descriptors used up;
// not_found; else io.
Error file_error(std::string_view what, int number);

}  // namespace sallyport::store
