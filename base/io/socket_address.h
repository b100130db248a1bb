// Endpoint to and from the kernel's socket addresses.
#pragma once

#include <sys/socket.h>

#include "base/ip_address.h"

namespace sallyport::io {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

// AF_INET for an IPv4 address, else AF_INET6.
SocketAddress to_socket_address(const Endpoint& endpoint);

// An address of any other family (a Unix socket in a test) is the unspecified endpoint.
Endpoint from_socket_address(const SocketAddress& address);

Endpoint local_endpoint(int descriptor);
Endpoint peer_endpoint(int descriptor);

}  // namespace sallyport::io
