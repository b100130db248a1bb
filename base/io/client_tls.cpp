#include <openssl/err.h>

#include <algorithm>

#include "base/io/tls_context.h"
#include "base/ip_address.h"

namespace sallyport::io {
namespace {

// Where nobody is verified, whatever the next hop can do is better than clear text: level 0 admits its
// old keys and signatures.
constexpr const char* kUnverifiedCiphers = "DEFAULT:@SECLEVEL=0";
constexpr const char* kVerifiedCiphers = "DEFAULT:@SECLEVEL=2";

void expect_host(SSL* ssl, const std::string& host) {
  if (IpAddress::parse(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
    return;
  }
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  SSL_set1_host(ssl, host.c_str());
}

}  // namespace

Result<std::shared_ptr<const ClientTls>> ClientTls::load(const ClientTlsSettings& settings) {
  return ClientContext::load(settings);
}

Result<std::shared_ptr<const ClientTls>> ClientContext::load(const ClientTlsSettings& settings) {
  const bool verified = settings.verify != Verify::none;
  auto context =
      make_context(TLS_client_method(), settings.minimum, verified ? kVerifiedCiphers : kUnverifiedCiphers);
  if (!context) return std::move(context.error());
  auto made = std::make_shared<ClientContext>();
  made->context_ = *std::move(context);
  made->verify_ = settings.verify;
  made->pins_ = settings.pins;
  if (auto trust = made->set_trust(settings); !trust) return std::move(trust.error());
  if (!settings.identity) return made;
  auto identity = load_identity(*settings.identity);
  if (!identity) return std::move(identity.error());
  auto used = use_identity(made->context_.get(), *identity, settings.identity->certificate);
  if (!used) return std::move(used.error());
  return made;
}

Result<> ClientContext::set_trust(const ClientTlsSettings& settings) {
  if (verify_ == Verify::none) return {};
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  if (verify_ == Verify::pin) {
    if (pins_.empty()) return fail(Errc::invalid, "verification by pin needs at least one pin");
    SSL_CTX_set_cert_verify_callback(context_.get(), check_pin, this);
    return {};
  }
  if (!settings.ca.empty()) return trust_only(context_.get(), settings.ca);
  if (SSL_CTX_set_default_verify_paths(context_.get()) == 1) return {};
  return fail(Errc::invalid, "the system's trust store cannot be read: " + take_openssl_reason());
}

SslHandle ClientContext::session(const std::string& host) const {
  SslHandle ssl(SSL_new(context_.get()));
  if (!ssl) return ssl;
  const std::string name = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
  // SNI carries host names only (RFC 6066 3).
  if (!name.empty() && !IpAddress::parse(name)) SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  if (verify_ == Verify::name) expect_host(ssl.get(), name);
  return ssl;
}

bool ClientContext::is_pinned(const X509* certificate) const {
  return std::ranges::find(pins_, sha256_fingerprint(certificate)) != pins_.end();
}

int ClientContext::check_pin(X509_STORE_CTX* chain, void* self) {
  const X509* leaf = X509_STORE_CTX_get0_cert(chain);
  if (leaf != nullptr && static_cast<const ClientContext*>(self)->is_pinned(leaf)) return 1;
  X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

}  // namespace sallyport::io
