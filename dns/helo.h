// What a client says of itself in HELO or EHLO, held against the DNS (RFC 5321 4.1.4: never a reason alone
// to refuse, which is the policy's to know; so is which names are ours).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/io/task.h"
#include "base/ip_address.h"
#include "dns/lookup.h"
#include "dns/resolver.h"

namespace sallyport::dns {

struct HeloName {
  enum class Result { plausible, syntax, literal, not_fqdn, unresolvable, mismatch, temporary };
  Result result = Result::temporary;
  std::vector<Lookup> lookups;
};

// What can be told without asking.
std::optional<HeloName::Result> judge_helo(const std::string& helo, const IpAddress& client);

// The rest: a name that has the client's address is plausible, one that has others is a mismatch. Both
// families are asked, for a client may say the same name on either.
io::Task<HeloName> check_helo(Resolver& resolver, const Clock& clock, std::string helo, IpAddress client,
                              Asking asking);

}  // namespace sallyport::dns
