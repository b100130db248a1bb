// A connected byte stream, plain or under TLS, with a deadline on every operation.
//
// Ownership: whoever holds the unique_ptr; destroying it closes the socket at once (pending operations
// must have ended). Thread rule: one stream belongs to one core (its executor) and to one task at a time.
// Errors: closed (orderly end), truncated (TLS ended without close_notify), reset, timeout, tls, io.
// After any error but `timeout` and `stopped` of read() the stream is only good for close().
//
// No buffer is held while a stream is idle: read() fills the calling thread's one scratch buffer.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/io/task.h"
#include "base/ip_address.h"
#include "base/result.h"

namespace sallyport::io {

class ServerTls;
class ClientTls;

// What was negotiated; empty version: the stream is in clear.
struct TlsInfo {
  std::string version;           // "TLSv1.3"
  std::string cipher;            // "TLS_AES_256_GCM_SHA384"
  int bits = 0;                  // of the cipher
  std::string server_name;       // SNI the client asked for: its own words, not to be trusted
  std::string peer_fingerprint;  // SHA-256 of the peer's certificate, lower-case hex, "" without one
  std::string peer_name;         // name of the peer's certificate, "" unless verified: of a client by the
                                 // private CA, of a server by Verify::name
};

// What the end of a connection told of the peer.
struct Farewell {
  bool acknowledged = false;  // its kernel has everything that was written
  bool spoke = false;         // and it said something more, in clear
};

enum class Presence {
  here,    // the connection stands (there may be unread input)
  closed,  // the peer shut its side: no more input will come
  gone,    // reset, or broken
};

class Stream {
 public:
  virtual ~Stream() = default;

  // Waits for input and returns what there is (at least one byte, at most kScratch). The view is into
  // the thread's scratch buffer: consume or copy it before the next co_await of anything. A deadline that
  // has passed is a timeout even when input is there, here and in write(): nobody outlives a limit by
  // haste.
  static constexpr std::size_t kScratch = 64 * 1024;
  // `at_most` is for a header behind which somebody else reads on (PROXY before a TLS handshake).
  virtual Task<Result<std::string_view>> read(TimePoint deadline, std::size_t at_most = kScratch) = 0;

  // Takes what has arrived already, without waiting, appending at most `cap` bytes to `into`.
  virtual Presence poll(std::string& into, std::size_t cap) = 0;

  // Writes everything. The bytes must stay alive until it returns. Parts go out in one system call
  // where the kernel takes them (the final dot rides with the last data).
  virtual Task<Result<>> write(std::string_view bytes, TimePoint deadline) = 0;
  virtual Task<Result<>> write(std::span<const std::string_view> parts, TimePoint deadline) = 0;
  // Writes what goes out at once, without waiting, and returns how much that was. Errors as of write().
  // For short replies, which nearly always go at once: no coroutine, no deadline.
  virtual Result<std::size_t> write_now(std::string_view bytes) = 0;

  // Turns a plain stream into TLS on the same descriptor. Nothing may have been read beyond the last
  // plaintext line: the caller checks that (RFC 3207 6; the STARTTLS injection class of attacks). Fails
  // with `tls` whatever the cause, `timeout`, or `closed` by abort(). `host` is sent as SNI and verified.
  virtual Task<Result<>> start_tls(std::shared_ptr<const ServerTls> tls, TimePoint deadline) = 0;
  virtual Task<Result<>> start_tls(std::shared_ptr<const ClientTls> tls, std::string host,
                                   TimePoint deadline) = 0;
  virtual const TlsInfo& tls() const = 0;

  // Says goodbye so that the last reply arrives: close_notify, shutdown of our side, then unread input
  // is drained for at most two seconds (closing over unread input would reset the connection).
  virtual Task<Farewell> close() = 0;
  // Closes at once, for a peer that has said goodbye itself: nothing of what was written is lost unless
  // it speaks again.
  virtual void hang_up() = 0;
  // Ends every operation at once; they return `closed`. From the stream's own thread only.
  virtual void abort() = 0;
  // Ends a pending read() (or else the next one) with `stopped`; the stream stays good for everything.
  // For a gateway that shuts down and wants to say 421 first. From the stream's own thread only.
  virtual void interrupt() = 0;

  virtual Endpoint local() const = 0;
  virtual Endpoint peer() const = 0;
  // Bytes the peer's kernel has not acknowledged yet (SIOCOUTQ).
  virtual std::size_t unacknowledged() const = 0;
};

struct ConnectOptions {
  IpAddress source = {};  // unspecified: the kernel chooses
  TimePoint deadline = {};
};

// Errors: refused, unreachable, timeout, no_space (out of descriptors).
Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, ConnectOptions options);

// Addresses of a host name by the system's resolver, in its order, in a bounded pool of threads; an
// address in text form needs no look-up. Errors: unreachable (no such name), timeout.
Task<Result<std::vector<IpAddress>>> resolve(std::string host, TimePoint deadline);

}  // namespace sallyport::io
