// What the next hop's answers amount to, for one reply to the client.
#include <algorithm>
#include <utility>

#include "base/faults.h"
#include "base/mail/replies.h"
#include "proxy/relay/delivery.h"

namespace sallyport::relay {
namespace {

bool is_accepted(const Slot& slot) { return slot.accepted; }
bool is_delivered(const Slot& slot) { return slot.result && slot.result->positive(); }
bool is_rejected(const Slot& slot) { return slot.result && slot.result->permanent(); }
bool is_open(const Slot& slot) { return !slot.result; }

// The answer that stands for all: the first that did not take it.
const mail::Reply& worst(const std::vector<Slot>& slots) {
  const auto transient =
      std::ranges::find_if(slots, [](const Slot& slot) { return slot.result->transient(); });
  return *(transient == slots.end() ? slots.front() : *transient).result;
}

}  // namespace

// Nothing is sent to anyone while any recipient is refused. If all are, in one class, that is the answer.
Step Handover::judge_recipients() {
  const auto refused = std::ranges::find_if_not(slots_, is_accepted);
  if (refused == slots_.end()) return {};
  faults::crash_point("relay.refused");
  tell("refused_at_delivery", "<" + refused->recipient->path.address() + "> " + one_line(refused->reply));
  const bool some_accepted = std::ranges::any_of(slots_, is_accepted) || some_delivered_before();
  const bool one_class = std::ranges::all_of(
      slots_, [&](const Slot& slot) { return slot.reply.permanent() == refused->reply.permanent(); });
  if (!some_accepted && one_class) return stop(refused->reply, Asked::recipient);
  for (const auto& slot : slots_) {
    if (slot.accepted || (slot.reply.transient() && !some_accepted)) continue;
    parts_.recipients.refused(message_.envelope, slot.recipient->path,
                              passed_on(slot.reply, Asked::recipient));
  }
  return stop(Fate::deferred, mail::reply(mail::Refusal::recipient_refused_late), one_line(refused->reply));
}

io::Task<> Handover::judge_results() {
  faults::crash_point("relay.answered");
  if (std::ranges::all_of(slots_, is_delivered)) co_return all_delivered();
  const bool any_open = std::ranges::any_of(slots_, is_open);
  const bool any_delivered = std::ranges::any_of(slots_, is_delivered);
  if (any_open) {
    end(Fate::ambiguous, way_reply(Way::lost), "no answer to the final dot");
    co_await report_ambiguous(is_open);
  } else if (any_delivered) {
    end(Fate::deferred, mail::reply(mail::Refusal::delivered_in_part), "");
  } else if (const auto& reply = worst(slots_); some_delivered_before() && reply.transient()) {
    end(Fate::deferred, mail::reply(mail::Refusal::delivered_in_part), one_line(reply));
  } else {
    auto passed = passed_on(reply, Asked::content);
    if (passed.permanent()) {
      refuse(std::move(passed), one_line(reply));
    } else {
      end(Fate::deferred, std::move(passed), one_line(reply));
    }
  }
  if (any_delivered) co_await split();
}

void Handover::all_delivered() {
  const auto& reply = *slots_.front().result;
  end(Fate::delivered, passed_on(reply, Asked::content), one_line(reply));
  faults::crash_point("relay.delivered");
  if (route_.recipients != RecipientCheck::ask) return;
  for (const auto& slot : slots_) {
    if (!slot.redirected) parts_.recipients.found(route_, slot.recipient->path);
  }
}

// Some have it, others do not: what was delivered is on disk before the 451 is given, or the log says that
// a retry may bring a second copy.
io::Task<> Handover::split() {
  faults::crash_point("relay.before-split");
  std::vector<mail::Path> have;
  for (const auto& slot : slots_) {
    if (is_delivered(slot)) have.push_back(slot.recipient->path);
    if (is_rejected(slot)) part(*slot.recipient);
    if (!is_delivered(slot) && slot.result) delivery_.next_hop_reply = one_line(*slot.result);
  }
  tell("split_delivery", std::to_string(have.size()) + " of " + std::to_string(slots_.size()) +
                             " recipients have it; " + delivery_.next_hop_reply);
  const auto* digest = co_await this->digest();
  const bool on_disk =
      digest && (co_await parts_.delivered.remember(message_.envelope.sender, have, *digest)).has_value();
  // What is in memory alone spares the retry, unless we are restarted first: that copy is explained here.
  if (!on_disk) co_await report_ambiguous(is_delivered);
  faults::crash_point("relay.split");
}

}  // namespace sallyport::relay
