// Types of values that only the checks have: outcomes, codes of lists, DNS servers.
#pragma once

#include <vector>

#include "base/config/type.h"
#include "proxy/settings_written.h"

namespace sallyport::proxy {

config::Type<Mode> mode();
// Of what may speak for a client as well as against it: no mode is the stricter one.
config::Type<Mode> mode_of_either();
// "ignore", "defer", "reject" or {"score": N}.
config::Type<policy::Outcome> outcome();
// The same without "reject": from a failure that passes nothing permanent follows.
config::Type<policy::Outcome> passing_outcome();
// A number of points: a whole one.
config::Type<int> points(int low, int high);
// {"127.0.0.2-127.0.0.11": 5, "127.0.*.3": -2}
config::Type<std::vector<config::Named<policy::CodeRange>>> list_codes();
config::Type<mail::Listed> listed();
// Whether a list's section says so, be it with a mistake: its zone holds a key.
bool is_secret_list(const config::Node& list);
// true, false, or {"listed": ..., "clear": ...} with other test entries than those of RFC 5782 5.
config::Type<FamilyChoice> family_of_addresses();
config::Type<FamilyChoice> family_of_domains();
// "192.0.2.53", "192.0.2.53:5300", "[2001:db8::53]:53"; the port is 53 where none is written.
config::Type<Endpoint> dns_server();

}  // namespace sallyport::proxy
