// Whether the domain in MAIL FROM could take an answer: it exists, and has an MX or an address (RFC
// 5321 5.1).
#pragma once

#include <vector>

#include "base/clock.h"
#include "base/io/task.h"
#include "dns/lookup.h"
#include "dns/resolver.h"

namespace sallyport::dns {

struct SenderDomain {
  enum class Result { found, missing, no_mail, null_mx, private_only, temporary };
  Result result = Result::temporary;
  std::vector<Lookup> lookups;
};

// MX first, and the addresses at the same time: they stand in for a missing MX, and are asked for anyway.
// Of the MX hosts the addresses of the best five are looked at: private if all that there are, are.
io::Task<SenderDomain> check_sender_domain(Resolver& resolver, const Clock& clock, Name domain,
                                           Asking asking);

// Addresses that nobody outside can reach: private, loopback, link-local, unspecified, shared (RFC 6890).
bool is_private(const IpAddress& address);

}  // namespace sallyport::dns
