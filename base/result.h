// Result<T>: a value, or an Error that says what went wrong and where.
//
// Every operation that can fail for a reason outside the program returns one; exceptions are left for
// bugs and exhausted memory. The type is [[nodiscard]], which std::expected is not: an error that
// nobody looks at does not compile. A default-constructed Result<void> is success.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace sallyport {

enum class Errc {
  invalid,      // input that breaks its grammar or a limit of its format
  not_found,    // no such file, name, entry
  closed,       // orderly end of the stream
  truncated,    // TLS stream ended without close_notify: what came before may be incomplete
  reset,        // the peer reset the connection
  timeout,      // a deadline passed
  refused,      // the peer, or the system on its behalf, refused the connection
  unreachable,  // no route, no name, no address
  tls,          // handshake or record failure; detail holds OpenSSL's reason
  limit,        // a cap of ours was reached
  no_space,     // ENOSPC, EDQUOT, ENFILE, EMFILE: the machine is full
  io,           // any other failure of the system
  stopped,      // the program is ending
};

struct Error {
  Errc code = Errc::io;
  std::string detail;  // plain sentence part for a log line; never shown to an SMTP client unescaped
};

template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
  Result(Error error) : std::expected<T, Error>(std::unexpect, std::move(error)) {}
};

inline Error fail(Errc code, std::string detail = {}) { return Error{code, std::move(detail)}; }

}  // namespace sallyport
