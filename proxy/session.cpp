#include "proxy/session.h"

#include "base/faults.h"
#include "base/id.h"
#include "base/mail/replies.h"
#include "base/needed_memory.h"
#include "proxy/end_words.h"
#include "proxy/session_registry.h"
#include "proxy/treatment.h"
#include "proxy/users.h"

namespace sallyport::proxy {

io::Task<> Session::serve(std::unique_ptr<io::Stream> stream, std::shared_ptr<const Settings> settings,
                          const ListenerSettings* listener, std::shared_ptr<dns::ListWatch> lists,
                          Services& services, SessionRegistry& registry) {
  Session session(std::move(stream), std::move(settings), *listener, std::move(lists), services);
  auto entry = registry.enter(session);
  std::string broken;
  try {
    co_await session.run();
  } catch (const std::exception& error) {
    const NeededMemory needed;
    broken = error.what();
  }
  if (!broken.empty()) co_await session.break_off(broken);
  co_await session.end();
}

Session::Session(std::unique_ptr<io::Stream> stream, std::shared_ptr<const Settings> settings,
                 const ListenerSettings& listener, std::shared_ptr<dns::ListWatch> lists,
                 Services& services)
    : stream_(std::move(stream)),
      settings_(std::move(settings)),
      listener_(&listener),
      lists_(std::move(lists)),
      services_(services),
      id_(new_id(services.clock)),
      began_(services.clock.now()),
      peer_(stream_->peer()),
      ours_(stream_->local().address),
      budget_(settings_->timeouts, began_),
      account_(services.rates, services.penalties, services.clock, client_) {
  client_.facts.address = peer_.address;
  client_.session_id = id_;
  client_.listener = listener_->name;
  client_.account = &account_;
}

// A session whose task is destroyed has not come to its own end: the gateway went down over it.
Session::~Session() {
  if (recorded_) return;
  const NeededMemory needed;
  end_transaction({}, "abandoned");
  end_ = "shutdown";
  record();
}

io::Task<> Session::run() {
  faults::crash_point("session.accepted");
  if (!co_await read_proxy_header()) co_return;
  Treated treated = treated_at_connect(*settings_, peer_.address, listener_->name);
  treatment_ = std::move(treated.acting);
  watched_ = std::move(treated.would_be);
  if (!co_await admit()) co_return;
  co_await inquire();
  if (!co_await begin_tls() || !co_await wait_before_greeting()) co_return;
  greet();
  faults::crash_point("session.before-greeting");
  co_await converse();
}

// -- the dialogue --------------------------------------------------------------------------------------

io::Task<> Session::converse() {
  bool open = true;
  while (open) {
    smtp::Event event = machine_->next(input_);
    if (std::get_if<smtp::NeedInput>(&event))
      open = co_await more_input();
    else if (auto* content = std::get_if<smtp::Body>(&event))
      co_await on_content(content->bytes);
    else if (auto* recipient = std::get_if<smtp::Rcpt>(&event))
      co_await on_recipient(std::move(*recipient));
    else if (auto* mail = std::get_if<smtp::Mail>(&event))
      on_mail(std::move(*mail));
    else if (auto* helo = std::get_if<smtp::Helo>(&event))
      on_helo(*helo);
    else if (std::get_if<smtp::DataBegins>(&event))
      co_await on_data();
    else if (std::get_if<smtp::MessageEnds>(&event))
      open = co_await on_message();
    else if (auto* dropped = std::get_if<smtp::MessageDropped>(&event))
      on_dropped(*dropped);
    else if (std::get_if<smtp::TransactionReset>(&event))
      on_reset();
    else if (std::get_if<smtp::StartTls>(&event))
      open = co_await on_start_tls();
    else if (auto* auth = std::get_if<smtp::Auth>(&event))
      co_await on_auth(std::move(*auth));
    else
      open = co_await on_close(std::get<smtp::Close>(event));
  }
}

io::Task<bool> Session::on_close(smtp::Close close) {
  const bool is_told = end_ != kNotTold;  // by whoever had it answered so
  if (close.why != smtp::Close::Why::answered || !is_told) end_ = end_word(close.why);
  said_quit_ = co_await flush() && close.why == smtp::Close::Why::quit;
  co_return false;
}

io::Task<bool> Session::more_input() {
  bool replied = !machine_->output().empty();
  if (replied && !co_await flush()) co_return false;
  if (!input_.empty()) co_return true;
  if (draining_ && idle()) {
    input_ended(fail(Errc::stopped));
    co_return true;
  }
  if (replied || machine_->waiting() != budget_.stage()) budget_.begin(machine_->waiting());
  co_return co_await receive();
}

void Session::on_helo(const smtp::Helo& command) {
  faults::crash_point("session.ehlo");
  bool unread = has_unread();
  machine_->answer({250, {}, {}}, unread);
  // What it ends is recorded with what was known of the client then.
  if (transaction_ && !machine_->in_transaction()) end_transaction({}, "reset");
  refresh_client();
  if (client_.inquiry) client_.inquiry->said_helo(client_.helo);
}

void Session::on_mail(smtp::Mail command) {
  faults::crash_point("session.mail");
  const auto& away = account_.sent_away();
  machine_->answer(away ? away->reply : mail::reply(mail::Answer::sender_ok), !input_.empty());
  if (!machine_->in_transaction()) return;
  refresh_client();
  take_new_lists();
  if (client_.inquiry) client_.inquiry->said_mail(command.sender);
  ++transactions_;
  transaction_ =
      std::make_unique<Transaction>(settings_, services_, client_, machine_->id(), std::move(command));
}

// Of the same configuration: all else stays as it was when the session began, such as what was offered,
// which DNS lists were asked, and by which generic names the client was looked at.
void Session::take_new_lists() {
  auto now = services_.settings_in_use();
  if (now == settings_ || now->document != settings_->document) return;
  listener_ = now->listeners.data() + (listener_ - settings_->listeners.data());
  Treated treated = treated_at_connect(*now, peer_.address, listener_->name);
  treatment_ = std::move(treated.acting);
  watched_ = std::move(treated.would_be);
  settings_ = std::move(now);
}

io::Task<> Session::on_recipient(smtp::Rcpt command) {
  keep_input();
  faults::crash_point("session.rcpt");
  mail::Reply reply = co_await transaction_->add_recipient(std::move(command));
  co_await account_.penalty().keep_waiting();
  faults::crash_point("session.rcpt-judged");
  machine_->answer(reply, !input_.empty());
}

io::Task<> Session::on_data() {
  keep_input();
  faults::crash_point("session.data");
  if (const auto refusal = co_await transaction_->begin_content()) {
    machine_->answer(*refusal, has_unread());
    co_return;
  }
  machine_->answer({354, {}, {}}, has_unread());
}

io::Task<> Session::on_content(std::string_view content) {
  faults::crash_point("session.content");
  auto refusal = transaction_->take(content);
  if (!refusal && transaction_->wants_spill()) {
    keep_input();
    faults::crash_point("session.before-spill");
    refusal = co_await transaction_->spill();
    faults::crash_point("session.spilled");
  }
  if (refusal) machine_->discard(*refusal);
}

io::Task<bool> Session::on_message() {
  faults::crash_point("session.message");
  keep_input();
  mail::Reply reply = co_await transaction_->finish([this] { return client_is_there(); });
  faults::crash_point("session.judged");
  answer_message(reply);
  faults::crash_point("session.recorded");
  bool flushed = co_await flush();
  faults::crash_point("session.replied");
  co_return co_await confirm(flushed);
}

void Session::answer_message(const mail::Reply& reply) {
  const NeededMemory needed;  // a 250 that is not given makes a second copy
  machine_->answer(reply);
  ++messages_;
  transaction_->end(reply, fate_of(reply), machine_->take_refusals_of_transaction());
}

void Session::on_dropped(const smtp::MessageDropped& dropped) {
  if (transaction_ && dropped.octets) transaction_->refused_unseen(dropped.reply, *dropped.octets);
  end_transaction(dropped.reply, dropped.reply.code == 0 ? "abandoned" : fate_of(dropped.reply));
}

void Session::on_reset() {
  end_transaction({}, "reset");
  faults::crash_point("session.reset");
}

io::Task<bool> Session::on_start_tls() {
  if (!co_await flush()) co_return false;
  TimePoint deadline = services_.clock.now() + settings_->timeouts.tls_handshake;
  auto done = co_await stream_->start_tls(settings_->tls, deadline);
  if (!done) {
    end_ = end_word(done.error().code);
    co_return false;
  }
  faults::crash_point("session.tls");
  machine_->tls_established();
  refresh_client();
  co_return true;
}

io::Task<> Session::on_auth(smtp::Auth command) {
  keep_input();
  bool unread = has_unread();
  const std::string user = command.user;
  mail::Reply reply = co_await check_password(settings_->users_file, std::move(command.user),
                                              std::move(command.password), services_.passwords);
  if (!reply.positive()) login_failed(user, reply);
  machine_->answer(reply, unread);
  refresh_client();
}

// For whoever bans addresses by the log.
void Session::login_failed(std::string_view user, const mail::Reply& reply) {
  store::Event event("login_failed");
  event.text("id", id_).text("listener", listener_->name).text("client", peer_.address.to_string());
  event.text("user", user).number("code", reply.code);
  services_.events.write(event);
}

bool Session::idle() const {
  return !machine_->in_transaction() && machine_->waiting() == smtp::Waiting::command;
}

void Session::drain() {
  draining_ = true;
  account_.penalty().hurry();
  if (reading_ && machine_ && idle()) stream_->interrupt();
}

}  // namespace sallyport::proxy
