// The trace field that we put on top of every message: Received (RFC 5321 4.4).
//
// Pure. Times are wall time, written in UTC. HELO, reverse name and recipient are untrusted: nothing in
// them can end the field, open a comment or look like a clause.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ip_address.h"

namespace sallyport::mail {

struct ReceivedFacts {
  std::string helo;
  IpAddress client;
  std::string reverse_name;  // "" = not looked up, or none
  std::string tls_version;   // "TLSv1.3"; "" = in clear
  std::string tls_cipher;
  bool extended = true;  // EHLO or LHLO, not HELO
  bool lmtp = false;
  bool smtputf8 = false;  // the MAIL command said so
  bool authenticated = false;
  std::string by;  // our host name: the token HeaderScanner looks for
  std::string product = "Sallyport";
  std::string id;
  std::string recipient;  // Path::address(), of a transaction's only recipient; else ""
  WallTime when;
};

// The whole field, folded, with its last CRLF. Lines are at most 78 octets where the values allow it,
// and never more than 998.
std::string received_field(const ReceivedFacts& facts);

// What stands behind "with": RFC 3848, and RFC 6531 4.3 for SMTPUTF8.
std::string_view transmission_type(const ReceivedFacts& facts);

// "Sun, 22 Nov 2026 16:00:00 +0000" (RFC 5322 3.3). Always UTC, whatever TZ says.
std::string rfc5322_date(WallTime when);

}  // namespace sallyport::mail
