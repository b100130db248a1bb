// TLS settings, ready to use: certificates by name for servers, trust for clients.
//
// Both are immutable once built and shared by all cores; a reload builds new ones, and sessions keep
// the one they began with. OpenSSL appears only in base/io's sources.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace sallyport::io {

enum class TlsVersion { tls1_2, tls1_3 };

struct CertificateFiles {
  std::string certificate;  // PEM, leaf first, then the chain
  std::string key;          // PEM
};

struct ServerTlsSettings {
  // The first is the default; others are chosen by SNI. Two with the same names and different kinds of
  // key (ECDSA and RSA) serve together: the client's abilities choose.
  std::vector<CertificateFiles> certificates = {};
  TlsVersion minimum = TlsVersion::tls1_2;
  std::string client_ca = {};  // PEM file of a private CA for client certificates, "" = none
  bool ask_for_client_certificate = false;
};

class ServerTls {
 public:
  // Errors: not_found (file), invalid (PEM, key does not match), each naming the file. An expired
  // certificate is no error: mail under it still beats mail in clear. See expires().
  static Result<std::shared_ptr<const ServerTls>> load(const ServerTlsSettings& settings);
  virtual ~ServerTls() = default;
  virtual WallTime expires() const = 0;  // the earliest of its certificates
};

enum class Verify {
  none,  // encrypt only (opportunistic, required)
  name,  // certificate of a trusted CA that carries the host's name
  pin,   // the SHA-256 fingerprint is one of the pins
};

struct ClientTlsSettings {
  Verify verify = Verify::none;
  std::string ca = {};                 // PEM file; "" = the system's trust store
  std::vector<std::string> pins = {};  // lower-case hex SHA-256 of the certificate
  std::optional<CertificateFiles> identity = {};
  TlsVersion minimum = TlsVersion::tls1_2;
};

class ClientTls {
 public:
  static Result<std::shared_ptr<const ClientTls>> load(const ClientTlsSettings& settings);
  virtual ~ClientTls() = default;
};

// Writes a self-signed certificate for `name` (P-256, ten years) and its key, mode 0600.
Result<> make_self_signed(const std::string& name, const CertificateFiles& files);

}  // namespace sallyport::io
