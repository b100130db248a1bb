#include "proxy/relay/command.h"

#include <algorithm>

#include "base/text.h"

namespace sallyport::relay {
namespace {

constexpr std::size_t kMaxLine = 2048;

}  // namespace

Result<std::string> command_line(std::initializer_list<std::string_view> parts) {
  std::size_t octets = 2;
  for (const auto part : parts) octets += part.size();
  std::string line;
  line.reserve(octets);
  for (const auto part : parts) line += part;
  if (std::ranges::any_of(line, [](char c) { return is_control(c); })) {
    return fail(Errc::invalid, "control character in a command: " + printable(line, 200));
  }
  if (line.size() > kMaxLine - 2) return fail(Errc::limit, "command too long: " + printable(line, 200));
  line += "\r\n";
  return line;
}

Result<std::string> mail_command(const mail::Path& sender, const mail::MailParameters& parameters,
                                 std::uint64_t octets, const HopCapabilities& hop) {
  std::string options;
  if (hop.size_offered) options += " SIZE=" + std::to_string(octets);
  if (hop.eight_bit && parameters.eight_bit) options += " BODY=8BITMIME";
  if (hop.smtputf8 && parameters.smtputf8) options += " SMTPUTF8";
  if (hop.dsn && !parameters.ret.empty()) options += " RET=" + parameters.ret;
  if (hop.dsn && !parameters.envid.empty()) options += " ENVID=" + parameters.envid;
  return command_line({"MAIL FROM:<", sender.address(), ">", options});
}

Result<std::string> rcpt_command(const std::string& address, const mail::RcptParameters& parameters,
                                 const HopCapabilities& hop) {
  std::string options;
  if (hop.dsn && !parameters.notify.empty()) options += " NOTIFY=" + parameters.notify;
  if (hop.dsn && !parameters.orcpt.empty()) options += " ORCPT=" + parameters.orcpt;
  return command_line({"RCPT TO:<", address, ">", options});
}

}  // namespace sallyport::relay
