#include "base/io/tls_session.h"

#include <openssl/err.h>

#include <cerrno>

#include "base/io/certificate.h"
#include "base/io/system_error.h"
#include "base/io/tls_context.h"

namespace sallyport::io {
namespace {

// A peer needs a KeyUpdate about once in 2^24 records (RFC 8446 5.5), and a client gets two tickets.
constexpr int kMaxIdleMessages = 32;

void count_handshake_messages(int written, int, int type, const void*, std::size_t, SSL*, void* count) {
  if (written == 0 && type == SSL3_RT_HANDSHAKE) ++*static_cast<int*>(count);
}

std::string verify_reason(SSL* ssl) {
  const long verdict = SSL_get_verify_result(ssl);
  if (verdict == X509_V_OK) return {};
  if (verdict == X509_V_ERR_APPLICATION_VERIFICATION) return ": it matches no pin";
  return std::string(": ") + X509_verify_cert_error_string(verdict);
}

// A TCP end without close_notify may be an attacker's: it is not the orderly end that `closed` is.
Error protocol_error() {
  const bool cut_off = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  std::string reason = take_openssl_reason();
  if (cut_off) return fail(Errc::truncated, "the peer closed the connection without close_notify");
  return fail(Errc::tls, std::move(reason));
}

// Servers: the client certificate's first name, if the private CA vouches for it. Clients: the name
// that Verify::name found.
std::string vouched_name(SSL* ssl, const X509* certificate) {
  if (SSL_get_verify_result(ssl) != X509_V_OK) return {};
  if (!SSL_is_server(ssl)) {
    const char* name = SSL_get0_peername(ssl);
    return name != nullptr ? name : "";
  }
  const std::vector<std::string> names = dns_names(certificate);
  return names.empty() ? "" : names.front();
}

}  // namespace

Result<std::unique_ptr<TlsSession>> TlsSession::accept(std::shared_ptr<const ServerTls> tls,
                                                       int descriptor) {
  ERR_clear_error();
  SslHandle ssl = static_cast<const ServerContext&>(*tls).session();
  if (!ssl || SSL_set_fd(ssl.get(), descriptor) != 1) return fail(Errc::tls, take_openssl_reason());
  SSL_set_accept_state(ssl.get());
  return std::unique_ptr<TlsSession>(new TlsSession(std::move(tls), std::move(ssl)));
}

Result<std::unique_ptr<TlsSession>> TlsSession::connect(std::shared_ptr<const ClientTls> tls,
                                                        const std::string& host, int descriptor) {
  ERR_clear_error();
  SslHandle ssl = static_cast<const ClientContext&>(*tls).session(host);
  if (!ssl || SSL_set_fd(ssl.get(), descriptor) != 1) return fail(Errc::tls, take_openssl_reason());
  SSL_set_connect_state(ssl.get());
  return std::unique_ptr<TlsSession>(new TlsSession(std::move(tls), std::move(ssl)));
}

TlsSession::TlsSession(std::shared_ptr<const void> settings, SslHandle ssl)
    : settings_(std::move(settings)), ssl_(std::move(ssl)) {
  SSL_set_msg_callback(ssl_.get(), count_handshake_messages);
  SSL_set_msg_callback_arg(ssl_.get(), &idle_messages_);
}

TlsSession::~TlsSession() = default;

Attempt TlsSession::handshake() {
  ERR_clear_error();
  const int returned = SSL_do_handshake(ssl_.get());
  if (returned != 1) return handshake_outcome(returned);
  usable_ = true;
  idle_messages_ = 0;
  record_negotiated();
  return Attempt::done();
}

// Whatever the transport did, what failed is the handshake.
Attempt TlsSession::handshake_outcome(int returned) {
  Attempt attempt = outcome(returned);
  if (attempt.state != Attempt::State::failed) return attempt;
  const bool left = attempt.error.code == Errc::truncated;
  const std::string reason = left ? "the peer closed the connection" : attempt.error.detail;
  return Attempt::failed(fail(Errc::tls, "TLS handshake: " + reason + verify_reason(ssl_.get())));
}

Attempt TlsSession::read(std::span<char> into) {
  if (ended_) return Attempt::failed(*ended_);
  ERR_clear_error();
  std::size_t bytes = 0;
  const int returned = SSL_read_ex(ssl_.get(), into.data(), into.size(), &bytes);
  if (returned == 1) {
    idle_messages_ = 0;
    return Attempt::done(bytes);
  }
  Attempt attempt = outcome(returned);
  if (idle_messages_ > kMaxIdleMessages) {
    usable_ = false;
    attempt = Attempt::failed(fail(Errc::tls, "too many handshake messages without data"));
  }
  if (attempt.state == Attempt::State::failed) ended_ = attempt.error;
  return attempt;
}

Attempt TlsSession::write(std::string_view bytes) {
  if (!usable_) return Attempt::failed(ended_.value_or(fail(Errc::closed)));
  ERR_clear_error();
  std::size_t written = 0;
  const int returned = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
  return returned == 1 ? Attempt::done(written) : outcome(returned);
}

Attempt TlsSession::shutdown() {
  if (!usable_) return Attempt::done();
  ERR_clear_error();
  const int returned = SSL_shutdown(ssl_.get());
  if (returned < 0 && SSL_get_error(ssl_.get(), returned) == SSL_ERROR_WANT_WRITE)
    return Attempt::needs_room();
  usable_ = false;
  return Attempt::done();
}

Attempt TlsSession::outcome(int returned) {
  const int system = errno;
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      return Attempt::needs_input();
    case SSL_ERROR_WANT_WRITE:
      return Attempt::needs_room();
    case SSL_ERROR_ZERO_RETURN:
      return Attempt::failed(fail(Errc::closed, "close_notify"));
    case SSL_ERROR_SYSCALL:
      usable_ = false;
      return Attempt::failed(stream_error("TLS", system));
    default:
      usable_ = false;
      return Attempt::failed(protocol_error());
  }
}

void TlsSession::record_negotiated() {
  info_.version = SSL_get_version(ssl_.get());
  info_.cipher = SSL_get_cipher_name(ssl_.get());
  info_.bits = SSL_get_cipher_bits(ssl_.get(), nullptr);
  if (const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name))
    info_.server_name = name;
  const Certificate certificate(SSL_get1_peer_certificate(ssl_.get()));
  if (!certificate) return;
  info_.peer_fingerprint = sha256_fingerprint(certificate.get());
  info_.peer_name = vouched_name(ssl_.get(), certificate.get());
}

}  // namespace sallyport::io
