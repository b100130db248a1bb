// What Sallyport asks of X.509 certificates: load them, name them, recognise them. For base/io only.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/io/openssl.h"
#include "base/io/tls.h"
#include "base/result.h"

namespace sallyport::io {

// A certificate with its chain and its key, checked to belong together.
struct Identity {
  Certificate leaf;
  std::vector<Certificate> chain;  // without the leaf
  PrivateKey key;
};

// Errors: not_found, invalid; the detail names the file.
Result<Identity> load_identity(const CertificateFiles& files);

// Every certificate of a PEM file; at least one. Errors as above.
Result<std::vector<Certificate>> load_certificates(const std::string& path);

// The identity becomes the one that sessions of this context show.
Result<> use_identity(SSL_CTX* context, const Identity& identity, const std::string& path);

// The CAs of a PEM file become what this context trusts, and nothing else. An intermediate or a
// self-signed certificate in the file is trusted as it stands.
Result<> trust_only(SSL_CTX* context, const std::string& path);

// Subject alternative DNS names in lower case; the common name only where there are none (RFC 6125 6.4.4).
// Names that are not plain host names, a NUL inside among them, are left out.
std::vector<std::string> dns_names(const X509* certificate);

std::string sha256_fingerprint(const X509* certificate);  // lower-case hex
WallTime expiry(const X509* certificate);

}  // namespace sallyport::io
