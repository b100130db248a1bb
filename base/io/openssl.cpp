#include "base/io/openssl.h"

#include <openssl/err.h>

namespace sallyport::io {

std::string take_openssl_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return {};
  if (const char* reason = ERR_reason_error_string(code)) return reason;
  return "OpenSSL error " + std::to_string(code);
}

}  // namespace sallyport::io
