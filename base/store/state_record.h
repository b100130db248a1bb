// One record of the state, as it travels between memory and disk.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"

namespace sallyport::store {

struct StateRecord {
  std::string kind;
  std::string key;
  std::string value;
  WallTime expires;
  bool erased = false;  // kind and key only: the record is gone
};

}  // namespace sallyport::store
