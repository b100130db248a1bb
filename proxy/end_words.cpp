#include "proxy/end_words.h"

namespace sallyport::proxy {

const char* end_word(smtp::Close::Why why) {
  switch (why) {
    using enum smtp::Close::Why;
    case quit:
      return "quit";
    case errors:
      return "too many errors";
    case junk:
      return "too many junk commands";
    case protocol_abuse:
      return "protocol abuse";
    case line_too_long:
      return "line too long";
    case other_protocol:
      return "other protocol";
    case answered:
      return "closed by us";
  }
  return "closed";
}

const char* end_word(Errc code) {
  switch (code) {
    case Errc::closed:
      return "client closed";
    case Errc::reset:
      return "client reset";
    case Errc::truncated:
      return "TLS cut off";
    case Errc::timeout:
      return "timeout";
    case Errc::stopped:
      return "shutdown";
    case Errc::tls:
      return "TLS failure";
    default:
      return "connection failure";
  }
}

const char* fate_of(const mail::Reply& reply) { return reply.transient() ? "deferred" : "refused"; }

}  // namespace sallyport::proxy
