// Reads forward through a DNS message (RFC 1035 4.1). For dns/ alone.
//
// After the first thing that is not there, everything is zero and good() is false: a reader looks once, at
// the end. A compression pointer must lead backwards, so there is no loop, and a name has 64 at most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dns/name.h"

namespace sallyport::dns {

using Bytes = std::span<const std::uint8_t>;

class Cursor {
 public:
  explicit Cursor(Bytes message, std::size_t at = 0) : message_(message), at_(at) {}

  bool good() const { return good_; }
  std::size_t at() const { return at_; }

  std::uint8_t octet();
  unsigned number16();
  std::uint32_t number32();
  Bytes octets(std::size_t length);

  Name name();
  // Passes over a name, without a look at where a pointer leads: nobody pays for names that are not wanted.
  void pass_name();
  bool is_name(const Name& name);  // whether it is the one here

 private:
  template <class Take>
  void labels(Take take);

  Bytes message_;
  std::size_t at_;
  bool good_ = true;
};

}  // namespace sallyport::dns
