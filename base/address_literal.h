// The address literal of RFC 5321 4.1.3, as it is read; IpAddress::address_literal() writes one. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/ip_address.h"

namespace sallyport {

// [192.0.2.1], [IPv6:2001:db8::1], and [2001:db8::1] as many write it; another tag is nobody's address.
std::optional<IpAddress> parse_address_literal(std::string_view bracketed);

}  // namespace sallyport
