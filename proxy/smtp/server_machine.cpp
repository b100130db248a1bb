#include "proxy/smtp/server_machine.h"

#include <algorithm>
#include <utility>

#include "proxy/smtp/server_state.h"

namespace sallyport::smtp {
namespace {

// Output that the driver has to write before more commands are read: a client that pipelines without
// reading must not make it grow.
constexpr std::size_t flush_at = 16 * 1024;

}  // namespace

using Why = Close::Why;

ServerMachine::State::State(ServerOptions server_options, std::string session_id)
    : options(std::move(server_options)), session(std::move(session_id)), lines(options.lenient) {}

// -- the loop -------------------------------------------------------------------------------------

Event ServerMachine::State::next(std::string_view& input) {
  while (true) {
    if (auto event = take_event()) return *std::move(event);
    if (phase == Phase::closing) return Close{why};
    const bool waiting_for_driver = asked != Asked::nothing || phase == Phase::handshake;
    if (waiting_for_driver || output.size() >= flush_at || !read(input)) {
      scratch = std::string();
      return NeedInput{};
    }
  }
}

std::optional<Event> ServerMachine::State::take_event() {
  if (dropped) return *std::exchange(dropped, std::nullopt);
  if (std::exchange(reset, false)) return TransactionReset{};
  return std::exchange(upcoming, std::nullopt);
}

// One step. False: nothing can be done without more input.
bool ServerMachine::State::read(std::string_view& input) {
  switch (phase) {
    case Phase::command:
      return read_command(input);
    case Phase::sasl:
      return read_sasl(input);
    case Phase::data:
      return read_data(input);
    case Phase::content_complete:
      end_content();
      return true;
    case Phase::chunk:
      return read_chunk(input);
    case Phase::handshake:
    case Phase::closing:
      break;
  }
  return false;
}

// -- answers --------------------------------------------------------------------------------------

void ServerMachine::State::answer(const mail::Reply& reply, bool unread) {
  const Asked answered = std::exchange(asked, Asked::nothing);
  if (answered == Asked::message) return answer_message({reply});
  if (reply.code == 421 && answered == Asked::rcpt) return close_behind(reply, Why::answered);
  if (reply.code == 421) return close_with(reply, Why::answered);
  if (unread && ends_group) {
    const bool begun = reply.code == 354;
    illegal_pipelining();
    if (begun) dropped.emplace();
    return;
  }
  switch (answered) {
    case Asked::helo:
      return answer_helo(reply);
    case Asked::mail:
      return answer_mail(reply);
    case Asked::rcpt:
      return answer_rcpt(reply);
    case Asked::data:
      return answer_data(reply);
    case Asked::auth:
      return answer_auth(reply);
    case Asked::message:
    case Asked::nothing:
      break;
  }
}

// LMTP wants as many replies as recipients were accepted (RFC 2033 4.2): a single fate is everybody's.
void ServerMachine::State::answer_message(const std::vector<mail::Reply>& fates) {
  asked = Asked::nothing;
  if (!transaction || fates.empty()) return;
  phase = Phase::command;
  transaction->message.reset();
  if (std::ranges::any_of(fates, &mail::Reply::positive)) junk = 0;
  for (std::size_t i = 0; i + 1 < fates.size(); ++i) append(fates[i]);
  if (fates.size() == 1)
    tell_each(fates.back());
  else
    give(fates.back());
  transaction.reset();
  const bool closes = std::ranges::any_of(fates, [](const mail::Reply& fate) { return fate.code == 421; });
  if (closes && phase != Phase::closing) close(Why::answered);
}

void ServerMachine::State::end_session(const mail::Reply& reply) {
  if (transaction && transaction->message && transaction->message->refused())
    return refuse_unfinished(Why::answered);
  if (reply.code != 0) {
    const bool idle = phase == Phase::command && asked == Asked::nothing;
    const Verb stage = idle ? Verb::unknown : in_hand;
    note(reply, stage, name_of(stage));
    append(reply);
  }
  transaction.reset();
  chunk.reset();
  dropped.reset();
  upcoming.reset();
  reset = false;
  asked = Asked::nothing;
  close(Why::answered);
}

// RFC 3207 4.2: nothing that was said in clear counts any more.
void ServerMachine::State::tls_established() {
  helo_name.clear();
  extended = false;
  user.clear();
  transaction.reset();
  tls = true;
  phase = Phase::command;
}

// -- replies --------------------------------------------------------------------------------------

void ServerMachine::State::say(std::string_view line) {
  output += line;
  output += "\r\n";
}

void ServerMachine::State::append(const mail::Reply& reply) {
  output += reply.wire(reply.code >= 400 ? id() : std::string());
}

void ServerMachine::State::note(const mail::Reply& reply, Verb stage, std::string_view words) {
  if (!reply.transient() && !reply.permanent()) return;
  (transaction ? refused_in_transaction : refused).add({stage, std::string(words), reply});
}

void ServerMachine::State::note(const mail::Reply& reply) {
  note(reply, in_hand, spoken.empty() ? name_of(in_hand) : loggable(spoken, said_auth));
}

// Whatever is refused is on the record: here, or where the driver has it.
void ServerMachine::State::tell(const mail::Reply& reply) {
  note(reply);
  give(reply);
}

// Every 5xx counts, whoever decided it; too many of them end the session.
void ServerMachine::State::give(const mail::Reply& reply) {
  append(reply);
  if (!reply.permanent() || ++errors < options.errors || phase == Phase::closing) return;
  close_with(mail::reply(mail::Refusal::too_many_errors), Why::errors);
}

// What became of a message, told as often as the protocol asks for: all but the last of these replies.
void ServerMachine::State::append_copies(const mail::Reply& fate) {
  for (std::size_t told = 1; options.lmtp && told < transaction->recipients; ++told) append(fate);
}

void ServerMachine::State::tell_each(const mail::Reply& fate) {
  append_copies(fate);
  give(fate);
}

void ServerMachine::State::refuse(mail::Refusal refusal) { tell(mail::reply(refusal)); }

// -- endings --------------------------------------------------------------------------------------

void ServerMachine::State::close(Why reason) {
  if (transaction && transaction->message && !dropped) dropped.emplace();
  transaction.reset();
  chunk.reset();
  asked = Asked::nothing;
  phase = Phase::closing;
  why = reason;
}

void ServerMachine::State::close_with(const mail::Reply& reply, Why reason) {
  const bool is_fate = transaction && transaction->message && !dropped;
  if (!is_fate) note(reply);
  close_behind(reply, reason);
}

// `reply` is on the record already, or MessageDropped brings it there.
void ServerMachine::State::close_behind(const mail::Reply& reply, Why reason) {
  append(reply);
  if (reply.permanent()) ++errors;
  // A 221 is no word about the message.
  if (transaction && transaction->message && !dropped)
    dropped = reply.positive() ? MessageDropped{} : MessageDropped{reply};
  close(reason);
}

void ServerMachine::State::illegal_pipelining() {
  close_with(mail::reply(mail::Refusal::illegal_pipelining), Why::protocol_abuse);
}

// Commands that bring the session no nearer to a message.
bool ServerMachine::State::too_much_junk() {
  if (++junk <= options.junk_commands) return false;
  close_with(mail::reply(mail::Refusal::too_much_junk), Why::junk);
  return true;
}

void ServerMachine::State::reset_transaction() {
  if (!transaction) return;
  transaction.reset();
  reset = true;
}

// The true end of a message that came to nothing was read.
void ServerMachine::State::drop_message(const mail::Reply& reply) {
  phase = Phase::command;
  dropped = MessageDropped{reply, transaction->message->octets};
  tell_each(reply);
  transaction.reset();
}

std::string ServerMachine::State::id() const {
  return transaction ? session + '.' + std::to_string(transactions) : session;
}

// -- the public face ------------------------------------------------------------------------------

ServerMachine::ServerMachine(ServerOptions options, std::string session_id)
    : state_(std::make_unique<State>(std::move(options), std::move(session_id))) {}
ServerMachine::~ServerMachine() = default;
ServerMachine::ServerMachine(ServerMachine&&) noexcept = default;

void ServerMachine::greet() { state_->say("220 " + state_->options.hostname + " ESMTP Sallyport"); }

void ServerMachine::greet(const mail::Reply& banner) {
  if (banner.code >= 400) {
    state_->note(banner, Verb::unknown, {});
    return state_->close_behind(banner, Why::answered);
  }
  state_->tell(banner);
}

Event ServerMachine::next(std::string_view& input) { return state_->next(input); }
void ServerMachine::answer(const mail::Reply& reply, bool unread) { state_->answer(reply, unread); }
void ServerMachine::answer_each(const std::vector<mail::Reply>& replies) {
  state_->answer_message(replies);
}

void ServerMachine::discard(const mail::Reply& reply) {
  if (state_->transaction && state_->transaction->message) state_->transaction->message->refusal = reply;
}

void ServerMachine::end_session(const mail::Reply& reply) { state_->end_session(reply); }
void ServerMachine::tls_established() { state_->tls_established(); }
void ServerMachine::set_tls_from_start() { state_->tls = true; }

const Refusals& ServerMachine::refusals() const { return state_->refused; }
Refusals ServerMachine::take_refusals_of_transaction() {
  return std::exchange(state_->refused_in_transaction, {});
}

std::string ServerMachine::take_output() { return std::exchange(state_->output, {}); }
const std::string& ServerMachine::output() const { return state_->output; }

Waiting ServerMachine::waiting() const {
  if (discarding()) return Waiting::discard;
  if (state_->phase == Phase::data) return Waiting::data;
  return state_->phase == Phase::chunk ? Waiting::chunk : Waiting::command;
}

bool ServerMachine::in_transaction() const { return state_->transaction.has_value(); }

bool ServerMachine::discarding() const {
  if (state_->phase != Phase::data && state_->phase != Phase::chunk) return false;
  if (state_->chunk && state_->chunk->refusal) return true;
  const auto& transaction = state_->transaction;
  return transaction && transaction->message && transaction->message->refused();
}

std::size_t ServerMachine::accepted_recipients() const {
  return state_->transaction ? state_->transaction->recipients : 0;
}

int ServerMachine::transaction_number() const { return state_->transactions; }
std::string ServerMachine::id() const { return state_->id(); }
const std::string& ServerMachine::helo() const { return state_->helo_name; }
bool ServerMachine::extended() const { return state_->extended; }
bool ServerMachine::under_tls() const { return state_->tls; }
const std::string& ServerMachine::authenticated() const { return state_->user; }
int ServerMachine::errors() const { return state_->errors; }
int ServerMachine::commands() const { return state_->commands; }

bool ServerMachine::ends_in_quit(std::string_view unread) {
  if (!unread.ends_with('\n')) return false;
  unread.remove_suffix(1);
  const std::size_t before = unread.rfind('\n');
  const std::string_view line = before == std::string_view::npos ? unread : unread.substr(before + 1);
  return line.ends_with('\r') && parse_command(line.substr(0, line.size() - 1)).verb == Verb::quit;
}

}  // namespace sallyport::smtp
