// AUTH (RFC 4954) with PLAIN (RFC 4616) and LOGIN. Passwords go into the Auth event and nowhere else.
#include <string.h>

#include <utility>

#include "base/mail/codec.h"
#include "base/text.h"
#include "proxy/smtp/sasl.h"
#include "proxy/smtp/server_state.h"

namespace sallyport::smtp {
namespace {

using Why = Close::Why;

constexpr std::size_t max_response = 12'288;  // RFC 4954 4
constexpr int max_failures = 3;

mail::Reply malformed_response() { return mail::reply(mail::Refusal::auth_response_malformed); }

void wipe(std::string& secret) { explicit_bzero(secret.data(), secret.size()); }

}  // namespace

void ServerMachine::State::auth(std::string_view argument) {
  if (!options.auth_offered) return refuse(mail::Refusal::authentication_not_offered);
  if (!tls) return refuse(mail::Refusal::authentication_in_clear);
  if (!extended) return refuse(mail::Refusal::ehlo_first);
  if (!user.empty()) return refuse(mail::Refusal::authenticated_already);
  if (transaction) return refuse(mail::Refusal::inside_transaction);
  if (argument.empty()) return refuse(mail::Refusal::auth_syntax);
  const AuthArgument written = split_auth_argument(argument);
  begin_sasl(written.mechanism, written.initial_response);
}

void ServerMachine::State::begin_sasl(std::string_view mechanism,
                                      std::optional<std::string_view> initial_response) {
  const bool plain = iequals(mechanism, "PLAIN");
  if (!plain && !iequals(mechanism, "LOGIN")) return refuse(mail::Refusal::mechanism_not_offered);
  sasl = Sasl{plain ? Sasl::Step::plain : Sasl::Step::login_user, {}};
  phase = Phase::sasl;
  if (initial_response) return sasl_response(*initial_response == "=" ? "" : *initial_response);
  say(plain ? "334 " : "334 VXNlcm5hbWU6");  // "Username:"
}

bool ServerMachine::State::read_sasl(std::string_view& input) {
  const LineReader::Result result = lines.take(input, max_response);
  if (result == LineReader::Result::more) return false;
  phase = Phase::command;
  if (result == LineReader::Result::too_long) {
    close_with(mail::reply(mail::Refusal::auth_line_too_long), Why::line_too_long);
  } else if (result == LineReader::Result::broken) {
    broken_line();
  } else if (!input.empty()) {
    illegal_pipelining();
  } else if (lines.text() == "*") {
    fail_auth(mail::reply(mail::Refusal::authentication_cancelled));
  } else {
    sasl_response(lines.text());
  }
  return true;
}

void ServerMachine::State::sasl_response(std::string_view response) {
  phase = Phase::command;
  auto message = mail::base64_decode(response);
  if (!message) return fail_auth(malformed_response());
  if (sasl.step == Sasl::Step::plain)
    sasl_plain(*message);
  else
    sasl_login(*message);
  wipe(*message);
}

void ServerMachine::State::sasl_plain(std::string_view message) {
  auto credentials = parse_plain(message);
  if (!credentials) return fail_auth(malformed_response());
  const std::string& authorize_as = credentials->authorize_as;
  if (authorize_as.empty() || authorize_as == credentials->user)
    return ask_auth("PLAIN", std::move(credentials->user), std::move(credentials->password));
  wipe(credentials->password);
  fail_auth(mail::reply(mail::Refusal::authorization_refused));
}

void ServerMachine::State::sasl_login(std::string_view message) {
  if (message.empty() || message.find('\0') != std::string_view::npos)
    return fail_auth(malformed_response());
  if (sasl.step == Sasl::Step::login_password)
    return ask_auth("LOGIN", std::exchange(sasl.user, {}), std::string(message));
  sasl = Sasl{Sasl::Step::login_password, std::string(message)};
  phase = Phase::sasl;
  say("334 UGFzc3dvcmQ6");  // "Password:"
}

void ServerMachine::State::ask_auth(std::string mechanism, std::string name, std::string password) {
  asked = Asked::auth;
  asked_name = name;
  upcoming = Auth{std::move(mechanism), std::move(name), std::move(password)};
}

void ServerMachine::State::answer_auth(const mail::Reply& reply) {
  if (reply.permanent()) return fail_auth(reply);
  if (reply.positive()) user = std::exchange(asked_name, {});
  tell(reply);
}

// The third failure is answered by the end of the session.
void ServerMachine::State::fail_auth(const mail::Reply& reply) {
  if (++auth_failures < max_failures) return tell(reply);
  close_with(mail::reply(mail::Refusal::too_many_failed_logins), Why::errors);
}

}  // namespace sallyport::smtp
