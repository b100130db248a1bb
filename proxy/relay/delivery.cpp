#include "proxy/relay/delivery.h"

#include <set>
#include <utility>

#include "base/faults.h"
#include "base/mail/replies.h"
#include "base/text.h"
#include "proxy/relay/order.h"

namespace sallyport::relay {
namespace {

bool is_eight_bit(std::string_view content) { return !is_ascii(content); }

std::string list(const std::vector<Slot>& slots, bool (*wanted)(const Slot&)) {
  constexpr std::size_t kMaxListed = 1000;
  std::string text;
  for (const auto& slot : slots) {
    if (!wanted(slot)) continue;
    if (text.size() > kMaxListed) return text + " ...";
    text += (text.empty() ? "<" : " <") + slot.recipient->path.address() + ">";
  }
  return text;
}

bool is_open(const Slot& slot) { return !slot.result; }

}  // namespace

Handover::Handover(Parts parts, const Route& route, const Message& message, std::string role_mailbox,
                   TimePoint give_up, const std::function<bool()>& still_there)
    : parts_(parts),
      route_(route),
      message_(message),
      role_mailbox_(std::move(role_mailbox)),
      still_there_(still_there),
      patience_{parts.environment.clock(), route.command_timeout, route.data_timeout, give_up} {}

io::Task<Delivery> Handover::run() {
  if (co_await settle_without_next_hop()) co_return std::move(delivery_);
  WayFault last{Way::unreachable, "the route has no host", nullptr};
  std::optional<Delivery> not_now;
  for (const auto& host : route_.hosts) {
    auto attempt = co_await try_host(host);
    if (attempt) co_return std::move(*attempt);
    last = std::move(attempt.error());
    if (last.answer) {
      end(Fate::deferred, std::move(*last.answer), last.detail);
      not_now = delivery_;
    }
    if (patience_.over()) break;
  }
  // What a host said itself tells the client more than that another one was down.
  if (not_now) co_return std::move(*not_now);
  end(Fate::deferred, way_reply(last.way), last.detail);
  co_return std::move(delivery_);
}

io::Task<bool> Handover::settle_without_next_hop() {
  if (!route_.eight_bit && co_await holds_eight_bit()) {
    end(Fate::refused, mail::reply(mail::Refusal::eight_bit), "");
    co_return true;
  }
  co_await choose_pending();
  if (!pending_.empty()) co_return false;
  faults::crash_point("relay.spared");
  end(Fate::delivered, mail::reply(mail::Answer::delivered_earlier), "");
  delivery_.spared = true;
  co_return true;
}

io::Task<bool> Handover::holds_eight_bit() const {
  if (is_eight_bit(message_.trace)) co_return true;
  for (std::uint64_t offset = 0; offset < message_.content.size();) {
    const auto piece = co_await message_.content.piece(offset);
    if (!piece) co_return false;  // it will fail again, and be answered, where it is sent
    if (is_eight_bit(*piece)) co_return true;
    offset += piece->size();
  }
  co_return false;
}

// Each recipient once, without those that an earlier try delivered to.
io::Task<> Handover::choose_pending() {
  const auto& sender = message_.envelope.sender;
  std::set<std::string> seen;
  for (const auto& recipient : message_.envelope.recipients) {
    if (!seen.insert(recipient.path.address()).second) continue;
    if (parts_.delivered.may_know(sender, recipient.path)) {
      const auto* digest = co_await this->digest();
      if (digest && parts_.delivered.knows(sender, recipient.path, *digest)) {
        delivery_.earlier_digest = *digest;
        continue;
      }
    }
    pending_.push_back(&recipient);
  }
}

io::Task<const std::string*> Handover::digest() {
  if (digest_.empty()) {
    auto digest = co_await digest_of(message_.content);
    if (!digest) co_return nullptr;
    digest_ = std::move(*digest);
  }
  co_return &digest_;
}

io::Task<Handover::Attempt> Handover::try_host(const Host& host) {
  auto order = order_for(route_, host, *parts_.environment.ourselves());
  for (;;) {
    auto hop = co_await parts_.pool.borrow(order, patience_.give_up);
    if (!hop) co_return std::unexpected(std::move(hop.error()));
    faults::crash_point("relay.borrowed");
    // A connection that was idle may have died unseen: that says nothing about the host.
    const bool again = ((*hop)->reused() || faults::mutant("retry-after-dot")) && !order.fresh;
    const auto state = (*hop)->host();
    auto attempt = co_await use(std::move(*hop));
    if (!attempt && again && !attempt.error().answer) {
      faults::crash_point("relay.before-another");
      order.fresh = true;
      continue;
    }
    if (!attempt) parts_.environment.tell_fault(*state, route_.name, attempt.error());
    co_return attempt;
  }
}

std::vector<Slot> Handover::fresh_slots() const {
  std::vector<Slot> slots;
  for (const auto* recipient : pending_) {
    slots.push_back(
        {.recipient = recipient, .address = recipient->path.address(), .reply = {}, .result = {}});
  }
  return slots;
}

io::Task<Handover::Attempt> Handover::use(std::unique_ptr<Connection> hop) {
  delivery_.host = hop->host()->name();
  delivery_.tls = hop->encrypted();
  slots_ = fresh_slots();
  Exchange exchange(*hop, message_, slots_, patience_);
  if (auto done = co_await hand_over(exchange); !done) {
    co_return co_await finish(exchange, std::move(hop), std::move(done.error()));
  }
  if (co_await exchange.collect_results()) {
    co_await parts_.pool.hand_back(std::move(hop), route_.idle_timeout);
    faults::crash_point("relay.handed-back");
  }
  hop.reset();
  if (faults::mutant("retry-after-dot") && std::ranges::any_of(slots_, is_open))
    co_return std::unexpected(WayFault{Way::lost, "mutant", nullptr});
  co_await judge_results();
  co_return std::move(delivery_);
}

io::Task<Step> Handover::hand_over(Exchange& exchange) {
  if (auto done = co_await exchange.address(role_mailbox_); !done) co_return done;
  if (auto done = judge_recipients(); !done) co_return done;
  if (auto done = co_await exchange.begin_content(); !done) co_return done;
  co_return co_await exchange.send_content(still_there_);
}

io::Task<Handover::Attempt> Handover::finish(Exchange& exchange, std::unique_ptr<Connection> hop,
                                             Stop stop) {
  if (stop.fault && !stop.fault->answer) co_return std::unexpected(std::move(*stop.fault));
  if (stop.fate == Fate::refused) {
    refuse(std::move(stop.reply), std::move(stop.words));
  } else if (!stop.fault) {
    end(stop.fate, std::move(stop.reply), std::move(stop.words));
  }
  if (co_await exchange.reset()) {
    co_await parts_.pool.hand_back(std::move(hop), route_.idle_timeout);
  }
  if (stop.fault) co_return std::unexpected(std::move(*stop.fault));
  if (delivery_.fate == Fate::ambiguous) co_await report_ambiguous(is_open);
  co_return std::move(delivery_);
}

void Handover::end(Fate fate, mail::Reply reply, std::string words) {
  delivery_.fate = fate;
  delivery_.reply = std::move(reply);
  delivery_.next_hop_reply = printable(words);
}

// 5xx for all that were tried. Where others have the message from an earlier try it cannot be said: it
// would tell the sender that they do not.
void Handover::refuse(mail::Reply reply, std::string words) {
  if (!some_delivered_before()) return end(Fate::refused, std::move(reply), std::move(words));
  for (const auto* recipient : pending_) part(*recipient);
  end(Fate::deferred, mail::reply(mail::Refusal::delivered_in_part), std::move(words));
}

// The next try is to come without this recipient, so that each part gets an honest answer.
void Handover::part(const Recipient& recipient) {
  parts_.recipients.refused(message_.envelope, recipient.path, mail::reply(mail::Refusal::on_its_own));
}

void Handover::tell(const char* kind, std::string detail) const {
  parts_.environment.tell({kind, route_.name, delivery_.host, std::move(detail), message_.envelope.id});
}

io::Task<> Handover::report_ambiguous(bool (*concerned)(const Slot&)) {
  faults::crash_point("relay.before-ambiguous");
  const auto* digest = co_await this->digest();
  tell("ambiguous",
       "message " + (digest ? *digest : std::string("(unreadable)")) + " for " + list(slots_, concerned));
  faults::crash_point("relay.ambiguous");
}

}  // namespace sallyport::relay
