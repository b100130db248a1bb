// What tests of inquiries share: what the DNS says of an honest client, and lists that are asked of it.
#pragma once

#include "dns/list_watch.h"
#include "policy/checks.h"
#include "tests/unit/dns_support.h"

namespace sallyport::proxy::testing {

inline const std::string kGoodZone = R"($ORIGIN good.test.
@ MX 10 mx
@ TXT "v=spf1 mx -all"
mx A 203.0.113.1
mx TXT "v=spf1 a -all"
1.113.0.203.in-addr.arpa. PTR mx
5.113.0.203.in-addr.arpa. PTR cust7
cust7 A 203.0.113.5
2.113.0.203.in-addr.arpa. PTR other.test.
other.test. A 198.51.100.1
1.113.0.203.bl.test. A 127.0.0.2
mx.good.test.names.test. A 127.0.0.2
)";

inline policy::ListSettings list(const char* zone, mail::Listed of, int weight = 2) {
  policy::ListSettings settings;
  settings.name = zone;
  settings.codes = {{.weight = weight}};
  settings.of = {of};
  return settings;
}

// For addresses and for names.
inline dns::WatchedList watched(const policy::ListSettings& list) {
  dns::WatchedList out{dns::testing::name(list.name), list.name, {}, std::chrono::seconds(2)};
  for (const auto family : {dns::Family::ipv4, dns::Family::domain})
    out.families.at(static_cast<std::size_t>(family)) = dns::usual_test_points(family);
  return out;
}

}  // namespace sallyport::proxy::testing
