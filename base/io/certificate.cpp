#include "base/io/certificate.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <span>
#include <string_view>

#include "base/io/descriptor.h"
#include "base/io/system_error.h"
#include "base/open_file.h"
#include "base/text.h"

namespace sallyport::io {
namespace {

Result<Bio> open_pem(const std::string& path) {
  const auto opened = open_file(path);
  if (!opened)
    return fail(opened.error().code == Errc::not_found ? Errc::not_found : Errc::invalid,
                fmt::format("{}: {}", path, opened.error().detail));
  ERR_clear_error();
  Descriptor descriptor(*opened);
  std::FILE* file = ::fdopen(descriptor.get(), "r");
  if (!file) return fail(Errc::invalid, describe_errno(path, errno));
  descriptor.release();
  Bio pem(BIO_new_fp(file, BIO_CLOSE));
  if (pem) return pem;
  std::fclose(file);
  ERR_clear_error();
  return fail(Errc::invalid, describe_errno(path, ENOMEM));
}

Error invalid(const std::string& path, std::string_view what) {
  return fail(Errc::invalid, fmt::format("{}: {}", path, what));
}

// Reading a list of PEM blocks ends with this very error; any other means a damaged block.
bool at_end_of_pem() {
  const unsigned long code = ERR_peek_last_error();
  return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

// Never ask for a pass phrase at the terminal, which is OpenSSL's default.
int no_passphrase(char*, int, int, void*) { return -1; }

Result<PrivateKey> load_key(const std::string& path) {
  auto file = open_pem(path);
  if (!file) return std::move(file.error());
  PrivateKey key(PEM_read_bio_PrivateKey(file->get(), nullptr, no_passphrase, nullptr));
  if (key) return key;
  const bool encrypted = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_BAD_PASSWORD_READ;
  ERR_clear_error();
  if (encrypted)
    return invalid(path, "the key is encrypted; store it without a pass phrase, readable by root");
  return invalid(path, "no private key in it, or a damaged one");
}

bool is_host_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '*';
  };
  return !name.empty() && name.size() <= 255 && std::ranges::all_of(name, fits);
}

void append_name(std::vector<std::string>& names, const ASN1_STRING* text) {
  if (text == nullptr) return;
  const std::string_view bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                               static_cast<std::size_t>(ASN1_STRING_length(text)));
  if (std::string name = to_lower(bytes); is_host_name(name)) names.push_back(std::move(name));
}

// Whether there was a DNS name at all, fit or not.
bool append_alternative_names(std::vector<std::string>& names, const GENERAL_NAMES* alternatives) {
  bool any = false;
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type != GEN_DNS) continue;
    append_name(names, name->d.dNSName);
    any = true;
  }
  return any;
}

void append_common_name(std::vector<std::string>& names, const X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index >= 0) append_name(names, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
}

}  // namespace

Result<std::vector<Certificate>> load_certificates(const std::string& path) {
  auto file = open_pem(path);
  if (!file) return std::move(file.error());
  std::vector<Certificate> certificates;
  while (Certificate next{PEM_read_bio_X509(file->get(), nullptr, no_passphrase, nullptr)}) {
    certificates.push_back(std::move(next));
  }
  const bool whole = at_end_of_pem();
  ERR_clear_error();
  if (!whole)
    return invalid(path, fmt::format("certificate {} is damaged or cut off", certificates.size() + 1));
  if (certificates.empty()) return invalid(path, "no certificate in it");
  return certificates;
}

Result<Identity> load_identity(const CertificateFiles& files) {
  auto certificates = load_certificates(files.certificate);
  if (!certificates) return std::move(certificates.error());
  auto key = load_key(files.key);
  if (!key) return std::move(key.error());
  if (X509_check_private_key(certificates->front().get(), key->get()) != 1) {
    ERR_clear_error();
    return invalid(files.key, "the key does not belong to the first certificate of " + files.certificate);
  }
  Identity identity;
  identity.leaf = std::move(certificates->front());
  certificates->erase(certificates->begin());
  identity.chain = *std::move(certificates);
  identity.key = *std::move(key);
  return identity;
}

Result<> use_identity(SSL_CTX* context, const Identity& identity, const std::string& path) {
  ERR_clear_error();
  bool used = SSL_CTX_use_certificate(context, identity.leaf.get()) == 1 &&
              SSL_CTX_use_PrivateKey(context, identity.key.get()) == 1;
  for (const Certificate& link : identity.chain)
    used = used && SSL_CTX_add1_chain_cert(context, link.get()) == 1;
  if (used) return {};
  return invalid(path, take_openssl_reason());
}

Result<> trust_only(SSL_CTX* context, const std::string& path) {
  auto certificates = load_certificates(path);
  if (!certificates) return std::move(certificates.error());
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const Certificate& certificate : *certificates) X509_STORE_add_cert(store, certificate.get());
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  return {};
}

std::vector<std::string> dns_names(const X509* certificate) {
  std::vector<std::string> names;
  const GeneralNames alternatives(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (!append_alternative_names(names, alternatives.get())) append_common_name(names, certificate);
  return names;
}

std::string sha256_fingerprint(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  X509_digest(certificate, EVP_sha256(), digest.data(), &length);
  std::string hex;
  for (const unsigned char octet : std::span(digest).first(length)) hex += fmt::format("{:02x}", octet);
  return hex;
}

WallTime expiry(const X509* certificate) {
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) return {};
  return std::chrono::system_clock::from_time_t(timegm(&end));
}

}  // namespace sallyport::io
