// Mailboxes and paths of the SMTP envelope (RFC 5321 4.1.2, RFC 6531), read strictly.
//
// Pure; bounded by the RFC's limits (domain 255 octets, path 256 in strict reading).
// Nothing is ever unquoted into a new address: what is passed on is what was written. Unquoted it is only
// compared.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sallyport::mail {

// A domain in the form in which domains are compared: lower-case A-labels, no trailing dot.
// Faults: empty label, a character no domain has, an A-label that does
// not decode (`syntax`); over 255 octets, or a label over 63 (`length`). `needs_mapping` tells a spelling
// that is no U-label of IDNA 2008 as it stands, whatever UTS-46 might map it to: full-width or upper-case
// letters, U+3002 as a dot, a stray joiner, text not in NFC. Such a name is not ours (RFC 5890 2.3.2.1).
// The case of ASCII letters is folded. A name that merely looks like another is a valid, foreign one.
struct DomainName {
  std::string ascii;
  bool internationalised = false;  // written with U-labels: only SMTPUTF8 can carry it
};
enum class DomainFault { none, syntax, length, needs_mapping };
DomainFault parse_domain(std::string_view written, DomainName& out);

// C0, DEL, or in UTF-8 C1: no part of an address, however it is quoted.
bool holds_control(std::string_view utf8);

// [192.0.2.1], [IPv6:2001:db8::1]; other tagged literals are syntactically valid but never ours.
bool is_valid_address_literal(std::string_view bracketed);

enum class PathFault {
  none,
  syntax,         // 501 5.1.3 (recipient) or 5.1.7 (sender)
  length,         // a label over 63, a domain over 255, or the whole path over its limit
  needs_mapping,  // 553 5.6.7
};

// Where an envelope path points. `local` and `domain` stand as the client wrote them, quotes kept.
struct Path {
  std::string written;       // between the angle brackets, source route included
  std::string local;         // "" for <>
  std::string domain;        // "" for <> and <postmaster>; "[192.0.2.1]" for a literal
  std::string domain_ascii;  // for comparing; the literal in lower case
  bool source_route = false;
  bool internationalised = false;  // anything in it needs SMTPUTF8

  bool is_null() const { return local.empty(); }
  bool is_literal() const { return domain.starts_with('['); }
  bool is_quoted() const { return local.starts_with('"'); }
  // local@domain (or the bare local part), source route dropped: what a next hop is told.
  std::string address() const;
  // What the local part says, its quotes and backslashes taken off.
  std::string unquoted_local() const;
  // The local part for comparing: "joe" and "j\oe", in quotes, are joe (RFC 5321 4.1.2). What a dot-string
  // cannot say stays in quotes, without needless backslashes.
  std::string plain_local() const;
  // The whole address for comparing: plain_local without regard to case (case_folding.h), domain_ascii.
  std::string key() const;
  // The key of this very spelling, quotes kept, and beyond ASCII the case: what a next hop says of it need
  // not hold for another one.
  std::string spelling() const;
};

// "joe" of "joe+news", as plain_local() has it: what stands in front of the detail. All of it where nothing
// does, in quotes, where the separator is a letter like others, and for an empty separator.
std::string_view without_detail(std::string_view plain_local, std::string_view separator);

struct PathOptions {
  bool smtputf8 = false;         // U-labels and UTF-8 local parts are allowed
  bool lenient = false;          // dots in odd places, blanks at the ends, path and local part up to 1,000
  bool allow_bare_name = false;  // <postmaster>, <user>: a local part without a domain
};

// Reads what stands between '<' and '>'; after a fault only `written` and `internationalised` are set. A
// source route (@a,@b:) is understood and dropped, RFC 5321 appendix C. `user@a@b` is a fault, not a guess.
PathFault parse_path(std::string_view between_brackets, const PathOptions& options, Path& out);

// Takes a path in angle brackets off the front of `text` (RFC 5321 Reverse-path/Forward-path); quoted
// strings may hold '>'. nullopt: there is no well-formed bracketed path there.
std::optional<std::string_view> take_bracketed(std::string_view& text);

}  // namespace sallyport::mail
