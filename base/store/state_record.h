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

// A record in the hands of StateStore::update().
struct StateEntry {
  bool known = false;  // else there is none (or it has expired), and the rest is empty
  std::string value;
  WallTime expires;
};

}  // namespace sallyport::store
