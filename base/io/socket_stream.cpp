#include "base/io/socket_stream.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>

#include "base/io/gather.h"
#include "base/io/socket_address.h"
#include "base/io/system_error.h"
#include "base/io/tls_session.h"

namespace sallyport::io {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kVectors = 64;
constexpr std::size_t kRecord = 16 * 1024;  // the largest TLS record (RFC 8446 5.1)
constexpr auto kCloseTime = 2s;
constexpr std::size_t kDrain = 4 * 1024 * 1024;

// One for each thread, not for each stream: an idle stream holds no buffer.
std::span<char> scratch() {
  thread_local const std::unique_ptr<char[]> buffer(new char[Stream::kScratch]);
  return {buffer.get(), Stream::kScratch};
}

std::span<char> record_scratch() {
  thread_local const std::unique_ptr<char[]> buffer(new char[kRecord]);
  return {buffer.get(), kRecord};
}

Attempt try_receive(int descriptor, std::span<char> into) {
  const ssize_t got = ::recv(descriptor, into.data(), into.size(), MSG_DONTWAIT);
  if (got > 0) return Attempt::done(static_cast<std::size_t>(got));
  if (got == 0) return Attempt::failed(fail(Errc::closed));
  if (errno == EAGAIN || errno == EINTR) return Attempt::needs_input();
  return Attempt::failed(stream_error("read", errno));
}

Attempt try_send(int descriptor, const Gather& gather) {
  std::array<iovec, kVectors> vectors;
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = gather.vectors(vectors);
  const ssize_t sent = ::sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) return Attempt::done(static_cast<std::size_t>(sent));
  if (errno == EAGAIN || errno == EINTR) return Attempt::needs_room();
  return Attempt::failed(stream_error("write", errno));
}

// Reads and drops until the peer's FIN or a cap; whatever TLS says in it no longer matters.
class Drain {
 public:
  Drain(int descriptor, std::size_t& drained) : descriptor_(descriptor), drained_(drained) {}

  Attempt operator()() {
    while (drained_ < kDrain) {
      Attempt attempt = try_receive(descriptor_, scratch());
      if (attempt.state != Attempt::State::done) return attempt;
      drained_ += attempt.bytes;
    }
    return Attempt::done();
  }

 private:
  int descriptor_;
  std::size_t& drained_;
};

