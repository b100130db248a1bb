#include "base/io/tls_context.h"

#include <openssl/err.h>

namespace sallyport::io {

Result<SslContext> make_context(const SSL_METHOD* method, TlsVersion minimum, const char* ciphers) {
  ERR_clear_error();
  SslContext context(SSL_CTX_new(method));
  if (!context) return fail(Errc::tls, take_openssl_reason());
  SSL_CTX_set_min_proto_version(context.get(),
                                minimum == TlsVersion::tls1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  // Without retries inside SSL_read() every post-handshake message comes back to TlsSession's count.
  SSL_CTX_clear_mode(context.get(), SSL_MODE_AUTO_RETRY);
  if (SSL_CTX_set_cipher_list(context.get(), ciphers) != 1) return fail(Errc::tls, take_openssl_reason());
  return context;
}

}  // namespace sallyport::io
