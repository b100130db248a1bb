// OpenSSL's handles as unique_ptr, and its errors in plain words. For base/io's sources only.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace sallyport::io {

struct OpensslDeleter {
  void operator()(SSL* handle) const { SSL_free(handle); }
  void operator()(SSL_CTX* handle) const { SSL_CTX_free(handle); }
  void operator()(BIO* handle) const { BIO_free_all(handle); }
  void operator()(X509* handle) const { X509_free(handle); }
  void operator()(X509_EXTENSION* handle) const { X509_EXTENSION_free(handle); }
  void operator()(EVP_PKEY* handle) const { EVP_PKEY_free(handle); }
  void operator()(GENERAL_NAMES* handle) const { GENERAL_NAMES_free(handle); }
  void operator()(unsigned char* text) const { OPENSSL_free(text); }
};

using SslHandle = std::unique_ptr<SSL, OpensslDeleter>;
using SslContext = std::unique_ptr<SSL_CTX, OpensslDeleter>;
using Bio = std::unique_ptr<BIO, OpensslDeleter>;
using Certificate = std::unique_ptr<X509, OpensslDeleter>;
using CertificateExtension = std::unique_ptr<X509_EXTENSION, OpensslDeleter>;
using PrivateKey = std::unique_ptr<EVP_PKEY, OpensslDeleter>;
using GeneralNames = std::unique_ptr<GENERAL_NAMES, OpensslDeleter>;
using OpensslText = std::unique_ptr<unsigned char, OpensslDeleter>;

// The reason of the earliest error in this thread's queue ("" if it is empty), which it empties. Clear
// the queue before the call whose error is to be read.
std::string take_openssl_reason();

}  // namespace sallyport::io
