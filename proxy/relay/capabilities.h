// What a next hop offered in its last EHLO (or LHLO) reply on one connection, RFC 5321 4.1.1.1.
//
// Pure values. Nothing that was not offered is ever used, and what was offered before TLS is forgotten.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::relay {

struct HopCapabilities {
  bool starttls = false;
  bool pipelining = false;
  bool chunking = false;
  bool eight_bit = false;
  bool smtputf8 = false;
  bool dsn = false;
  bool size_offered = false;
  bool auth_plain = false;
  bool auth_login = false;
  std::uint64_t size = 0;  // octets; 0: no limit told
  bool operator==(const HopCapabilities&) const = default;

  // The lines of the reply without code; the first is the greeting. Unknown keywords are passed over.
  static HopCapabilities parse(const std::vector<std::string>& lines);

  // For the state store: the keywords as they would be offered, parted by '\n'.
  std::string to_record() const;
  static HopCapabilities from_record(std::string_view record);
};

}  // namespace sallyport::relay
