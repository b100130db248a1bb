// A session before its first command: PROXY header, limits, implicit TLS, greeting.
#include <fmt/format.h>

#include <span>

#include "base/mail/replies.h"
#include "policy/recipient.h"
#include "proxy/end_words.h"
#include "proxy/proxy_header.h"
#include "proxy/session.h"

namespace sallyport::proxy {
namespace {

bool looks_for_early_talkers(const Treatment& settings) {
  return settings.policy->checks.mode(mail::Check::early_talker) != Mode::off;
}

mail::Refusal refusal_of(SessionLimits::Verdict verdict) {
  return verdict == SessionLimits::Verdict::too_fast ? mail::Refusal::too_many_new_sessions
                                                     : mail::Refusal::too_many_sessions;
}

}  // namespace

io::Task<bool> Session::read_proxy_header() {
  if (!policy::contains(listener_->proxy_protocol, peer_.address)) co_return true;
  ProxyHeader header;
  TimePoint deadline = services_.clock.now() + settings_->timeouts.proxy_header;
  while (true) {
    // What follows the header belongs to the handshake, not to us.
    bool exact = listener_->tls == ListenerTls::implicit;
    auto bytes = co_await stream_->read(deadline, exact ? header.missing() : io::Stream::kScratch);
    if (!bytes) {
      end_ = bytes.error().code == Errc::timeout ? "no PROXY header in time" : end_word(bytes.error().code);
      co_return false;
    }
    input_ = *bytes;
    auto state = header.feed(input_);
    keep_input();
    if (state == ProxyHeader::State::done) break;
    if (state == ProxyHeader::State::broken) {
      heard_ = true;
      end_ = "broken PROXY header";
      co_return false;
    }
  }
  heard_ = !input_.empty();
  if (header.has_client()) {
    peer_ = header.client();
    ours_ = header.destination().address;
  }
  client_.facts.address = peer_.address;
  co_return true;
}

io::Task<bool> Session::admit() {
  bool exempt = policy::is_trusted(peer_.address, *settings_->policy) ||
                policy::is_upstream(peer_.address, *settings_->policy);
  watch_admission(exempt);
  auto verdict = services_.limits.admit(peer_.address, exempt, treatment_->limits, services_.clock.now());
  const bool admitted = verdict == SessionLimits::Verdict::admitted;
  if (admitted) {
    admission_ = Admission(services_.limits, peer_.address);
    rate_ = account_.connected(*treatment_);
    if (!rate_.refusal) co_return true;
  }
  const bool too_fast = verdict == SessionLimits::Verdict::too_fast;
  const char* const word = admitted   ? "connection rate"
                           : too_fast ? "too many new sessions"
                                      : "too many sessions";
  end_ = word;
  judged_ = mail::text_of(admitted ? rate_.refusal->why : refusal_of(verdict)).name;
  const auto unlogged = services_.limits.log_refusal(services_.clock.now());
  refused_ = unlogged.has_value();
  unlisted_ = !refused_;
  unlogged_ = unlogged.value_or(0);
  // Under implicit TLS there is nobody to talk to before a handshake, and a flood is not worth one.
  if (listener_->tls == ListenerTls::implicit) co_return false;
  co_await turn_away(admitted ? rate_.refusal->reply
                              : mail::reply(refusal_of(verdict), peer_.address.address_literal()));
  end_ = word;
  co_return false;
}

void Session::watch_admission(bool exempt) {
  if (watched_ == treatment_) return;
  const auto verdict =
      services_.limits.look(peer_.address, exempt, watched_->limits, services_.clock.now());
  if (verdict != SessionLimits::Verdict::admitted)
    would_be_ = mail::text_of(refusal_of(verdict)).name;
  else if (const auto refusal = account_.watch_connection({*watched_, std::span(&treatment_, 1)}))
    would_be_ = mail::text_of(refusal->why).name;
}

// In place of the greeting, and of everything else.
io::Task<> Session::turn_away(mail::Reply reply) {
  smtp::ServerOptions options;
  options.hostname = settings_->policy->hostname;
  machine_ = std::make_unique<smtp::ServerMachine>(std::move(options), id_);
  machine_->greet(reply);
  (void)co_await flush();
}

io::Task<> Session::inquire() {
  client_.spared = spared_ = spared(*listener_, peer_.address, ours_, *settings_->policy);
  if (spared_ != Spared::nobody && spared_ != Spared::upstream) co_return;
  auto begin_inquiry = [this, core = co_await io::this_executor()](const IpAddress& client) {
    const InquiryServices services{services_.clock, services_.tasks, services_.resolver, lists_,
                                   &services_.facts};
    auto inquiry =
        std::make_shared<Inquiry>(InquiryClient{client, ours_, treatment_}, settings_, services, core);
    inquiry->connected();
    return inquiry;
  };
  if (spared_ == Spared::upstream)
    client_.begin_inquiry = begin_inquiry;
  else
    client_.inquiry = begin_inquiry(peer_.address);
}

io::Task<bool> Session::begin_tls() {
  if (listener_->tls != ListenerTls::implicit) co_return true;
  TimePoint deadline = services_.clock.now() + settings_->timeouts.tls_handshake;
  auto done = co_await stream_->start_tls(settings_->tls, deadline);
  if (!done) {
    end_ = end_word(done.error().code);
    heard_ = done.error().code == Errc::tls;
  }
  co_return done.has_value();
}

// A stranger is greeted a little later: whoever talks first is no mail server. Under implicit TLS the
// client has to talk first.
io::Task<bool> Session::wait_before_greeting() {
  const Duration wait = treatment_->early_talkers.wait;
  const bool waits = client_.inquiry && looks_for_early_talkers(*treatment_) &&
                     listener_->tls != ListenerTls::implicit &&
                     !services_.known_good.knows(peer_.address, services_.clock.now());
  if (!waits || wait == Duration::zero() || has_unread()) co_return true;
  const TimePoint began = services_.clock.now();
  auto bytes = co_await stream_->read(began + wait);
  waited_ = services_.clock.now() - began;
  if (!bytes && bytes.error().code != Errc::timeout) {
    end_ = end_word(bytes.error().code);
    co_return false;
  }
  if (bytes) {
    input_ = *bytes;
    keep_input();
    heard_ = true;
  }
  co_return true;
}

void Session::greet() {
  machine_ = std::make_unique<smtp::ServerMachine>(machine_options(), id_);
  if (listener_->tls == ListenerTls::implicit) machine_->set_tls_from_start();
  refresh_client();
  const bool acts = looks_for_early_talkers(*treatment_);
  early_talker_ = (acts || looks_for_early_talkers(*watched_)) && has_unread();
  if (client_.inquiry && acts) client_.inquiry->greeted(early_talker_, waited_);
  if (early_talker_ && acts)
    account_.penalty().charge(policy::Offence::early_talk,
                              {treatment_->limits.penalty, watched_->limits.penalty});
  const bool refusable = early_talker_ && spared_ == Spared::nobody;
  const char* const name = mail::text_of(mail::Refusal::talked_early).name;
  if (refusable && watched_->early_talkers.turned_away && would_be_ == "accept") would_be_ = name;
  if (refusable && treatment_->early_talkers.turned_away) {
    judged_ = name;
    input_ = {};
    machine_->greet(mail::reply(mail::Refusal::talked_early));
  } else {
    machine_->greet();
  }
}

smtp::ServerOptions Session::machine_options() const {
  const Limits& limits = treatment_->limits;
  auto offers = services_.relay.offers(settings_->all_routes());
  bool lenient = policy::contains(settings_->lenient_networks, peer_.address);

  smtp::ServerOptions options;
  options.hostname = settings_->policy->hostname;
  options.starttls = listener_->tls == ListenerTls::starttls && settings_->tls != nullptr;
  options.tls_required = listener_->tls_required;
  options.auth_required = listener_->auth_required;
  options.auth_offered = listener_->auth_required && !settings_->users_file.empty();
  options.smtputf8 = offers.smtputf8;
  options.dsn = offers.dsn;
  options.lenient = lenient;
  options.normalize_line_ends = lenient;
  options.message_size = settings_->most_octets();
  options.line_length = limits.line_length;
  options.command_line = limits.command_line;
  options.recipients = settings_->most_recipients();
  options.errors = limits.errors;
  options.junk_commands = limits.junk_commands;
  return options;
}

void Session::refresh_client() {
  client_.helo = machine_->helo();
  client_.extended = machine_->extended();
  client_.tls = stream_->tls();
  client_.facts.authenticated = machine_->authenticated();
  client_.facts.certificate_fingerprint = client_.tls.peer_fingerprint;
  client_.facts.certificate_name = client_.tls.peer_name;
}

}  // namespace sallyport::proxy
