// MAIL and RCPT (RFC 5321 4.1.1.2, 4.1.1.3; RFC 1870, 3461, 6152, 6531 for their parameters).
#include <utility>

#include "base/text.h"
#include "proxy/smtp/server_state.h"

namespace sallyport::smtp {
namespace {

// X.1.7 speaks of the sender's address, X.1.3 of the recipient's (RFC 3463 3.2). RFC 6531 3.5 leaves 550
// and 553 for what is not ASCII.
struct Side {
  std::string_view keyword;
  mail::Refusal syntax;
  mail::Refusal bad_path;
  mail::Refusal not_ascii;
};
constexpr Side sender_side{"FROM", mail::Refusal::mail_syntax, mail::Refusal::bad_sender,
                           mail::Refusal::sender_not_ascii};
constexpr Side recipient_side{"TO", mail::Refusal::rcpt_syntax, mail::Refusal::bad_recipient,
                              mail::Refusal::recipient_not_ascii};

std::optional<mail::Reply> argument_refusal(PathArgumentFault fault, const Side& side) {
  switch (fault) {
    case PathArgumentFault::none:
      return std::nullopt;
    case PathArgumentFault::keyword:
      return mail::reply(side.syntax);
    case PathArgumentFault::brackets:
      break;
  }
  return mail::reply(side.bad_path);
}

// RFC 5321 4.1.1.11: 555 for what was not offered, 501 for what was offered and is malformed.
std::optional<mail::Reply> parameter_refusal(mail::ParameterFault fault) {
  switch (fault) {
    case mail::ParameterFault::none:
      return std::nullopt;
    case mail::ParameterFault::unknown:
      return mail::reply(mail::Refusal::parameter_unknown);
    case mail::ParameterFault::too_large:
      return mail::reply(mail::Refusal::size_over_limit);
    case mail::ParameterFault::malformed:
    case mail::ParameterFault::doubled:
      break;
  }
  return mail::reply(mail::Refusal::parameter_malformed);
}

std::optional<mail::Reply> path_refusal(mail::PathFault fault, const mail::Path& path, bool smtputf8,
                                        const Side& side) {
  if (fault == mail::PathFault::needs_mapping) return mail::reply(mail::Refusal::domain_not_normal);
  if (path.internationalised && !smtputf8) return mail::reply(side.not_ascii);
  if (fault != mail::PathFault::none) return mail::reply(side.bad_path);
  return std::nullopt;
}

}  // namespace

// -- MAIL: RFC 5321 4.1.1.2 ------------------------------------------------------------------------

void ServerMachine::State::mail_from(std::string_view argument) {
  if (helo_name.empty()) return refuse(mail::Refusal::helo_first);
  if (transaction) return refuse(mail::Refusal::sender_given);
  if (options.auth_required && user.empty()) return refuse(mail::Refusal::authentication_required);
  Mail event;
  if (const auto refusal = parse_mail(argument, event)) return tell(*refusal);
  asked = Asked::mail;
  asked_smtputf8 = event.parameters.smtputf8;
  upcoming = std::move(event);
}

std::optional<mail::Reply> ServerMachine::State::parse_mail(std::string_view argument, Mail& out) const {
  PathArgument written;
  const auto fault = split_path_argument(sender_side.keyword, argument, options.lenient, written);
  if (auto refusal = argument_refusal(fault, sender_side)) return refusal;

  const mail::ParameterRules rules{
      .smtputf8 = options.smtputf8, .dsn = options.dsn, .auth = options.auth_offered};
  if (auto refusal = parameter_refusal(parse_mail_parameters(written.parameters, rules, out.parameters)))
    return refusal;
  if (out.parameters.size > options.message_size) return too_large();  // RFC 1870 6.1

  const mail::PathOptions reading{.smtputf8 = options.smtputf8, .lenient = options.lenient};
  const auto path_fault = parse_path(written.path, reading, out.sender);
  return path_refusal(path_fault, out.sender, out.parameters.smtputf8, sender_side);
}

void ServerMachine::State::answer_mail(const mail::Reply& reply) {
  if (!reply.positive()) {
    if (!too_much_junk()) tell(reply);
    return;
  }
  tell(reply);
  transaction.emplace(asked_smtputf8);
  ++transactions;
  refused_in_transaction = {};
}

// -- RCPT: RFC 5321 4.1.1.3 ------------------------------------------------------------------------

void ServerMachine::State::rcpt_to(std::string_view argument) {
  if (!transaction) return refuse(mail::Refusal::mail_first);
  if (transaction->message) return refuse(mail::Refusal::message_begun);
  if (++transaction->rcpt_commands > 2 * options.recipients)
    return close_with(mail::reply(mail::Refusal::too_many_recipient_commands), Close::Why::errors);
  Rcpt event;
  if (const auto refusal = parse_rcpt(argument, event)) return tell(*refusal);
  if (transaction->recipients >= options.recipients)  // RFC 5321 4.5.3.1.10
    return refuse(mail::Refusal::too_many_recipients);
  asked = Asked::rcpt;
  upcoming = std::move(event);
}

std::optional<mail::Reply> ServerMachine::State::parse_rcpt(std::string_view argument, Rcpt& out) const {
  PathArgument written;
  const auto fault = split_path_argument(recipient_side.keyword, argument, options.lenient, written);
  if (auto refusal = argument_refusal(fault, recipient_side)) return refusal;

  const mail::ParameterRules rules{.dsn = options.dsn};
  if (auto refusal = parameter_refusal(parse_rcpt_parameters(written.parameters, rules, out.parameters)))
    return refusal;

  const mail::PathOptions reading{
      .smtputf8 = options.smtputf8, .lenient = options.lenient, .allow_bare_name = true};
  const auto path_fault = parse_path(written.path, reading, out.recipient);
  if (auto refusal = path_refusal(path_fault, out.recipient, transaction->smtputf8, recipient_side))
    return refusal;
  if (out.recipient.is_null()) return mail::reply(recipient_side.bad_path);
  return std::nullopt;
}

void ServerMachine::State::answer_rcpt(const mail::Reply& reply) {
  if (reply.positive()) ++transaction->recipients;
  give(reply);  // which the driver has on its record
}

}  // namespace sallyport::smtp
