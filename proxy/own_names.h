// What the DNS tells others of us: of our host name, which they hear in our greeting and HELO, and of our
// domains. What is amiss comes with what to publish.
//
// Over a dns::Resolver, one core; it changes nothing and keeps nothing.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/io/task.h"
#include "base/ip_address.h"
#include "dns/name.h"
#include "dns/resolver.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

struct OwnNames {
  dns::Name hostname;
  std::vector<dns::Name> domains;
  std::size_t left_out = 0;       // domains beyond those
  std::vector<Network> leads_in;  // where mail for us may go first: our addresses, and who stands in front
  // Our own mail on its way out, if "outbound" takes any: from these, or through hosts of these names.
  bool sends = false;
  std::vector<IpAddress> sends_from;  // beside the addresses of the host name
  std::vector<dns::Name> sends_through;
};

// The first 50 domains; wildcards have no records of their own.
OwnNames own_names(const Settings& settings);

struct NameFault {
  std::string what;     // "example.com has no MX record"
  std::string publish;  // "publish: example.com. MX 10 mx.example.com."
};

// All is asked at once and ends by `deadline`. What could not be looked up is one fault for all of it.
io::Task<std::vector<NameFault>> look_at(OwnNames names, dns::Resolver& resolver, const Clock& clock,
                                         TimePoint deadline);

}  // namespace sallyport::proxy
