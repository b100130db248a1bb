// Types of values that only a mail gateway has: host names, next hops, mailboxes, fingerprints.
#pragma once

#include <string>

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
// The local part of a role address: "postmaster"; read into lower case.
config::Type<std::string> role_name();
// SHA-256 in hex, colons allowed; read into lower-case hex without them.
config::Type<std::string> fingerprint();
config::Type<io::TlsVersion> tls_version();
config::Type<std::string> subaddress_separator();
config::Type<RecipientSource> recipient_source();
// A text for a reply line: not empty, at most 400 octets, nothing that is not printable.
config::Type<std::string> reply_text();

}  // namespace sallyport::proxy
