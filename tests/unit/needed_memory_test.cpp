#include "base/needed_memory.h"

#include <doctest/doctest.h>

#include <new>

using namespace sallyport;

TEST_CASE("want of memory is an exception, but where memory is needed: there it is waited for (E15)") {
  const auto before = std::get_new_handler();
  wait_for_needed_memory();
  const auto out_of_memory = std::get_new_handler();
  REQUIRE((out_of_memory != nullptr));
  CHECK_THROWS_AS(out_of_memory(), std::bad_alloc);
  {
    const NeededMemory needed;
    out_of_memory();  // returns, and operator new tries again
    {
      const NeededMemory deeper;
      NeededMemory::no_longer();
      CHECK_THROWS_AS(out_of_memory(), std::bad_alloc);
    }
    out_of_memory();
  }
  CHECK_THROWS_AS(out_of_memory(), std::bad_alloc);
  std::set_new_handler(before);
}
