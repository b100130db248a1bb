// What the DNS tells others of us: of our host name, which they hear in our greeting and HELO, and of our
// domains. What is amiss comes with what to publish.
//
// Over a dns::Resolver, one core; it changes nothing and keeps nothing.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/io/task.h"
#include "dns/resolver.h"
#include "proxy/own_records.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

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
