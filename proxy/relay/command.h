// The command lines sent to a next hop. One place builds them all, and none with a control character in
// it is ever built: what a client wrote can be an argument, never a further command.
//
// Pure. Errors: invalid (a control character), limit (over 2,048 octets).
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/mail/address.h"
#include "base/mail/parameters.h"
#include "base/result.h"
#include "proxy/relay/capabilities.h"

namespace sallyport::relay {

// The parts joined as they stand, ended by CRLF.
Result<std::string> command_line(std::initializer_list<std::string_view> parts);

// MAIL with those parameters only that the next hop offered. `octets`: of the whole message.
Result<std::string> mail_command(const mail::Path& sender, const mail::MailParameters& parameters,
                                 std::uint64_t octets, const HopCapabilities& hop);
Result<std::string> rcpt_command(const std::string& address, const mail::RcptParameters& parameters,
                                 const HopCapabilities& hop);

}  // namespace sallyport::relay
