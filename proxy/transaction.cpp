#include "proxy/transaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>

#include "base/faults.h"
#include "base/mail/replies.h"
#include "base/needed_memory.h"
#include "dns/sender_domain.h"
#include "proxy/authentication.h"
#include "proxy/mutants.h"
#include "proxy/recipient_verdict.h"
#include "proxy/treated_verdict.h"

namespace sallyport::proxy {
namespace {

constexpr auto kPatienceAfterDot = std::chrono::seconds(1);

mail::Reply spill_failure(const Error& error) {
  if (error.code == Errc::no_space) return mail::reply(mail::Refusal::no_space);
  return mail::reply(mail::Refusal::cannot_store);
}

}  // namespace

Transaction::Transaction(std::shared_ptr<const Settings> settings, Services& services,
                         const ClientView& client, std::string id, smtp::Mail mail)
    : settings_held_(std::move(settings)),
      settings_(*settings_held_),
      services_(services),
      client_(client),
      began_(services.clock.now()),
      held_(services.rates),
      headers_(std::numeric_limits<std::uint64_t>::max(), settings_.policy->hostname),
      forged_results_(settings_.policy->hostname),
      content_(settings_.temp_directory, services.files) {
  envelope_.id = std::move(id);
  envelope_.sender = std::move(mail.sender);
  envelope_.parameters = std::move(mail.parameters);
  if (faults::mutant("recipients-not-reset")) mutants::bring_back(client.session_id, envelope_, route_);
}

Transaction::~Transaction() {
  const NeededMemory needed;
  try {
    end({}, "abandoned", {});
    const bool unheard = delivered() && !confirmed_;
    if (unheard) tell_unconfirmed(delivery_->spared);  // then its memory is on disk
    const bool may_be_doubled = handing_over_ || unheard || is_ambiguous();
    if (may_be_doubled && !services_.events.all_written()) in_flight_.leave();
  } catch (const std::exception&) {  // no memory for an event: the next start says it
    in_flight_.leave();
  }
}

// What the next hop did counts, or may have done; else how the session came to its end.
void Transaction::end(const mail::Reply& reply, std::string_view otherwise, const smtp::Refusals& refused) {
  if (recorded_) return;
  if (may_be_taken()) tell_cut_off();
  record(reply, fate(otherwise), refused);
}

void Transaction::tell_cut_off() {
  held_.keep();
  store::Event event("ambiguous");
  event.text("id", envelope_.id)
      .text("route", route_->name)
      .text("detail", "broken off before the next hop answered");
  services_.events.write(event);
}

// -- content -------------------------------------------------------------------------------------------

std::optional<mail::Reply> Transaction::take(std::string_view content) {
  if (!content_began_) content_began_ = services_.clock.now();
  headers_.feed(content);
  if (auto refusal = header_refusal()) return refusal;
  if (client_.begin_inquiry) look_upstream(content);
  if (faults::mutant("truncated-header") && content_.size() == 0)
    content = mutants::without_first_line(content);
  keep(content);
  return std::nullopt;
}

// As soon as the header tells: the look-ups run while the content comes.
void Transaction::look_upstream(std::string_view content) {
  if (upstream_clients_.complete()) return;
  upstream_clients_.feed(content);
  if (upstream_clients_.complete()) inquire_upstream();
}

// Whom upstream took the message from. Its other machines, and itself (a filter beside it), are passed
// over; behind any other client, or a field that names none, stands what a stranger may have written.
void Transaction::inquire_upstream() {
  for (const auto& named : upstream_clients_.found()) {
    if (!named) return;
    if (policy::is_upstream(named->address, *settings_.policy) || named->address.is_loopback()) continue;
    if (dns::is_private(named->address)) return;
    upstream_inquiry_ = client_.begin_inquiry(named->address);
    if (!named->helo.empty()) upstream_inquiry_->said_helo(named->helo);
    upstream_inquiry_->said_mail(envelope_.sender);
    return;
  }
}

Inquiry* Transaction::inquiry() const {
  return client_.inquiry ? client_.inquiry.get() : upstream_inquiry_.get();
}

// Everything but the Authentication-Results that claim to be ours.
void Transaction::keep(std::string_view content) {
  if (forged_results_.past_header()) return content_.append(content);
  std::string kept;
  kept.reserve(content.size());
  forged_results_.feed(content, kept);
  content_.append(kept);
}

std::optional<mail::Reply> Transaction::header_refusal() const {
  if (!headers_.too_large() && !headers_.malformed()) return std::nullopt;
  const auto refusal =
      refused_by_any([this](const Treatment& one) { return refuses_header(one, headers_.octets()); });
  return refusal ? std::optional(refusal->reply) : std::nullopt;
}

// A header block of so many octets.
std::optional<policy::Refuse> Transaction::refuses_header(const Treatment& treatment,
                                                          std::uint64_t octets) const {
  const std::size_t most = treatment.limits.header_size;
  if (octets > most) return policy::refuse(mail::Refusal::header_too_large, fmt::format("{}", most));
  const bool enforced = treatment.malformed_header == Mode::enforce || headers_.continues_trace();
  if (!headers_.malformed() || !enforced) return std::nullopt;
  return policy::refuse(mail::Refusal::malformed_header, fmt::format("{}", headers_.malformed_line()));
}

io::Task<std::optional<mail::Reply>> Transaction::spill() {
  auto spilled = co_await content_.spill();
  if (spilled) co_return std::nullopt;
  services_.events.note("error", fmt::format("message {}: {}", envelope_.id, spilled.error().detail));
  co_return spill_failure(spilled.error());
}

// -- the end of data -----------------------------------------------------------------------------------

io::Task<mail::Reply> Transaction::finish(std::function<bool()> still_there) {
  ended_ = services_.clock.now();
  headers_.finish();
  std::string rest;
  forged_results_.finish(rest);
  content_.append(rest);
  watch_content(content_.size());
  if (const auto refusal = refuses_content()) {
    content_judged_ = mail::reason_of(*refusal);
    co_return *refusal;
  }
  // For what is written on top; what is not known by then stays unsaid.
  if (Inquiry* asked = inquiry()) {
    if (settings_.record_all) co_await asked->settle_all(policy::View::would_be);
    co_await asked->settle_all(policy::View::acting, services_.clock.now() + kPatienceAfterDot);
  }
  std::string trace = trace_header();
  TimePoint give_up = services_.clock.now() + settings_.timeouts.relay;
  const auto last_look = [this, &still_there] {
    if (!still_there()) return false;
    about_to_send_dot();
    return true;
  };
  envelope_.identity = client_.account->who_by_now(*settings_.policy);
  handing_over_ = true;
  const TimePoint handed = services_.clock.now();
  delivery_ = co_await services_.relay.deliver(route_, envelope_, trace, content_,
                                               settings_.policy->role_mailbox, give_up, last_look);
  handing_over_ = false;
  const NeededMemory needed;  // what was taken is told so, whatever is remembered of it
  relayed_ = services_.clock.now() - handed;
  if (delivered() || is_ambiguous()) held_.keep();
  if (delivered()) in_flight_.answered();
  if (delivered() && client_.inquiry) remember_client();
  if (delivered()) remember_correspondents();
  co_return delivery_->reply;
}

std::optional<mail::Reply> Transaction::refuses_content() {
  if (auto refusal = header_refusal()) return refusal;
  if (client_.begin_inquiry && !upstream_clients_.complete()) {
    upstream_clients_.finish();
    inquire_upstream();
  }
  const std::uint64_t octets = content_.size();
  if (auto refusal = refused_by_any([&](const Treatment& one) { return refuses_whole(one, octets); }))
    return refusal->reply;
  if (auto refusal = too_large_for(*route_, octets)) return refusal->reply;
  if (passed_) content_account_ = client_.account->take_content(octets, treatments_, held_);
  if (content_account_.refusal) return content_account_.refusal->reply;
  return std::nullopt;
}

std::optional<policy::Refuse> Transaction::refuses_whole(const Treatment& treatment,
                                                         std::uint64_t octets) const {
  if (auto loop = policy::judge_trace(headers_.received(), headers_.received_by_us(), *treatment.policy))
    return loop;
  return refuses_size(treatment.limits, octets);
}

// Mail to a role address alone says nothing of who sends it.
void Transaction::remember_client() {
  client_.inquiry->message_taken();
  if (passed_) client_.account->penalty().message_taken(common_penalty_rules());
  if (passed_ && !client_.inquiry->is_listed())
    services_.known_good.delivered(client_.facts.address, services_.clock.now());
}

// From here on a process that ends leaves a message whose fate nobody knows.
void Transaction::about_to_send_dot() {
  dot_sent_ = true;
  in_flight_ = services_.in_flight.enter(envelope_.id, envelope_.sender.address(), route_->name);
}

std::string Transaction::trace_header() const {
  mail::ReceivedFacts facts;
  facts.helo = client_.helo;
  facts.client = client_.facts.address;
  if (client_.inquiry) facts.reverse_name = client_.inquiry->reverse_name();
  facts.by = settings_.policy->hostname;
  facts.extended = client_.extended;
  facts.smtputf8 = envelope_.parameters.smtputf8;
  facts.authenticated = !client_.facts.authenticated.empty();
  facts.tls_version = client_.tls.version;
  facts.tls_cipher = client_.tls.cipher;
  facts.id = envelope_.id;
  // Never more than one: recipients must not learn of each other.
  if (envelope_.recipients.size() == 1) facts.recipient = envelope_.recipients.front().path.address();
  facts.when = services_.clock.wall();
  std::string fields;
  if (const Inquiry* found = inquiry())
    fields = authentication_fields(
        {found->evidence(), envelope_.sender, found->helo(), envelope_.parameters.smtputf8},
        *common_treatment().policy);
  return fields + mail::received_field(facts);
}

void Transaction::confirmed() {
  services_.relay.forget_earlier_tries(envelope_, *delivery_);
  settle();
}

void Transaction::settle() {
  confirmed_ = true;
  in_flight_.clear();
}

io::Task<> Transaction::remember_unconfirmed(bool arrived) {
  bool remembered = false;
  if (is_worth_remembering(arrived))
    remembered = co_await services_.relay.remember_unconfirmed(envelope_, content_, headers_.identified());
  if (!remembered) services_.relay.forget_earlier_tries(envelope_, *delivery_);
  tell_unconfirmed(remembered);
  if (!services_.events.all_written()) in_flight_.leave();
  settle();
}

// An equal message may be the retry, or a new alarm of fixed words. What was spared once and whose 250 has
// arrived is not remembered again: else a device that never says QUIT would lose every alarm but the first.
bool Transaction::is_worth_remembering(bool arrived) const {
  if (headers_.identified()) return !(delivery_->spared && arrived);
  return !arrived && !delivery_->spared;
}

void Transaction::tell_unconfirmed(bool remembered) {
  store::Event event("ack_unconfirmed");
  event.text("id", envelope_.id)
      .text("from", envelope_.sender.is_null() ? "<>" : envelope_.sender.address())
      .flag("remembered", remembered);
  services_.events.write(event);
}

}  // namespace sallyport::proxy
