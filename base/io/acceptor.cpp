#include "base/io/acceptor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <thread>

#include "base/io/socket.h"
#include "base/io/socket_address.h"
#include "base/io/socket_stream.h"
#include "base/io/system_error.h"

namespace sallyport::io {
namespace {

using namespace std::chrono_literals;

constexpr int kBacklog = 4096;
constexpr Duration kFirstPause = 100ms;
constexpr Duration kLongestPause = 500ms;
constexpr Duration kNoMemory = 1ms;
constexpr int kPatience = 16;  // transient failures in a row before they are an episode too
constexpr rlim_t kLeastReserve = 16;

// The kernel gives out the lowest free number, so a number near the limit means that nearly all are
// taken: no need to count them. What is kept back, a tenth, is for next hops, DNS and logs.
bool cuts_into_reserve(int descriptor) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return false;
  const rlim_t reserve = std::max(kLeastReserve, limit.rlim_cur / 10);
  return static_cast<rlim_t>(descriptor) + reserve >= limit.rlim_cur;
}

// When to pause after a failed accept(), and for how long.
class Episode {
 public:
  void over() { *this = {}; }

  // No pause for a single transient failure (ECONNABORTED, EPROTO, EPERM by a firewall ...).
  bool must_pause(const Error& error) { return error.code == Errc::no_space || ++transient_ > kPatience; }
  bool first_pause() { return !std::exchange(reported_, true); }

  Duration pause() { return std::exchange(pause_, std::min(pause_ * 2, kLongestPause)); }

 private:
  Duration pause_ = kFirstPause;
  int transient_ = 0;
  bool reported_ = false;
};

class SocketListener final : public Listener {
 public:
  SocketListener(const Executor& executor, Descriptor descriptor)
      : socket_(executor, std::move(descriptor)), wake_(executor) {
    const int on = 1;  // inherited by every connection
    setsockopt(socket_.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  Endpoint local() const override { return local_endpoint(socket_.descriptor()); }

  Task<> run(Place place, OnConnection on_connection, OnTrouble on_trouble) override {
    running_ = true;
    Episode episode;
    while (!socket_.aborted()) {
      try {
        co_await accept_one(episode, place, on_connection, on_trouble);
      } catch (const std::bad_alloc&) {
        std::this_thread::sleep_for(kNoMemory);  // there is none to wait in any other way
      }
    }
    socket_.close();
  }

  void close() override {
    socket_.abort();
    wake_.notify();
    if (!running_) socket_.close();
  }

 private:
  struct Accepted {
    Descriptor descriptor;
    SocketAddress peer;
  };

  Task<> accept_one(Episode& episode, const Place& place, const OnConnection& on_connection,
                    const OnTrouble& on_trouble) {
    Accepted accepted;
    auto done =
        co_await socket_.drive([this, &accepted] { return try_accept(accepted); }, TimePoint::max());
    if (done) done = hand_over(std::move(accepted), place, on_connection);
    if (done) {
      episode.over();
    } else if (!socket_.aborted() && episode.must_pause(done.error())) {
      if (episode.first_pause() && on_trouble) on_trouble(done.error());
      co_await wake_.wait(std::chrono::steady_clock::now() + episode.pause());
    }
  }

  Attempt try_accept(Accepted& accepted) {
    SocketAddress peer;
    Descriptor descriptor(
        ::accept4(socket_.descriptor(), peer.get(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!descriptor && errno == EAGAIN) return Attempt::needs_input();
    if (!descriptor) return Attempt::failed(stream_error("accept", errno));
    if (cuts_into_reserve(descriptor.get())) {
      return Attempt::failed(fail(Errc::no_space, "accept: only the reserve of descriptors is left"));
    }
    accepted = {std::move(descriptor), peer};
    return Attempt::done();
  }

  // Exhausted memory costs this connection, never the listener.
  Result<std::size_t> hand_over(Accepted accepted, const Place& place,
                                const OnConnection& on_connection) try {
    const Endpoint peer = from_socket_address(accepted.peer);
    const Executor executor = place(peer);
    on_connection(std::make_unique<SocketStream>(executor, std::move(accepted.descriptor), peer), executor);
    return std::size_t{0};
  } catch (const std::exception& error) {
    return fail(Errc::no_space, std::string("accept: ") + error.what());
  }

  Socket socket_;
  Signal wake_;
  bool running_ = false;
};

// A dual-stack socket for "[::]" whatever net.ipv6.bindv6only says.
void set_options(int descriptor, int family) {
  const int on = 1;
  const int off = 0;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
}

Result<Descriptor> listen_on(const Endpoint& endpoint) {
  const SocketAddress address = to_socket_address(endpoint);
  const std::string name = "cannot listen on " + endpoint.to_string();
  Descriptor descriptor(
      ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!descriptor) return connect_error(name, errno);
  set_options(descriptor.get(), address.family());
  if (::bind(descriptor.get(), address.get(), address.length) != 0) return connect_error(name, errno);
  if (::listen(descriptor.get(), kBacklog) != 0) return connect_error(name, errno);
  return descriptor;
}

bool is_listening_tcp(int descriptor) {
  int listening = 0;
  socklen_t length = sizeof listening;
  if (getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0) return false;
  SocketAddress address;
  if (getsockname(descriptor, address.get(), &address.length) != 0) return false;
  return listening != 0 && (address.family() == AF_INET || address.family() == AF_INET6);
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::bind(const Executor& executor, const Endpoint& endpoint) {
  auto descriptor = listen_on(endpoint);
  const bool any_v6 = endpoint.address.is_unspecified() && !endpoint.address.is_v4();
  if (!descriptor && descriptor.error().code == Errc::unreachable && any_v6) {
    descriptor = listen_on({IpAddress::v4(INADDR_ANY), endpoint.port});
  }
  if (!descriptor) return std::move(descriptor.error());
  return std::make_unique<SocketListener>(executor, *std::move(descriptor));
}

Result<std::unique_ptr<Listener>> Listener::adopt(const Executor& executor, int descriptor) {
  if (!is_listening_tcp(descriptor)) {
    return fail(Errc::invalid,
                "descriptor " + std::to_string(descriptor) + " is not a listening TCP socket");
  }
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return std::make_unique<SocketListener>(executor, Descriptor(descriptor));
}

}  // namespace sallyport::io
