// Types of values that only a mail gateway has: host names, next hops, mailboxes, fingerprints.
#pragma once

#include <limits>
#include <string>
#include <utility>

#include "base/config/type.h"
#include "proxy/settings_written.h"

namespace sallyport::proxy {

// A fully qualified name; read into lower-case A-labels.
config::Type<std::string> host_name();
// What may follow EHLO: a fully qualified name or an address literal.
config::Type<std::string> helo_name();
// "10.0.0.25", "mail.example.com:2525", "[::1]:25", "lmtp://...", "smtps://..."
config::Type<relay::Host> next_hop();
// user@domain, kept as written.
config::Type<std::string> mailbox();
// The local parts of role addresses, in lower case. Postmaster and abuse are among them, written or not
// (RFC 5321 4.5.1, RFC 2142).
config::Type<std::vector<std::string>> role_names();
// SHA-256 in hex, colons allowed; read into lower-case hex without them.
config::Type<std::string> fingerprint();
config::Type<io::TlsVersion> tls_version();
config::Type<std::string> subaddress_separator();
config::Type<std::string> list_file();  // "" = no list
config::Type<RecipientSource> recipient_source();
// A text for a reply line: not empty, at most 400 octets of printable ASCII, no reply code in front.
config::Type<std::string> reply_text();

// A limit that 0 takes away: looser than any number.
template <class V>
config::Type<V> unlimited_at_zero(config::Type<V> type) {
  type.strictness = [](const V& one, const V& other) {
    const auto limit = [](const V& value) { return value == 0 ? std::numeric_limits<V>::max() : value; };
    return config::less_is_stricter(limit(one), limit(other));
  };
  return type;
}

// The more, the stricter: how long somebody has to wait.
template <class V>
config::Type<V> more_is_stricter(config::Type<V> type) {
  type.strictness = [](const V& one, const V& other) -> std::partial_ordering { return one <=> other; };
  return type;
}

// Says nothing of how strictly anybody is treated.
template <class V>
config::Type<V> never_stricter(config::Type<V> type) {
  type.strictness = [](const V&, const V&) { return std::partial_ordering::equivalent; };
  return type;
}

}  // namespace sallyport::proxy
