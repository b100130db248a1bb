// What a client's response holds in SASL PLAIN (RFC 4616).
//
// Pure. What is returned holds passwords: the caller wipes it, or hands it on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sallyport::smtp {

struct PlainCredentials {
  std::string authorize_as;  // "" = as `user`
  std::string user;
  std::string password;
};
// [authzid] NUL authcid NUL passwd, both of the latter non-empty.
std::optional<PlainCredentials> parse_plain(std::string_view message);

}  // namespace sallyport::smtp
