#include "proxy/relay/route.h"

namespace sallyport::relay {
namespace {

const char* scheme(const Host& host) {
  if (host.lmtp) return host.implicit_tls ? "lmtps://" : "lmtp://";
  return host.implicit_tls ? "smtps://" : "";
}

}  // namespace

std::string Host::to_string() const {
  const bool ipv6 = name.find(':') != std::string::npos;
  return scheme(*this) + (ipv6 ? "[" + name + "]" : name) + ":" + std::to_string(port);
}

}  // namespace sallyport::relay
