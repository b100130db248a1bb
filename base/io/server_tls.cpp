#include <openssl/err.h>

#include <algorithm>

#include "base/io/tls_context.h"
#include "base/text.h"

namespace sallyport::io {
namespace {

// Forward secrecy with AEAD first; the older suites are for the senders that know no better and would
// come in clear otherwise. Security level 1 for the same reason.
constexpr const char* kCiphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:DHE+AES:RSA+AESGCM:RSA+AES:"
    "!aNULL:!eNULL:!DSS:!PSK:!SRP@SECLEVEL=1";

constexpr std::string_view kProtocol = "smtp";

// ALPN (RFC 7301): a client that asks for another protocol was sent here by an attacker (ALPACA).
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  for (unsigned at = 0; at < offered_size; at += 1U + offered[at]) {
    const std::string_view name(reinterpret_cast<const char*>(offered) + at + 1, offered[at]);
    if (name != kProtocol) continue;
    *out = offered + at + 1;
    *out_size = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Any client certificate completes the handshake; whether a private CA vouches for it stays readable
// in the verify result. (A verify callback that returns 1 would let later steps overwrite it.)
int record_verdict(X509_STORE_CTX* chain, void*) {
  ERR_clear_error();
  const bool trusted = X509_verify_cert(chain) == 1;
  if (!trusted && X509_STORE_CTX_get_error(chain) == X509_V_OK) {
    X509_STORE_CTX_set_error(chain, X509_V_ERR_UNSPECIFIED);
  }
  ERR_clear_error();
  return 1;
}

int key_kind(const X509* certificate) { return EVP_PKEY_get_base_id(X509_get0_pubkey(certificate)); }

Result<> ask_for_client_certificate(SSL_CTX* context, const ServerTlsSettings& settings) {
  if (!settings.client_ca.empty()) {
    if (auto trusted = trust_only(context, settings.client_ca); !trusted) return trusted;
  }
  if (!settings.ask_for_client_certificate) return {};
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, record_verdict, nullptr);
  return {};
}

}  // namespace

Result<std::shared_ptr<const ServerTls>> ServerTls::load(const ServerTlsSettings& settings) {
  return ServerContext::load(settings);
}

Result<std::shared_ptr<const ServerTls>> ServerContext::load(const ServerTlsSettings& settings) {
  if (settings.certificates.empty()) return fail(Errc::invalid, "no certificate given");
  auto made = std::make_shared<ServerContext>();
  for (const CertificateFiles& files : settings.certificates) {
    if (auto added = made->add(settings, files); !added) return std::move(added.error());
  }
  return made;
}

Result<> ServerContext::add(const ServerTlsSettings& settings, const CertificateFiles& files) {
  auto identity = load_identity(files);
  if (!identity) return std::move(identity.error());
  auto context = context_for(identity->leaf.get(), settings);
  if (!context) return std::move(context.error());
  if (auto used = use_identity(*context, *identity, files.certificate); !used) return used;
  index_names(identity->leaf.get(), *context);
  expires_ = std::min(expires_, expiry(identity->leaf.get()));
  return {};
}

// The context that shows the same names with another kind of key, else a new one.
Result<SSL_CTX*> ServerContext::context_for(const X509* leaf, const ServerTlsSettings& settings) {
  const auto pairs_with = [leaf](const SslContext& context) {
    const X509* shown = SSL_CTX_get0_certificate(context.get());
    return key_kind(shown) != key_kind(leaf) && dns_names(shown) == dns_names(leaf);
  };
  const auto sibling = std::ranges::find_if(contexts_, pairs_with);
  if (sibling != contexts_.end()) return sibling->get();

  auto context = make_context(TLS_server_method(), settings.minimum, kCiphers);
  if (!context) return std::move(context.error());
  SSL_CTX_set_dh_auto(context->get(), 1);
  SSL_CTX_set_alpn_select_cb(context->get(), choose_protocol, nullptr);
  SSL_CTX_set_tlsext_servername_callback(context->get(), on_server_name);
  SSL_CTX_set_tlsext_servername_arg(context->get(), this);
  if (auto asked = ask_for_client_certificate(context->get(), settings); !asked) return asked.error();
  return contexts_.emplace_back(*std::move(context)).get();
}

void ServerContext::index_names(const X509* leaf, SSL_CTX* context) {
  for (std::string& name : dns_names(leaf)) by_name_.try_emplace(std::move(name), context);
}

SslHandle ServerContext::session() const { return SslHandle(SSL_new(contexts_.front().get())); }

// The exact name, else the wildcard for its first label (RFC 6125 6.4.3), else the default.
SSL_CTX* ServerContext::choose(std::string_view server_name) const {
  std::string name = to_lower(server_name);
  if (name.ends_with('.')) name.pop_back();
  if (const auto exact = by_name_.find(name); exact != by_name_.end()) return exact->second;
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos) return contexts_.front().get();
  const auto wildcard = by_name_.find("*" + name.substr(dot));
  return wildcard != by_name_.end() ? wildcard->second : contexts_.front().get();
}

int ServerContext::on_server_name(SSL* ssl, int*, void* self) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_SSL_CTX(ssl, static_cast<const ServerContext*>(self)->choose(name));
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace sallyport::io
