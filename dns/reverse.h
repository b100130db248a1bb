// The client's reverse name, forward-confirmed: a PTR name counts when it has the client's address
// (FCrDNS).
#pragma once

#include <vector>

#include "base/clock.h"
#include "base/io/task.h"
#include "base/ip_address.h"
#include "dns/lookup.h"
#include "dns/resolver.h"

namespace sallyport::dns {

struct ReverseName {
  enum class Result { confirmed, missing, mismatch, temporary };
  Result result = Result::temporary;
  Name name;               // confirmed: the first that is; mismatch: the first that the client has
  std::vector<Name> more;  // the others that are confirmed
  bool in_doubt = false;   // confirmed, and whether others are cannot be told now
  std::vector<Lookup> lookups;
};

// At most 10 names are looked at, all at once. One name that is confirmed is enough, whatever became of the
// others; if none is, a failure that passes makes the result temporary.
io::Task<ReverseName> reverse_name(Resolver& resolver, const Clock& clock, IpAddress client, Asking asking);

}  // namespace sallyport::dns
