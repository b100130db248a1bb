#include "base/io/socket_address.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace sallyport::io {
namespace {

constexpr std::size_t kMappedPrefix = 12;  // ::ffff:0:0/96 in octets

SocketAddress to_v4(const Endpoint& endpoint) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(endpoint.port);
  std::memcpy(&in.sin_addr, endpoint.address.bytes().data() + kMappedPrefix, sizeof in.sin_addr);
  SocketAddress address;
  std::memcpy(&address.storage, &in, sizeof in);
  address.length = sizeof in;
  return address;
}

SocketAddress to_v6(const Endpoint& endpoint) {
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(endpoint.port);
  std::memcpy(&in.sin6_addr, endpoint.address.bytes().data(), sizeof in.sin6_addr);
  SocketAddress address;
  std::memcpy(&address.storage, &in, sizeof in);
  address.length = sizeof in;
  return address;
}

}  // namespace

SocketAddress to_socket_address(const Endpoint& endpoint) {
  return endpoint.address.is_v4() ? to_v4(endpoint) : to_v6(endpoint);
}

Endpoint from_socket_address(const SocketAddress& address) {
  if (address.family() == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &address.storage, sizeof in);
    return {IpAddress::v4(ntohl(in.sin_addr.s_addr)), ntohs(in.sin_port)};
  }
  if (address.family() == AF_INET6) {
    sockaddr_in6 in;
    std::memcpy(&in, &address.storage, sizeof in);
    IpAddress::Bytes bytes;
    std::copy_n(in.sin6_addr.s6_addr, bytes.size(), bytes.begin());
    return {IpAddress(bytes), ntohs(in.sin6_port)};
  }
  return {};
}

Endpoint local_endpoint(int descriptor) {
  SocketAddress address;
  return getsockname(descriptor, address.get(), &address.length) == 0 ? from_socket_address(address)
                                                                      : Endpoint{};
}

Endpoint peer_endpoint(int descriptor) {
  SocketAddress address;
  return getpeername(descriptor, address.get(), &address.length) == 0 ? from_socket_address(address)
                                                                      : Endpoint{};
}

}  // namespace sallyport::io
