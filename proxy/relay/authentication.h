// AUTH towards a next hop (RFC 4954): PLAIN, or LOGIN where only that is offered.
//
// Only ever called under TLS. A refusal is a fault of the way; the password stands in no detail.
#pragma once

#include "proxy/relay/connection.h"
#include "proxy/relay/way.h"

namespace sallyport::relay {

io::Task<WayResult<>> authenticate(Connection& hop, const Credentials& credentials, TimePoint deadline);

}  // namespace sallyport::relay
