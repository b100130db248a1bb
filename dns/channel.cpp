#include "dns/channel.h"

#include <netinet/in.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/needed_memory.h"

namespace sallyport::dns {
namespace {

constexpr std::chrono::milliseconds kGrain(1);

// Once a process, and before any thread asks.
int library() {
  struct Library {
    const int status = ares_library_init(ARES_LIB_INIT_ALL);
    ~Library() { ares_library_cleanup(); }
  };
  static const Library once;
  return once.status;
}

Error failed(const char* what, int status) {
  return fail(Errc::io, std::string("c-ares: ") + what + ": " + ares_strerror(status));
}

Status without_answer(int status) {
  switch (status) {
    case ARES_ETIMEOUT:
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
    case ARES_ENOMEM:
      return Status::timeout;
    case ARES_EBADRESP:
    case ARES_EFORMERR:
      return Status::malformed;
    default:  // ARES_ECONNREFUSED: all that a socket can say
      return Status::unreachable;
  }
}

ares_addr_port_node node_of(const Endpoint& server) {
  ares_addr_port_node node{};
  const IpAddress::Bytes& bytes = server.address.bytes();
  node.family = server.address.is_v4() ? AF_INET : AF_INET6;
  if (server.address.is_v4())
    std::copy(bytes.begin() + 12, bytes.end(), reinterpret_cast<std::uint8_t*>(&node.addr.addr4));
  else
    std::ranges::copy(bytes, reinterpret_cast<std::uint8_t*>(&node.addr.addr6));
  node.udp_port = node.tcp_port = server.port;
  return node;
}

}  // namespace

struct Channel::Watch {
  explicit Watch(const io::Executor& executor) : descriptor(executor) {}
  ~Watch() {
    if (descriptor.is_open()) descriptor.release();
  }

  boost::asio::posix::basic_stream_descriptor<io::Executor> descriptor;
  bool wanted[2] = {false, false};  // to read, to write
  bool waits[2] = {false, false};
};

Result<std::shared_ptr<Channel>> Channel::open(const io::Executor& executor, const Endpoint& server,
                                               Duration timeout, By by) {
  auto channel = std::make_shared<Channel>(Private(), executor, server, timeout, by);
  auto started = channel->start();
  if (!started) return std::move(started.error());
  return channel;
}

Channel::Channel(Private, const io::Executor& executor, const Endpoint& server, Duration timeout, By by)
    : executor_(executor), server_(server), timeout_(timeout), by_(by), timer_(executor) {}

Channel::~Channel() {
  if (channel_) ares_destroy(channel_);
}

Result<> Channel::start() {
  if (const int status = library(); status != ARES_SUCCESS) return failed("library", status);
  char lookups[] = "b";
  ares_options options{};
  // Every answer comes to us as it is, and the second try is ours to make.
  options.flags = ARES_FLAG_NOCHECKRESP | (by_ == By::tcp ? ARES_FLAG_USEVC : 0);
  options.timeout = static_cast<int>(
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::milliseconds>(timeout_).count()));
  options.tries = 1;
  options.lookups = lookups;
  options.sock_state_cb = [](void* self, ares_socket_t socket, int readable, int writable) {
    static_cast<Channel*>(self)->on_socket(socket, readable != 0, writable != 0);
  };
  options.sock_state_cb_data = this;
  const int status = ares_init_options(
      &channel_, &options,
      ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
  if (status != ARES_SUCCESS) return failed("channel", status);
  ares_addr_port_node node = node_of(server_);
  const int set = ares_set_servers_ports(channel_, &node);
  if (set != ARES_SUCCESS) return failed("server", set);
  if (by_ == By::udp) datagrams_.read_through(channel_);
  return {};
}

void Channel::send(Sending& sending) {
  sending.answer.clear();
  sending.by_tcp = false;
  sending.self_ = sending.shared_from_this();
  sending.over_ = shared_from_this();
  ++in_flight_;
  if (by_ == By::udp) datagrams_.expect(sending);
  const auto ended = [](void* argument, int status, int, unsigned char* message, int size) {
    auto& ended = *static_cast<Sending*>(argument);
    ended.over_->end(ended, status,
                     {reinterpret_cast<const char*>(message), static_cast<std::size_t>(size)});
  };
  ares_send(channel_, reinterpret_cast<const unsigned char*>(sending.query.data()),
            static_cast<int>(sending.query.size()), ended, &sending);
  arm();
}

// May run inside ares_send(), and inside whatever c-ares does: so the reply is for the loop to deliver.
void Channel::end(Sending& sending, int status, std::string_view message) {
  const NeededMemory needed;  // C calls us
  if (by_ == By::udp)
    datagrams_.forget(sending, status == ARES_ETIMEOUT);
  else
    sending.answer = message;
  sending.status = status == ARES_SUCCESS ? Status::found : without_answer(status);
  boost::asio::post(executor_, [self = std::move(sending.self_)] { deliver(*self); });
}

void Channel::deliver(Sending& sending) {
  const NeededMemory needed;  // nobody else can tell those who wait
  const std::shared_ptr<Channel> over = std::move(sending.over_);
  --over->in_flight_;
  sending.replied(*over);
}

void Channel::abandon() { ares_cancel(channel_); }

void Channel::on_socket(ares_socket_t socket, bool readable, bool writable) {
  const NeededMemory needed;  // C calls us
  if (!readable && !writable) {
    const auto watch = watches_.extract(socket);
    if (watch) watch.mapped()->descriptor.release();  // c-ares closes it
    return;
  }
  std::shared_ptr<Watch>& watch = watches_[socket];
  if (!watch) {
    watch = std::make_shared<Watch>(executor_);
    boost::system::error_code ignored;  // the question runs into its timeout
    watch->descriptor.assign(socket, ignored);
  }
  watch->wanted[0] = readable;
  watch->wanted[1] = writable;
  await(watch, socket, false);
  await(watch, socket, true);
}

void Channel::await(const std::shared_ptr<Watch>& watch, ares_socket_t socket, bool writing) {
  if (!watch->descriptor.is_open() || !watch->wanted[writing] || watch->waits[writing]) return;
  watch->waits[writing] = true;
  const NeededMemory needed;
  watch->descriptor.async_wait(
      writing ? boost::asio::posix::descriptor_base::wait_write
              : boost::asio::posix::descriptor_base::wait_read,
      [weak = weak_from_this(), watch, socket, writing](const boost::system::error_code& code) {
        watch->waits[writing] = false;
        const auto self = weak.lock();
        if (code || !self || !watch->descriptor.is_open()) return;
        self->process(writing ? ARES_SOCKET_BAD : socket, writing ? socket : ARES_SOCKET_BAD);
        self->await(watch, socket, writing);
      });
}

void Channel::process(ares_socket_t readable, ares_socket_t writable) {
  datagrams_.begin();
  ares_process_fd(channel_, readable, writable);
  arm();
}

// All questions have the same timeout, so none that comes later can end sooner: a timer that runs stays,
// and c-ares, which looks through all its questions, is asked for the next end only when it has fired.
void Channel::arm() {
  timeval left{};
  if (armed_ || !ares_timeout(channel_, nullptr, &left)) return;
  armed_ = true;
  const NeededMemory needed;
  timer_.expires_after(std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec) +
                       kGrain);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& code) {
    const auto self = weak.lock();
    if (code || !self) return;
    self->armed_ = false;
    self->process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  });
}

}  // namespace sallyport::dns
