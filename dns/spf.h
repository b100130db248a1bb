// SPF (RFC 7208): may this client send mail for that domain? check_host() as the RFC has it, pure over a
// Resolver: no sockets, no clock but the one passed in. The hosts of an mx, and the names of a ptr, are
// asked for side by side.
//
// Limits (4.6.4): 10 terms that ask, 2 void look-ups, 10 addresses' names for each mx and ptr, and 20 s
// for all of it; beyond the first three the result is permerror, beyond the last temperror. The 10 and
// the 2 are counted over the whole evaluation, includes and redirects among it, and hold for its last term.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/io/task.h"
#include "base/ip_address.h"
#include "dns/lookup.h"
#include "dns/resolver.h"

namespace sallyport::dns {

enum class SpfResult { none, neutral, pass, fail, softfail, temperror, permerror };
std::string_view to_string(SpfResult result);  // as RFC 8601 2.7.2 spells it

enum class SpfIdentity { helo, mailfrom };

struct SpfRequest {
  IpAddress client;  // mapped IPv4 is IPv4
  SpfIdentity identity = SpfIdentity::mailfrom;
  std::string helo;      // as the client said it
  std::string sender;    // MAIL FROM without brackets; "" stands for postmaster@HELO (2.4)
  std::string receiver;  // our host name, for %{r}; "" = "unknown"
};

struct SpfOutcome {
  SpfResult result = SpfResult::none;
  std::string domain;       // whose record decided, or was looked for
  std::string mechanism;    // the term that matched, as written: "-all", "include:_spf.example"; "default"
  bool open = false;        // the term that made it pass, in whatever record, lets anybody send
  std::string explanation;  // fail only: the domain's own words (6.2), printable ASCII, at most 200 octets
  std::string problem;      // permerror, temperror: what is wrong, and where
  int terms = 0;            // of the 10
  int void_lookups = 0;     // of the 2
  std::vector<Lookup> lookups;
};

// `resolver` and `clock` outlive the task.
io::Task<SpfOutcome> check_host(Resolver& resolver, const Clock& clock, SpfRequest request);

}  // namespace sallyport::dns
