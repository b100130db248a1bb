// How a session ends, and how it is known whether the answer to its last message was heard.
#include "base/faults.h"
#include "base/mail/replies.h"
#include "proxy/evidence_event.h"
#include "proxy/refusal_event.h"
#include "proxy/session.h"

namespace sallyport::proxy {

// Exhausted memory, or a bug: the client hears that it may try again, and the log hears why.
io::Task<> Session::break_off(std::string why) {
  services_.events.note("error", "session " + id_ + " broke off: " + why);
  end_ = "internal error";
  if (!machine_) co_return;
  machine_->end_session(mail::reply(mail::Refusal::internal_error));
  (void)co_await flush();
}

io::Task<> Session::end() {
  faults::crash_point("session.before-end");
  end_transaction({}, "abandoned");
  if (client_.inquiry && settings_->record_all)
    co_await client_.inquiry->settle_all(policy::View::would_be);
  if (client_.inquiry) client_.inquiry->stop();
  if (treatment_) account_.penalty().book({treatment_->limits.penalty, watched_->limits.penalty});
  record();
  faults::crash_point("session.ended");
  if (may_hang_up()) {
    stream_->hang_up();
    co_return;
  }
  const io::Farewell farewell = co_await stream_->close();
  if (!unconfirmed_) co_return;
  if (farewell.spoke)
    heard_us();
  else
    co_await not_confirmed(farewell.acknowledged);
}

// Whoever said QUIT says nothing more, and waits for nothing but our 221. Under TLS it still waits for our
// close_notify.
bool Session::may_hang_up() const {
  return said_quit_ && input_.empty() && !unconfirmed_ && stream_->tls().version.empty();
}

// After the answer to a message went out: was it heard? Only what the client says next can tell; that its
// kernel has acknowledged the answer does not mean that anybody has read it.
io::Task<bool> Session::confirm(bool flushed) {
  if (!transaction_->delivered()) {
    transaction_.reset();
    co_return flushed;
  }
  if (unconfirmed_) co_await not_confirmed(true);  // an earlier one, still open
  unconfirmed_ = std::move(transaction_);
  if (!flushed) co_await not_confirmed(false);
  co_return flushed;
}

void Session::heard_us() {
  unconfirmed_->confirmed();
  unconfirmed_.reset();
}

io::Task<> Session::not_confirmed(bool arrived) {
  faults::crash_point("session.before-remembering");
  co_await unconfirmed_->remember_unconfirmed(arrived);
  faults::crash_point("session.remembered");
  unconfirmed_.reset();
}

void Session::end_transaction(const mail::Reply& reply, std::string_view fate) {
  if (transaction_) transaction_->end(reply, fate, machine_->take_refusals_of_transaction());
  transaction_.reset();
}

// A probe that only connects leaves no line, if it was told nothing either.
void Session::record() {
  recorded_ = true;
  const bool has_refused = machine_ && machine_->refusals().count() > 0;
  if (unlisted_ || (!heard_ && !refused_ && !has_refused)) return;
  store::Event event("session");
  event.text("id", id_).text("listener", listener_->name).text("client", peer_.address.to_string());
  if (machine_) {
    event.text("helo", machine_->helo()).text("user", machine_->authenticated());
    event.number("commands", machine_->commands()).number("errors", machine_->errors());
  }
  event.text("tls", stream_->tls().version).text("cipher", stream_->tls().cipher);
  if (early_talker_) event.flag("early_talker", true);
  event.text("spared", to_string(spared_));
  record_account(event, rate_);
  const bool watches = watched_ && watched_ != treatment_;
  event.text("would_be_at_connect", watches && would_be_ != judged_ ? would_be_ : rate_.would_be);
  if (treatment_) {
    record_rules(event, "rule_texts", treatment_->matched);
    record_rules(event, "observed_rule_texts", observed_rules({treatment_, watched_, {}}));
  }
  if (unlogged_ > 0) event.number("not_logged", unlogged_);
  if (machine_) record_refusals(event, machine_->refusals());
  event.number("transactions", transactions_).number("messages", messages_).text("end", end_);
  // Of a session with mail, each message's event says it.
  if (client_.inquiry && transactions_ == 0)
    record_evidence(event, client_.inquiry->evidence(policy::View::would_be), client_.inquiry->checks());
  if (waited_ > Duration::zero()) event.milliseconds("ms_greeting", waited_);
  event.milliseconds("ms", services_.clock.now() - began_);
  services_.events.write(event);
}

}  // namespace sallyport::proxy
