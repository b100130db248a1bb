// ESMTP parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), RET, ENVID,
// NOTIFY, ORCPT (RFC 3461). Unknown ones are a fault (555), doubled ones too (501).
//
// What is kept is what was written, already checked: xtext that decodes to a control character is a
// fault, so nothing decoded can ever reach a next hop's command stream.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::mail {

enum class ParameterFault { none, unknown, malformed, doubled, too_large };

struct MailParameters {
  std::optional<std::uint64_t> size;  // declared octets
  bool eight_bit = false;             // BODY=8BITMIME
  bool body_given = false;            // BODY= was written
  bool smtputf8 = false;
  std::string ret;    // FULL or HDRS
  std::string envid;  // xtext, as written
};

struct RcptParameters {
  std::string notify;  // as written
  std::string orcpt;   // as written
};

struct ParameterRules {
  bool size = true;
  bool eight_bit = true;
  bool smtputf8 = false;
  bool dsn = false;
  bool auth = false;  // RFC 4954 AUTH= : understood and dropped
};

// `text` is what follows the path. Limits: SIZE at most 20 digits, ENVID 100 and ORCPT 500 octets.
ParameterFault parse_mail_parameters(std::string_view text, const ParameterRules& rules,
                                     MailParameters& out);
ParameterFault parse_rcpt_parameters(std::string_view text, const ParameterRules& rules,
                                     RcptParameters& out);

// RFC 3461 4. Decoding fails on a broken escape, and on anything but printable ASCII.
std::optional<std::string> decode_xtext(std::string_view xtext);
std::string encode_xtext(std::string_view text);

}  // namespace sallyport::mail
