// Base64 (RFC 4648 4) and hexadecimal. Pure; decoding is strict.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sallyport::mail {

std::string base64_encode(std::string_view octets);

// Strict: the padding must be there, no blanks or line ends, and the bits behind the last octet are
// zero, so that every text has one encoding (RFC 4648 3.5). nullopt: it is not base64.
std::optional<std::string> base64_decode(std::string_view text);

std::string hex_encode(std::string_view octets);                 // lower case
std::optional<std::string> hex_decode(std::string_view digits);  // either case

}  // namespace sallyport::mail
