// The two TLS settings as TlsSession sees them: SSL_CTX objects ready to make sessions from.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/io/certificate.h"
#include "base/io/openssl.h"
#include "base/io/tls.h"

namespace sallyport::io {

// Protocol versions, no renegotiation, no compression, no session kept or resumed; buffers given back
// when idle, one record at a time.
Result<SslContext> make_context(const SSL_METHOD* method, TlsVersion minimum, const char* ciphers);

// One SSL_CTX for each certificate, alike in all else: SNI moves a session from one to another.
class ServerContext final : public ServerTls {
 public:
  static Result<std::shared_ptr<const ServerTls>> load(const ServerTlsSettings& settings);

  WallTime expires() const override { return expires_; }
  SslHandle session() const;

 private:
  Result<> add(const ServerTlsSettings& settings, const CertificateFiles& files);
  Result<SSL_CTX*> context_for(const X509* leaf, const ServerTlsSettings& settings);
  void index_names(const X509* leaf, SSL_CTX* context);
  SSL_CTX* choose(std::string_view server_name) const;
  static int on_server_name(SSL* ssl, int* alert, void* self);

  std::vector<SslContext> contexts_;  // the first is the default
  std::map<std::string, SSL_CTX*, std::less<>> by_name_;
  WallTime expires_ = WallTime::max();
};

class ClientContext final : public ClientTls {
 public:
  static Result<std::shared_ptr<const ClientTls>> load(const ClientTlsSettings& settings);

  // Sends `host` as SNI and, by Verify::name, expects it in the certificate.
  SslHandle session(const std::string& host) const;
  Verify verify() const { return verify_; }

 private:
  Result<> set_trust(const ClientTlsSettings& settings);
  bool is_pinned(const X509* certificate) const;
  static int check_pin(X509_STORE_CTX* chain, void* self);

  SslContext context_;
  Verify verify_ = Verify::none;
  std::vector<std::string> pins_;
};

}  // namespace sallyport::io
