#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/io/certificate.h"
#include "base/io/descriptor.h"
#include "base/io/system_error.h"
#include "base/ip_address.h"

namespace sallyport::io {
namespace {

constexpr long kTenYears = 3652L * 24 * 3600;
constexpr long kOneDay = 24L * 3600;        // clocks differ
constexpr std::size_t kMaxCommonName = 64;  // RFC 5280 ub-common-name

Error openssl_error() { return fail(Errc::io, "cannot make a certificate: " + take_openssl_reason()); }

bool set_serial(X509* certificate) {
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  return ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1;
}

bool set_subject(X509* certificate, const std::string& name) {
  X509_NAME* subject = X509_get_subject_name(certificate);
  const std::string common = name.substr(0, kMaxCommonName);
  return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common.data()),
                                    static_cast<int>(common.size()), -1, 0) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1;
}

bool add_extension(X509* certificate, int id, const std::string& value) {
  const CertificateExtension extension(X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool add_extensions(X509* certificate, const std::string& name) {
  const char* kind = IpAddress::parse(name) ? "IP:" : "DNS:";
  return add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
         add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth") &&
         add_extension(certificate, NID_subject_alt_name, kind + name);
}

Certificate make_certificate(const std::string& name, EVP_PKEY* key) {
  Certificate certificate(X509_new());
  if (!certificate) return nullptr;
  const bool made =
      X509_set_version(certificate.get(), X509_VERSION_3) == 1 && set_serial(certificate.get()) &&
      X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kOneDay) != nullptr &&
      X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kTenYears) != nullptr &&
      X509_set_pubkey(certificate.get(), key) == 1 && set_subject(certificate.get(), name) &&
      add_extensions(certificate.get(), name) && X509_sign(certificate.get(), key, EVP_sha256()) != 0;
  return made ? std::move(certificate) : nullptr;
}

std::string contents(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

// The mode is there before the bytes are; a file that exists keeps no wider one.
Result<> write_private(const std::string& path, const std::string& bytes) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file || ::fchmod(file.get(), 0600) != 0) return stream_error(path, errno);
  const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
  if (written == static_cast<ssize_t>(bytes.size())) return {};
  return written < 0 ? stream_error(path, errno) : fail(Errc::no_space, path);
}

}  // namespace

Result<> make_self_signed(const std::string& name, const CertificateFiles& files) {
  if (name.empty() || name.find_first_of(",\n") != std::string::npos)
    return fail(Errc::invalid, "not a host name");
  ERR_clear_error();
  const PrivateKey key(EVP_EC_gen("P-256"));
  if (!key) return openssl_error();
  const Certificate certificate = make_certificate(name, key.get());
  if (!certificate) return openssl_error();
  const Bio key_pem(BIO_new(BIO_s_mem()));
  const Bio certificate_pem(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
      PEM_write_bio_X509(certificate_pem.get(), certificate.get()) != 1) {
    return openssl_error();
  }
  if (auto written = write_private(files.key, contents(key_pem.get())); !written) return written;
  return write_private(files.certificate, contents(certificate_pem.get()));
}

}  // namespace sallyport::io