// What the kernel knows of the connection besides the bytes that are there to read.
Presence kernel_presence(int descriptor) {
  pollfd state{descriptor, POLLRDHUP, 0};
  if (::poll(&state, 1, 0) <= 0) return Presence::here;
  if ((state.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return Presence::gone;
  return (state.revents & POLLRDHUP) != 0 ? Presence::closed : Presence::here;
}

Presence presence_after(const Error& error) {
  return error.code == Errc::closed || error.code == Errc::truncated ? Presence::closed : Presence::gone;
}

}  // namespace

SocketStream::SocketStream(const Executor& executor, Descriptor descriptor)
    : socket_(executor, std::move(descriptor)) {
  const int on = 1;
  setsockopt(socket_.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  learn_peer();
}

SocketStream::SocketStream(const Executor& executor, Descriptor descriptor, const Endpoint& peer)
    : socket_(executor, std::move(descriptor)), peer_(peer) {}

SocketStream::~SocketStream() = default;

Endpoint SocketStream::local() const { return local_endpoint(socket_.descriptor()); }

void SocketStream::learn_peer() { peer_ = peer_endpoint(socket_.descriptor()); }

Attempt SocketStream::try_read(std::span<char> into) {
  return tls_ ? tls_->read(into) : try_receive(socket_.descriptor(), into);
}

Attempt SocketStream::try_write(const Gather& gather) {
  return tls_ ? tls_->write(gather.piece(record_scratch())) : try_send(socket_.descriptor(), gather);
}

// A read that got less than it had room for has emptied the socket: another try at once would only be
// told so. What came since makes the wait end at once.
Attempt SocketStream::try_read_on(std::span<char> into) {
  if (std::exchange(drained_, false)) return Attempt::needs_input();
  Attempt attempt = try_read(into);
  drained_ = !tls_ && attempt.state == Attempt::State::done && attempt.bytes < into.size();
  return attempt;
}

Task<Result<std::string_view>> SocketStream::read(TimePoint deadline, std::size_t at_most) {
  auto got = co_await socket_.drive(
      [this, at_most] { return try_read_on(scratch().first(std::min(at_most, kScratch))); }, deadline,
      Socket::Interrupts::heeded);
  if (!got) co_return std::move(got.error());
  co_return std::string_view(scratch().data(), *got);
}

Presence SocketStream::poll(std::string& into, std::size_t cap) {
  if (socket_.aborted()) return Presence::gone;
  for (std::size_t room = cap; room > 0;) {
    const Attempt attempt = try_read(scratch().first(std::min(room, kScratch)));
    if (attempt.state == Attempt::State::failed) return presence_after(attempt.error);
    if (attempt.state != Attempt::State::done) break;
    into.append(scratch().data(), attempt.bytes);
    room -= attempt.bytes;
    if (room == 0) return kernel_presence(socket_.descriptor());  // an end may hide behind more input
  }
  return cap == 0 ? kernel_presence(socket_.descriptor()) : Presence::here;
}

Task<Result<>> SocketStream::write(std::string_view bytes, TimePoint deadline) {
  co_return co_await write(std::span(&bytes, 1), deadline);
}

Task<Result<>> SocketStream::write(std::span<const std::string_view> parts, TimePoint deadline) {
  Gather gather(parts);
  while (!gather.finished()) {
    auto sent = co_await socket_.drive([this, &gather] { return try_write(gather); }, deadline);
    if (!sent) co_return std::move(sent.error());
    gather.advance(*sent);
  }
  co_return Result<>{};
}

Result<std::size_t> SocketStream::write_now(std::string_view bytes) {
  if (socket_.aborted()) return fail(Errc::closed, "aborted");
  const Gather gather(std::span(&bytes, 1));
  if (gather.finished()) return std::size_t{0};
  Attempt attempt = try_write(gather);
  if (attempt.state == Attempt::State::failed) return std::move(attempt.error);
  return attempt.bytes;
}

Task<Result<>> SocketStream::start_tls(std::shared_ptr<const ServerTls> tls, TimePoint deadline) {
  return handshake(TlsSession::accept(std::move(tls), socket_.descriptor()), deadline);
}

Task<Result<>> SocketStream::start_tls(std::shared_ptr<const ClientTls> tls, std::string host,
                                       TimePoint deadline) {
  return handshake(TlsSession::connect(std::move(tls), host, socket_.descriptor()), deadline);
}

Task<Result<>> SocketStream::handshake(Result<std::unique_ptr<TlsSession>> session, TimePoint deadline) {
  if (!session) co_return std::move(session.error());
  if (tls_) co_return fail(Errc::invalid, "the stream is under TLS already");
  tls_ = *std::move(session);
  auto done = co_await socket_.drive([this] { return tls_->handshake(); }, deadline);
  if (!done) co_return std::move(done.error());
  co_return Result<>{};
}

const TlsInfo& SocketStream::tls() const {
  static const TlsInfo clear;
  return tls_ ? tls_->info() : clear;
}

Task<Farewell> SocketStream::close() {
  const TimePoint deadline = std::chrono::steady_clock::now() + kCloseTime;
  if (tls_) (void)co_await socket_.drive([this] { return tls_->shutdown(); }, deadline);
  ::shutdown(socket_.descriptor(), SHUT_WR);
  std::size_t drained = 0;
  (void)co_await socket_.drive(Drain(socket_.descriptor(), drained), deadline);
  // Under TLS what came may have been the goodbye of a library, which proves nothing of its program.
  const bool acknowledged = unacknowledged() == 0;
  socket_.close();
  co_return Farewell{.acknowledged = acknowledged, .spoke = acknowledged && drained > 0 && !tls_};
}

std::size_t SocketStream::unacknowledged() const {
  int bytes = 0;
  return ioctl(socket_.descriptor(), SIOCOUTQ, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

}  // namespace sallyport::io
