// Commands that carry no mail: HELO, RSET, NOOP, HELP, VRFY, STARTTLS, QUIT and all that is refused.
#include <utility>

#include "base/text.h"
#include "proxy/smtp/server_state.h"

namespace sallyport::smtp {
namespace {

using Why = Close::Why;

constexpr int max_broken_lines = 3;

mail::Reply not_smtp() { return mail::reply(mail::Refusal::other_protocol); }

// RFC 2920 3.1: what has to be the last command of a pipelined group. A session begun with HELO was
// not offered PIPELINING at all.
bool is_last_in_group(Verb verb, bool extended) {
  switch (verb) {
    case Verb::helo:
    case Verb::ehlo:
    case Verb::lhlo:
    case Verb::data:
    case Verb::auth:
    case Verb::starttls:
      return true;
    case Verb::mail:
    case Verb::rcpt:
      return !extended;
    default:
      return false;
  }
}

// RFC 3207 4: what a server that insists on TLS answers by 530. BDAT has octets to be consumed first, and
// AUTH in clear an answer of its own.
bool needs_tls(Verb verb) {
  switch (verb) {
    case Verb::mail:
    case Verb::rcpt:
    case Verb::data:
    case Verb::vrfy:
    case Verb::expn:
      return true;
    default:
      return false;
  }
}

// RFC 5321 2.3.8, 4.1.2: NUL never; octets above 127 only as UTF-8, and where that was offered.
bool is_acceptable(std::string_view line, bool smtputf8) {
  if (line.find('\0') != std::string_view::npos) return false;
  return is_ascii(line) || (smtputf8 && is_valid_utf8(line));
}

}  // namespace

// -- lines ----------------------------------------------------------------------------------------

bool ServerMachine::State::read_command(std::string_view& input) {
  if (!input.empty() && lines.at_line_start() && is_other_protocol(input.front())) {
    in_hand = Verb::unknown;
    close_with(not_smtp(), Why::other_protocol);
    return true;
  }
  const LineReader::Result result = lines.take(input, options.command_line);
  if (result == LineReader::Result::more) return false;
  ++commands;
  spoken = lines.text();
  const CommandLine command = parse_command(spoken);
  in_hand = command.verb;
  said_auth = said_auth || in_hand == Verb::auth || is_like_auth(spoken);
  if (is_other_protocol(spoken))
    close_with(not_smtp(), Why::other_protocol);
  else if (result == LineReader::Result::too_long)
    close_with(mail::reply(mail::Refusal::command_too_long), Why::line_too_long);
  else if (result == LineReader::Result::broken || !is_acceptable(spoken, options.smtputf8))
    broken_line();
  else
    execute(command, !input.empty());
  spoken = {};
  return true;
}

void ServerMachine::State::broken_line() {
  refuse(mail::Refusal::broken_line);
  if (++broken_lines < max_broken_lines || phase == Phase::closing) return;
  close_with(mail::reply(mail::Refusal::too_many_broken_lines), Why::protocol_abuse);
}

// `behind`: there is input behind the command already.
void ServerMachine::State::execute(const CommandLine& command, bool behind) {
  ends_group = is_last_in_group(command.verb, extended);
  if (behind && ends_group) return illegal_pipelining();
  if (options.tls_required && !tls && needs_tls(command.verb))
    return refuse(mail::Refusal::starttls_required);
  run(command);
}

void ServerMachine::State::run(const CommandLine& command) {
  switch (command.verb) {
    case Verb::mail:
      return mail_from(command.argument);
    case Verb::rcpt:
      return rcpt_to(command.argument);
    case Verb::data:
      return data(command.argument);
    case Verb::bdat:
      return bdat(command.argument);
    case Verb::auth:
      return auth(command.argument);
    case Verb::starttls:
      return starttls(command.argument);
    case Verb::quit:
      return quit(command.argument);
    case Verb::obsolete:
    case Verb::trusted_only:
    case Verb::unknown:
      return unwelcome(command.verb);
    default:
      if (!too_much_junk()) idle_command(command);
  }
}

void ServerMachine::State::idle_command(const CommandLine& command) {
  switch (command.verb) {
    case Verb::rset:
      return rset(command.argument);
    case Verb::noop:  // RFC 5321 4.1.1.9: an argument is ignored
      return tell(mail::reply(mail::Answer::ok));
    case Verb::help:
      return help();
    case Verb::vrfy:
      return vrfy(command.argument);
    case Verb::expn:  // RFC 5321 7.3: nobody's list is anybody's business
      return refuse(mail::Refusal::no_expn);
    default:
      return helo(command);
  }
}

void ServerMachine::State::unwelcome(Verb verb) {
  switch (verb) {
    case Verb::obsolete:
      return refuse(mail::Refusal::not_implemented);
    case Verb::trusted_only:
      return refuse(mail::Refusal::not_a_front_end);
    default:
      return refuse(mail::Refusal::unknown_command);
  }
}

// -- HELO, EHLO, LHLO: RFC 5321 4.1.1.1, RFC 2033 4.1 ----------------------------------------------

void ServerMachine::State::helo(const CommandLine& command) {
  if (options.lmtp != (command.verb == Verb::lhlo))
    return refuse(options.lmtp ? mail::Refusal::this_is_lmtp : mail::Refusal::this_is_smtp);
  if (!is_helo_name(command.argument)) return refuse(mail::Refusal::bad_helo);
  asked = Asked::helo;
  asked_name = command.argument;
  asked_extended = command.verb != Verb::helo;
  upcoming = Helo{asked_name, asked_extended};
}

void ServerMachine::State::answer_helo(const mail::Reply& reply) {
  if (!reply.positive()) return tell(reply);
  reset_transaction();  // RFC 5321 4.1.4
  helo_name = std::exchange(asked_name, {});
  extended = asked_extended;
  if (!extended) return say("250 " + options.hostname);
  write_extensions();
}

void ServerMachine::State::write_extensions() {
  say("250-" + options.hostname);
  say("250-PIPELINING");
  say("250-SIZE " + std::to_string(options.message_size));
  say("250-8BITMIME");
  say("250-ENHANCEDSTATUSCODES");
  say("250-CHUNKING");
  if (options.starttls && !tls) say("250-STARTTLS");
  if (options.auth_offered && tls) say("250-AUTH PLAIN LOGIN");
  if (options.smtputf8) say("250-SMTPUTF8");
  if (options.dsn) say("250-DSN");
  say("250 HELP");
}

// -- RSET, HELP, VRFY, QUIT: RFC 5321 4.1.1.5 to 4.1.1.10 ------------------------------------------

void ServerMachine::State::rset(std::string_view argument) {
  if (!argument.empty()) return refuse(mail::Refusal::rset_argument);
  reset_transaction();
  tell(mail::reply(mail::Answer::ok));
}

void ServerMachine::State::help() { tell(mail::reply(mail::Answer::help)); }

// The same for everybody, known or not (RFC 5321 7.3).
void ServerMachine::State::vrfy(std::string_view argument) {
  if (argument.empty() || argument == "\"\"") return refuse(mail::Refusal::vrfy_argument);
  tell(mail::reply(mail::Answer::cannot_verify));
}

void ServerMachine::State::quit(std::string_view argument) {
  if (!argument.empty()) return refuse(mail::Refusal::quit_argument);
  close_with(mail::reply(mail::Answer::bye), Why::quit);
}

// -- STARTTLS: RFC 3207 4 --------------------------------------------------------------------------

void ServerMachine::State::starttls(std::string_view argument) {
  if (!argument.empty()) return refuse(mail::Refusal::starttls_argument);
  if (tls) return refuse(mail::Refusal::tls_active);
  if (!options.starttls) return refuse(mail::Refusal::starttls_unavailable);
  if (transaction) return refuse(mail::Refusal::inside_transaction);
  tell(mail::reply(mail::Answer::starttls_ready));
  phase = Phase::handshake;
  upcoming = StartTls{};
}

}  // namespace sallyport::smtp
