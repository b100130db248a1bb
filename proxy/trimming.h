// Gives memory back to the system when a crowd of sessions has gone: the allocator would keep it for ever.
#pragma once

#include "base/io/task.h"

namespace sallyport::proxy {

class Gateway;

// Runs on the loop of the main thread, which no session waits for. The gateway outlives the loop.
io::Task<> trim_memory(Gateway& gateway);

}  // namespace sallyport::proxy
