#include "proxy/trimming.h"

#include <malloc.h>

#include <new>

#include "proxy/gateway.h"

namespace sallyport::proxy {
namespace {

// Trimming takes about a millisecond for each MiB that it looks at, and a core that wants memory meanwhile
// may wait that long: not often, then, and only when there is something to give.
constexpr Duration kPause = std::chrono::seconds(5);

}  // namespace

io::Task<> trim_memory(Gateway& gateway) {
  for (;;) {
    try {
      co_await io::sleep_for(kPause);
    } catch (const std::bad_alloc&) {
      // Then at once.
    }
    if (gateway.crowd_has_gone()) malloc_trim(0);
  }
}

}  // namespace sallyport::proxy
