// What a route says about connections to one of its hosts, in the form the pool wants.
#pragma once

#include "proxy/relay/environment.h"
#include "proxy/relay/pool.h"

namespace sallyport::relay {

inline Pool::Order order_for(const Route& route, const Host& host, const Ourselves& ourselves) {
  return {.settings = {.host = host,
                       .tls = route.tls,
                       .tls_settings = route.tls_settings,
                       .credentials = route.credentials,
                       .source = route.source,
                       .helo = route.helo.empty() ? ourselves.hostname : route.helo},
          .timeouts = {.connect = route.connect_timeout,
                       .greeting = route.greeting_timeout,
                       .command = route.command_timeout},
          .limit = route.max_connections,
          .fresh = false,
          .route = route.name};
}

}  // namespace sallyport::relay
