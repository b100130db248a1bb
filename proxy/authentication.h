// What we write on top of a stranger's message about who sent it: Authentication-Results (RFC 8601) and
// Received-SPF (RFC 7208 9.1). Pure.
#pragma once

#include <string>

#include "base/mail/address.h"
#include "base/mail/evidence.h"
#include "policy/settings.h"

namespace sallyport::proxy {

struct AuthenticationFacts {
  const mail::Evidence& evidence;
  const mail::Path& sender;
  const std::string& helo;
  bool smtputf8 = false;
};

// Both fields, whole. A list that is a `flag` stands in the first as x-dnsbl=fail, or dnswl=pass (RFC 8904)
// if what it answered counts for the client.
std::string authentication_fields(const AuthenticationFacts& facts, const policy::Settings& settings);

}  // namespace sallyport::proxy
