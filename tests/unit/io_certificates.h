// Certificates for tests, made on the spot in a directory that goes away.
#pragma once

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <string>

#include "base/io/openssl.h"
#include "base/io/tls.h"

namespace sallyport::io::testing {

// What issue() is to make; an empty issuer: self-signed.
struct Wish {
  std::string name;
  std::string alternatives = {};  // "DNS:a.example,DNS:*.b.example"; empty: none
  const char* not_after = "20990101000000Z";
  CertificateFiles issuer = {};
  bool ca = false;
  const char* file = nullptr;  // else as `name`
  bool rsa = false;
};

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string form = (std::filesystem::temp_directory_path() / "sallyport-io-XXXXXX").string();
    REQUIRE(::mkdtemp(form.data()) != nullptr);
    root_ = form;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(root_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string path(const std::string& name) const { return (root_ / name).string(); }
  CertificateFiles files(const std::string& name) const {
    return {path(name + ".pem"), path(name + ".key")};
  }

  CertificateFiles self_signed(const std::string& name) const {
    REQUIRE(make_self_signed(name, files(name)).has_value());
    return files(name);
  }

  CertificateFiles issue(const Wish& wish) const;

 private:
  std::filesystem::path root_;
};

inline Certificate read_certificate(const std::string& path) {
  const Bio file(BIO_new_file(path.c_str(), "r"));
  return Certificate(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
}

inline PrivateKey read_key(const std::string& path) {
  const Bio file(BIO_new_file(path.c_str(), "r"));
  return PrivateKey(PEM_read_bio_PrivateKey(file.get(), nullptr, nullptr, nullptr));
}

inline void write_key(EVP_PKEY* key, const std::string& path, const EVP_CIPHER* cipher = nullptr,
                      std::string passphrase = {}) {
  const Bio file(BIO_new_file(path.c_str(), "w"));
  PEM_write_bio_PrivateKey(file.get(), key, cipher, nullptr, 0, nullptr,
                           cipher != nullptr ? passphrase.data() : nullptr);
}

inline void encrypt_key(const std::string& from, const std::string& to) {
  write_key(read_key(from).get(), to, EVP_aes_128_cbc(), "secret");
}

inline void add_extension(X509* certificate, int id, const std::string& value) {
  const CertificateExtension extension(X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str()));
  REQUIRE(extension);
  X509_add_ext(certificate, extension.get(), -1);
}

inline Certificate certificate_for(const Wish& wish, EVP_PKEY* key) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 7);
  ASN1_TIME_set_string(X509_getm_notBefore(certificate.get()), "20250101000000Z");
  ASN1_TIME_set_string(X509_getm_notAfter(certificate.get()), wish.not_after);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.name.c_str()), -1, -1, 0);
  if (wish.ca) add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  if (!wish.alternatives.empty()) add_extension(certificate.get(), NID_subject_alt_name, wish.alternatives);
  return certificate;
}

inline CertificateFiles TemporaryDirectory::issue(const Wish& wish) const {
  const PrivateKey key(wish.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
  const Certificate certificate = certificate_for(wish, key.get());
  const bool own = wish.issuer.certificate.empty();
  const Certificate issuer = own ? nullptr : read_certificate(wish.issuer.certificate);
  const PrivateKey signer = own ? nullptr : read_key(wish.issuer.key);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(own ? certificate.get() : issuer.get()));
  REQUIRE(X509_sign(certificate.get(), own ? key.get() : signer.get(), EVP_sha256()) != 0);
  const CertificateFiles made = files(wish.file != nullptr ? wish.file : wish.name);
  const Bio file(BIO_new_file(made.certificate.c_str(), "w"));
  PEM_write_bio_X509(file.get(), certificate.get());
  write_key(key.get(), made.key);
  return made;
}

}  // namespace sallyport::io::testing
