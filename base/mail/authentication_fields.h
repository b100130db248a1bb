// The fields that tell the next server what we found out about a client: Authentication-Results
// (RFC 8601) and Received-SPF (RFC 7208 9.1).
//
// Pure. Methods, results and names of properties are our own words; all else may be a stranger's, and is
// made safe (field_writer.h). Fields are whole, folded, with their last CRLF; lines are at most 78 octets
// where the values allow it, and never more than 998.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/mail/evidence.h"

namespace sallyport::mail {

struct AuthenticationProperty {
  std::string name;  // "smtp.mailfrom"
  std::string value;
};

struct AuthenticationResult {
  std::string method;  // "spf"
  std::string result;  // "pass"
  std::string reason;  // "" = none; so is the comment
  std::string comment;
  std::vector<AuthenticationProperty> properties;
};

// RFC 8601 2.7.3, from a finding of Check::rdns. `reverse_name`: where there is one.
AuthenticationResult iprev_result(Finding rdns, const IpAddress& client, std::string reverse_name);
// RFC 8601 2.7.2, from a finding of Check::spf_helo or spf_mailfrom; `identity`: the HELO name, or the
// sender's address or domain.
AuthenticationResult spf_result(Check check, Finding spf, std::string identity);

// `utf8`: the message is one with SMTPUTF8 (RFC 8616). No results: "none".
std::string authentication_results_field(std::string_view authserv_id,
                                         const std::vector<AuthenticationResult>& results,
                                         bool utf8 = false);

// What is empty is left out.
struct ReceivedSpf {
  Check check = Check::spf_mailfrom;  // or spf_helo: the identity that was checked
  Finding result = Finding::spf_none;
  std::string comment;  // for people to read
  IpAddress client;
  std::string envelope_from;
  std::string helo;
  std::string receiver;   // our host name
  std::string mechanism;  // the term that matched
  std::string problem;    // temperror, permerror
};
std::string received_spf_field(const ReceivedSpf& facts, bool utf8 = false);

}  // namespace sallyport::mail
