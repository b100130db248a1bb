// How many records of a kind are held.
//
// Kinds that may be large are read in the background at a start; all others before anything is served.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace sallyport::store {

struct StateLimits {
  std::size_t usual = 200'000;
  std::map<std::string, std::size_t, std::less<>> of = {{"greylist", 12'000'000},
                                                        {"greylist-known", 2'000'000},
                                                        {"correspondent", 2'000'000},
                                                        {"correspondent-domain", 2'000'000},
                                                        {"rate", 1'000'000}};

  // What a start reads of large kinds before it goes on.
  std::chrono::milliseconds read_at_start{500};

  // How long a flush may wait for the disk.
  std::chrono::milliseconds flush{5'000};

  // A disk that is silent for so long at the end is left to itself.
  std::chrono::milliseconds farewell{20'000};

  // Opened for one command: another process waits for it instead of being refused.
  bool brief = false;

  std::size_t limit(std::string_view kind) const {
    const auto own = of.find(kind);
    return own == of.end() ? usual : own->second;
  }
  bool is_large(std::string_view kind) const { return limit(kind) > usual; }
};

}  // namespace sallyport::store
