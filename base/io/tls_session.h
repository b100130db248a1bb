// TLS on a socket's descriptor, as attempts: it never waits, and knows no coroutine.
//
// OpenSSL works on the descriptor itself and releases its buffers between records, so an idle session
// holds no more than OpenSSL's own state. Post-handshake messages without data between them are
// counted: OpenSSL alone would rekey for as long as a peer sends KeyUpdates.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/io/attempt.h"
#include "base/io/openssl.h"
#include "base/io/stream.h"
#include "base/io/tls.h"

namespace sallyport::io {

class TlsSession {
 public:
  static Result<std::unique_ptr<TlsSession>> accept(std::shared_ptr<const ServerTls> tls, int descriptor);
  static Result<std::unique_ptr<TlsSession>> connect(std::shared_ptr<const ClientTls> tls,
                                                     const std::string& host, int descriptor);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Until done; then info() is complete. Every failure is `tls`.
  Attempt handshake();

  // At most one record. Errors: closed (close_notify, and from then on for ever), truncated, reset, tls.
  Attempt read(std::span<char> into);
  // At most one record; bytes that needed room must be offered again, at whatever address.
  Attempt write(std::string_view bytes);
  // Sends close_notify; does not wait for the peer's.
  Attempt shutdown();

  const TlsInfo& info() const { return info_; }

 private:
  TlsSession(std::shared_ptr<const void> settings, SslHandle ssl);

  Attempt outcome(int returned);
  Attempt handshake_outcome(int returned);
  void record_negotiated();

  std::shared_ptr<const void> settings_;  // OpenSSL's callbacks point into it
  SslHandle ssl_;
  TlsInfo info_;
  std::optional<Error> ended_;  // why nothing more will be read
  bool usable_ = false;         // handshake done, our close_notify not sent, no fatal error
  int idle_messages_ = 0;       // handshake messages since the last data
};

}  // namespace sallyport::io
