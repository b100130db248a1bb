// Several tasks at once, on one core, and their end awaited.
#pragma once

#include <vector>

#include "base/io/task.h"

namespace sallyport::io {

// Runs all of them side by side on the caller's executor and returns when the last has ended; then throws
// what the first that failed has thrown. None is cut short by another's end: each bounds its own time.
// The tasks may refer to what the caller holds.
Task<> together(std::vector<Task<>> tasks);

}  // namespace sallyport::io
