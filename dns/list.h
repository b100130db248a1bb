// DNS lists (RFC 5782): DNSBL, DNSWL, RHSBL. What one list says of one address or name.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/io/task.h"
#include "base/ip_address.h"
#include "dns/lookup.h"
#include "dns/resolver.h"

namespace sallyport::dns {

struct ListAnswer {
  enum class Result {
    clear,
    listed,
    silent,  // it does not answer us: 127.255.255.x, or an address that is no list's (a hijacked resolver)
    temporary,
  };
  Result result = Result::temporary;
  std::vector<IpAddress> codes;  // listed: all in 127/8
  std::string words;             // its TXT, for the first that is listed; untrusted
  std::vector<Lookup> lookups;
};

using Subject = std::variant<IpAddress, Name>;

// Addresses: reversed below the zone (2.1, 2.4); names: as they are (2.2). The TXT is asked for only when
// there is a listing, in what time is left. A subject that is too long for the zone is clear.
io::Task<ListAnswer> ask_list(Resolver& resolver, const Clock& clock, Name zone, Subject subject,
                              Asking asking);

// The same if all of it is at hand; nullopt: something must be waited for, and nothing was asked.
std::optional<ListAnswer> list_at_hand(Resolver& resolver, const Name& zone, const Subject& subject);

}  // namespace sallyport::dns
