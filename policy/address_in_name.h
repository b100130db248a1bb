// Does a host name hold an IP address? Providers name what they have not named otherwise after it.
//
// IPv4: all four octets, forwards or backwards, or the last one in front of the others; decimal with one
// of - . _ between them (zeros in front allowed), decimal of three digits each, or hexadecimal in both
// ways. IPv6: the last four groups in a row, forwards or backwards, the last 16 hexadecimal digits
// likewise, or the whole address with - for : ("2001-db8--1").
//
// Pure.
#pragma once

#include <string_view>

#include "base/ip_address.h"

namespace sallyport::policy {

// `labels` in lower case.
bool holds_address(std::string_view labels, const IpAddress& address);

}  // namespace sallyport::policy
