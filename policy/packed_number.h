// Numbers and times of a fixed width, as records of the state hold them: big-endian, so that a dump of them
// can be read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::policy {

inline void pack_number(std::string& out, std::uint64_t number, int octets) {
  for (int octet = octets - 1; octet >= 0; --octet)
    out += static_cast<char>(number >> (8 * static_cast<unsigned>(octet)));
}

inline std::uint64_t unpack_number(std::string_view packed) {
  std::uint64_t number = 0;
  for (const char octet : packed) number = number << 8U | static_cast<unsigned char>(octet);
  return number;
}

}  // namespace sallyport::policy
