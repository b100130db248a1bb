// The PROXY protocol, versions 1 and 2 (HAProxy's specification), by which a listed front end tells us
// the client's address. A pure push parser over bytes that are believed only from listed addresses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip_address.h"

namespace sallyport::proxy {

class ProxyHeader {
 public:
  enum class State { more, done, broken };
  // Version 2 may carry TLVs; a header with more than this is refused.
  static constexpr std::size_t kMostOctets = 2048;

  // Consumes the header from the front of `input`; what follows it stays.
  State feed(std::string_view& input);
  // How many octets more are needed, as far as is known: whoever reads no more than that at a time takes
  // nothing of what follows the header.
  std::size_t missing() const { return wanted() - header_.size(); }

  // After done. False for LOCAL and UNKNOWN: the front end speaks for itself (a health check), the
  // connection's own addresses count.
  bool has_client() const { return has_client_; }
  const Endpoint& client() const { return client_; }
  const Endpoint& destination() const { return destination_; }

 private:
  std::size_t wanted() const;
  State parse_v1();
  State parse_v2();

  std::string header_;
  Endpoint client_;
  Endpoint destination_;
  bool has_client_ = false;
};

}  // namespace sallyport::proxy
