// A target as libFuzzer wants it. SALLYPORT_FUZZ_TARGET is its name.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

#ifndef SALLYPORT_FUZZ_TARGET  // for tools that look at this file alone
#define SALLYPORT_FUZZ_TARGET "session"
#endif

namespace {

const sallyport::fuzz::Target& target() {
  static const auto* found = sallyport::fuzz::find_target(SALLYPORT_FUZZ_TARGET);
  return *found;
}

}  // namespace

namespace sallyport::fuzz {

void broken(std::string_view promise) {
  std::fprintf(stderr, "BROKEN PROMISE: %.*s\n", static_cast<int>(promise.size()), promise.data());
  std::abort();
}

}  // namespace sallyport::fuzz

extern "C" {

std::size_t LLVMFuzzerMutate(std::uint8_t* octets, std::size_t size, std::size_t most);

int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  target().run({reinterpret_cast<const char*>(octets), size});
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* octets, std::size_t size, std::size_t most, unsigned) {
  size = LLVMFuzzerMutate(octets, size, most);
  sallyport::fuzz::write_in_letters({reinterpret_cast<char*>(octets), size}, target().alphabet);
  return size;
}

}  // extern "C"
