#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>

#include "base/io/socket.h"
#include "base/io/socket_address.h"
#include "base/io/socket_stream.h"
#include "base/io/system_error.h"

namespace sallyport::io {
namespace {

Result<> bind_source(int descriptor, const IpAddress& source) {
  // The port is chosen at connect(), so that one source address serves more than 28,000 connections.
  const int late = 1;
  setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof late);
  const SocketAddress address = to_socket_address({source, 0});
  if (::bind(descriptor, address.get(), address.length) == 0) return {};
  return connect_error("source address " + source.to_string(), errno);
}

Result<Descriptor> open_socket(int family, const IpAddress& source) {
  Descriptor descriptor(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!descriptor) return connect_error("socket", errno);
  if (!source.is_unspecified()) {
    if (auto bound = bind_source(descriptor.get(), source); !bound) return bound.error();
  }
  return descriptor;
}

// The first try starts the connection, the second asks what became of it (connect(2), EINPROGRESS).
class Connecting {
 public:
  Connecting(int descriptor, const Endpoint& to) : descriptor_(descriptor), to_(to) {}

  Attempt operator()() {
    if (std::exchange(started_, true)) return outcome();
    const SocketAddress address = to_socket_address(to_);
    if (::connect(descriptor_, address.get(), address.length) == 0) return Attempt::done();
    if (errno == EINPROGRESS) return Attempt::needs_room();
    return Attempt::failed(connect_error(to_.to_string(), errno));
  }

 private:
  Attempt outcome() const {
    int number = 0;
    socklen_t length = sizeof number;
    getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &number, &length);
    if (number != 0) return Attempt::failed(connect_error(to_.to_string(), number));
    SocketAddress peer;  // without a peer it is still under way: readiness may be reported early
    if (getpeername(descriptor_, peer.get(), &peer.length) == 0) return Attempt::done();
    return Attempt::needs_room();
  }

  int descriptor_;
  Endpoint to_;
  bool started_ = false;
};

}  // namespace

Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, ConnectOptions options) {
  const int family = to.address.is_v4() ? AF_INET : AF_INET6;
  auto descriptor = open_socket(family, options.source);
  if (!descriptor) co_return descriptor.error();
  auto stream = std::make_unique<SocketStream>(co_await this_executor(), *std::move(descriptor));
  Socket& socket = stream->socket();
  auto connected = co_await socket.drive(Connecting(socket.descriptor(), to), options.deadline);
  if (!connected) co_return std::move(connected.error());
  stream->learn_peer();
  co_return std::unique_ptr<Stream>(std::move(stream));
}

}  // namespace sallyport::io
