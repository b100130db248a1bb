#include "base/needed_memory.h"

#include <ctime>
#include <new>
#include <utility>

namespace sallyport {
namespace {

thread_local bool needed = false;

void out_of_memory() {
  if (!needed) throw std::bad_alloc();
  const timespec pause{.tv_sec = 0, .tv_nsec = 1'000'000};
  nanosleep(&pause, nullptr);
}

}  // namespace

NeededMemory::NeededMemory() noexcept : before_(std::exchange(needed, true)) {}
NeededMemory::~NeededMemory() { needed = before_; }

void NeededMemory::no_longer() noexcept { needed = false; }

void wait_for_needed_memory() noexcept { std::set_new_handler(out_of_memory); }

}  // namespace sallyport
