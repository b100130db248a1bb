// A TLS client in the raw, for what a well-behaved one never does; and handshakes between streams.
#pragma once

#include <string>

#include "base/io/certificate.h"
#include "base/io/openssl.h"
#include "tests/unit/io_certificates.h"
#include "tests/unit/io_support.h"

namespace sallyport::io::testing {

inline std::shared_ptr<const ServerTls> server_tls(const ServerTlsSettings& settings) {
  auto loaded = ServerTls::load(settings);
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error().detail);
  return *loaded;
}

inline std::shared_ptr<const ClientTls> client_tls(const ClientTlsSettings& settings = {}) {
  auto loaded = ClientTls::load(settings);
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error().detail);
  return *loaded;
}

// first: the client's outcome, second: the server's.
inline Task<Both> shake_hands(Pair& pair, const ClientTlsSettings& client, const ServerTlsSettings& server,
                              std::string host = "mx.example.com") {
  return both(pair.client->start_tls(client_tls(client), std::move(host), soon()),
              pair.server->start_tls(server_tls(server), soon()));
}

class RawClient {
 public:
  explicit RawClient(Socket& socket) : socket_(socket), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_cipher_list(context_.get(), "DEFAULT:@SECLEVEL=0");
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_.descriptor());
    SSL_set_connect_state(ssl_.get());
  }

  SSL* ssl() { return ssl_.get(); }

  // Repeats a call of OpenSSL's until it succeeds or fails for good.
  Task<Result<>> until_done(int (*call)(SSL*)) {
    auto done = co_await socket_.drive([this, call] { return attempt(call(ssl_.get())); }, soon());
    if (!done) co_return done.error();
    co_return Result<>{};
  }

  Task<Result<>> handshake() { return until_done(SSL_do_handshake); }

  bool send(std::string_view bytes) {
    return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) ==
           static_cast<int>(bytes.size());
  }

  std::string peer_fingerprint() const {
    return sha256_fingerprint(Certificate(SSL_get1_peer_certificate(ssl_.get())).get());
  }

  void offer_protocols(const std::string& wire_form) {
    SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(wire_form.data()),
                        static_cast<unsigned>(wire_form.size()));
  }

 private:
  Attempt attempt(int returned) {
    if (returned == 1) return Attempt::done();
    switch (SSL_get_error(ssl_.get(), returned)) {
      case SSL_ERROR_WANT_READ:
        return Attempt::needs_input();
      case SSL_ERROR_WANT_WRITE:
        return Attempt::needs_room();
      default:
        return Attempt::failed(fail(Errc::tls, take_openssl_reason()));
    }
  }

  Socket& socket_;
  SslContext context_;
  SslHandle ssl_;
};

inline Task<Both> shake_hands(RawClient& client, Pair& pair, const ServerTlsSettings& server) {
  return both(client.handshake(), pair.server->start_tls(server_tls(server), soon()));
}

}  // namespace sallyport::io::testing
