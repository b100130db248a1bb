// Opening a connection to a next hop: address, TCP, greeting, EHLO, STARTTLS, AUTH.
//
// Whatever goes wrong on the way is a WayFault. Under the opportunistic policy TLS that fails is tried
// once more in clear on a new connection. What the next hop offered last is put into the state store.
#pragma once

#include "proxy/relay/connection.h"
#include "proxy/relay/environment.h"
#include "proxy/relay/pool.h"
#include "proxy/relay/way.h"

namespace sallyport::relay {

// No step takes longer than its timeout, and nothing goes on behind `deadline`. The permit ends up in the
// connection.
io::Task<WayResult<std::unique_ptr<Connection>>> open_connection(const Environment& environment,
                                                                 const Pool::Order& order, Permit permit,
                                                                 std::shared_ptr<HostState> host,
                                                                 TimePoint deadline);

// State store: kind "capabilities", by host.
inline constexpr const char* kCapabilitiesKind = "capabilities";

}  // namespace sallyport::relay
