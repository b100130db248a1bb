#include "base/io/system_error.h"

#include <cerrno>
#include <system_error>

namespace sallyport::io {
namespace {

Errc stream_code(int number) {
  switch (number) {
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case ENETRESET:
    case ETIMEDOUT:  // the kernel gave up on retransmissions: the peer is gone
      return Errc::reset;
    default:
      return out_of_resources(number) ? Errc::no_space : Errc::io;
  }
}

Errc connect_code(int number) {
  switch (number) {
    case ECONNREFUSED:
    case EACCES:
    case EPERM:  // a local firewall answers for the peer
    case EADDRINUSE:
      return Errc::refused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return Errc::unreachable;
    case ETIMEDOUT:
      return Errc::timeout;
    default:
      return stream_code(number);
  }
}

}  // namespace

std::string describe_errno(std::string_view what, int number) {
  return std::string(what) + ": " + std::generic_category().message(number);
}

Error stream_error(std::string_view what, int number) {
  return fail(stream_code(number), describe_errno(what, number));
}

Error connect_error(std::string_view what, int number) {
  return fail(connect_code(number), describe_errno(what, number));
}

bool out_of_resources(int number) {
  return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

}  // namespace sallyport::io
