// The one implementation of Stream: a TCP socket that may come to carry TLS.
//
// The socket waits, the transport (recv and sendmsg, or a TlsSession) tries. Once a TlsSession is in
// place nothing is ever read or written beside it again: after its end there is no way back to
// plaintext (the class of CVE-2026-45185).
#pragma once

#include <memory>
#include <string>

#include "base/io/socket.h"
#include "base/io/stream.h"

namespace sallyport::io {

class Gather;
class TlsSession;

class SocketStream final : public Stream {
 public:
  SocketStream(const Executor& executor, Descriptor descriptor);
  // One that was accepted: its peer is known, its options (TCP_NODELAY) are those of the listening socket.
  SocketStream(const Executor& executor, Descriptor descriptor, const Endpoint& peer);
  ~SocketStream() override;

  Task<Result<std::string_view>> read(TimePoint deadline, std::size_t at_most = kScratch) override;
  Presence poll(std::string& into, std::size_t cap) override;
  Task<Result<>> write(std::string_view bytes, TimePoint deadline) override;
  Task<Result<>> write(std::span<const std::string_view> parts, TimePoint deadline) override;
  Result<std::size_t> write_now(std::string_view bytes) override;
  Task<Result<>> start_tls(std::shared_ptr<const ServerTls> tls, TimePoint deadline) override;
  Task<Result<>> start_tls(std::shared_ptr<const ClientTls> tls, std::string host,
                           TimePoint deadline) override;
  const TlsInfo& tls() const override;
  Task<Farewell> close() override;
  void hang_up() override { socket_.close(); }
  void abort() override { socket_.abort(); }
  void interrupt() override { socket_.interrupt(); }
  Endpoint local() const override;
  Endpoint peer() const override { return peer_; }
  std::size_t unacknowledged() const override;

  // For connect(): the socket before it is connected, and who the peer is once it is.
  Socket& socket() { return socket_; }
  void learn_peer();

 private:
  Attempt try_read(std::span<char> into);
  Attempt try_read_on(std::span<char> into);
  Attempt try_write(const Gather& gather);
  Task<Result<>> handshake(Result<std::unique_ptr<TlsSession>> session, TimePoint deadline);

  Socket socket_;
  std::unique_ptr<TlsSession> tls_;
  bool drained_ = false;  // the last read took all there was: the next one waits first
  Endpoint peer_;
};

}  // namespace sallyport::io
