// ESMTP parameters: only what was offered, once, and nothing that could end a command line.
#include "base/mail/parameters.h"

#include <algorithm>

#include "base/text.h"
#include "proxy/relay/command.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

namespace sallyport::fuzz {
namespace {

using mail::ParameterFault;
using mail::ParameterRules;

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

bool same(const mail::MailParameters& a, const mail::MailParameters& b) {
  return a.size == b.size && a.eight_bit == b.eight_bit && a.smtputf8 == b.smtputf8 && a.ret == b.ret &&
         a.envid == b.envid;
}

// What a next hop that offers everything is told.
std::string_view behind_path(std::string_view command) {
  command.remove_suffix(2);
  return command.substr(command.find('>') + 1);
}

relay::HopCapabilities everything() {
  return {.eight_bit = true, .smtputf8 = true, .dsn = true, .size_offered = true};
}

void check_mail(std::string_view text, const ParameterRules& rules) {
  mail::MailParameters taken;
  if (mail::parse_mail_parameters(text, rules, taken) != ParameterFault::none) return;
  promise(rules.dsn || (taken.ret.empty() && taken.envid.empty()), "DSN only where it was offered");
  promise(rules.smtputf8 || !taken.smtputf8, "SMTPUTF8 only where it was offered");
  promise(taken.ret.empty() || iequals(taken.ret, "FULL") || iequals(taken.ret, "HDRS"),
          "RET is one of two");
  promise(taken.envid.size() <= 100 && is_printable(taken.envid), "ENVID is short and printable");
  promise(taken.envid.empty() || mail::decode_xtext(taken.envid), "ENVID is xtext");
  const auto command = relay::mail_command({}, taken, taken.size.value_or(0), everything());
  promise(command && command->ends_with("\r\n"), "a command can be made of it");
  mail::MailParameters again;
  const ParameterRules all{.smtputf8 = true, .dsn = true};
  const auto fault = mail::parse_mail_parameters(behind_path(*command), all, again);
  taken.size = taken.size.value_or(0);
  promise(fault == ParameterFault::none && same(taken, again), "the next hop is told the same");
}

void check_rcpt(std::string_view text, const ParameterRules& rules) {
  mail::RcptParameters taken;
  if (mail::parse_rcpt_parameters(text, rules, taken) != ParameterFault::none) return;
  promise(rules.dsn || (taken.notify.empty() && taken.orcpt.empty()), "DSN only where it was offered");
  promise(is_printable(taken.notify) && is_printable(taken.orcpt) && taken.orcpt.size() <= 500,
          "NOTIFY and ORCPT are bounded and printable");
  const auto command = relay::rcpt_command("a@example.test", taken, everything());
  promise(command.has_value(), "a command can be made of it");
  mail::RcptParameters again;
  const auto fault = mail::parse_rcpt_parameters(behind_path(*command), rules, again);
  promise(fault == ParameterFault::none && again.notify == taken.notify && again.orcpt == taken.orcpt,
          "the next hop is told the same");
}

void check_xtext(std::string_view text) {
  const auto decoded = mail::decode_xtext(text);
  if (!decoded) return;
  promise(std::ranges::all_of(*decoded, [](char c) { return c >= ' ' && c < '\x7f'; }),
          "nothing decoded is a control character");
  const auto again = mail::decode_xtext(mail::encode_xtext(*decoded));
  promise(again == decoded, "xtext goes round");
}

}  // namespace

void parameters(std::string_view input) {
  const std::size_t choice = take_choice(input, parameter_letters());
  const ParameterRules rules{.size = choice % 16 < 8,
                             .eight_bit = choice % 8 < 4,
                             .smtputf8 = choice % 4 < 2,
                             .dsn = choice % 2 == 0,
                             .auth = choice % 3 == 0};
  feed_piece(spell(input, parameter_letters()), [&](std::string_view text) {
    check_mail(text, rules);
    check_rcpt(text, rules);
    check_xtext(text);
  });
}

}  // namespace sallyport::fuzz
