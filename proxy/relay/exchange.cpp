#include "proxy/relay/exchange.h"

#include <utility>

#include "base/faults.h"
#include "base/mail/replies.h"
#include "base/text.h"
#include "proxy/relay/command.h"

namespace sallyport::relay {
namespace {

// The client waits meanwhile: a next hop that is slower is not worth keeping.
constexpr auto kResetTime = std::chrono::seconds(2);

WayFault way_refused(const char* at, const mail::Reply& reply) {
  return {Way::refusing, at + one_line(reply), "way_refused"};
}

// Not now, not here: another host of the route may have the room, or the extension, that this one lacks.
WayFault not_here(mail::Reply answer, std::string words) {
  return {Way::refusing, std::move(words), nullptr, std::move(answer)};
}

// Neither yes nor no: the next hop and we no longer speak of the same thing.
WayFault out_of_step(const char* at, const mail::Reply& reply) {
  return {Way::lost, std::string("out of step, ") + at + one_line(reply), "way_refused"};
}

bool refuses(const mail::Reply& reply) { return reply.transient() || reply.permanent(); }

// What a reply says of the way, if it is no answer to the command.
std::optional<WayFault> fault_in(const char* at, const mail::Reply& reply) {
  if (is_closing(reply)) return WayFault{Way::refusing, at + one_line(reply), nullptr};
  if (refuses_us(reply)) return way_refused(at, reply);
  if (!reply.positive() && !refuses(reply)) return out_of_step(at, reply);
  return std::nullopt;
}

}  // namespace

std::unexpected<Stop> stop(WayFault fault) {
  return std::unexpected(Stop{.fault = std::move(fault), .fate = Fate::deferred, .reply = {}, .words = {}});
}

std::unexpected<Stop> stop(Fate fate, mail::Reply reply, std::string words) {
  return std::unexpected(
      Stop{.fault = {}, .fate = fate, .reply = std::move(reply), .words = std::move(words)});
}

std::unexpected<Stop> stop(const mail::Reply& reply, Asked asked) {
  auto passed = passed_on(reply, asked);
  const auto fate = passed.permanent() ? Fate::refused : Fate::deferred;
  return stop(fate, std::move(passed), one_line(reply));
}

bool Exchange::data_rides_along() const {
  const auto& hop = hop_.capabilities();
  return hop.pipelining && !hop.chunking && slots_.size() == 1 && !slots_.front().recipient->role;
}

bool Exchange::needs_smtputf8() const {
  const auto& envelope = message_.envelope;
  return envelope.parameters.smtputf8 || envelope.sender.internationalised ||
         std::ranges::any_of(slots_,
                             [](const Slot& slot) { return slot.recipient->path.internationalised; });
}

Result<std::vector<std::string>> Exchange::commands() const {
  std::vector<std::string> lines;
  lines.reserve(slots_.size() + 2);  // MAIL, and DATA perhaps
  const auto& envelope = message_.envelope;
  auto mail = mail_command(envelope.sender, envelope.parameters, message_.size(), hop_.capabilities());
  if (!mail) return mail.error();
  lines.push_back(std::move(*mail));
  for (const auto& slot : slots_) {
    auto rcpt = rcpt_command(slot.address, slot.recipient->parameters, hop_.capabilities());
    if (!rcpt) return rcpt.error();
    lines.push_back(std::move(*rcpt));
  }
  return lines;
}

io::Task<Step> Exchange::address(const std::string& role_mailbox) {
  if (needs_smtputf8() && !hop_.capabilities().smtputf8) {
    auto reply = mail::reply(mail::Refusal::utf8_withdrawn);
    co_return stop(not_here(std::move(reply), ""));
  }
  auto lines = commands();
  if (!lines) co_return stop(Fate::refused, mail::reply(mail::Refusal::bad_address), lines.error().detail);
  data_sent_ = data_rides_along();
  if (data_sent_) lines->push_back("DATA\r\n");
  std::vector<mail::Reply> replies;
  faults::crash_point("relay.before-envelope");
  auto exchanged = co_await hop_.exchange(*lines, replies, [this] { return patience_.for_command(); });
  faults::crash_point("relay.envelope");
  if (!exchanged) co_return stop(fault_of(exchanged.error()));
  if (auto judged = judge(replies); !judged) co_return judged;
  co_return co_await redirect(role_mailbox);
}

Step Exchange::judge(const std::vector<mail::Reply>& replies) {
  if (data_sent_ && replies.size() == slots_.size() + 2) data_reply_ = replies.back();
  const auto& mail = replies.front();
  if (auto fault = fault_in("MAIL: ", mail)) return stop(std::move(*fault));
  if (mail.transient()) return stop(not_here(passed_on(mail, Asked::sender), one_line(mail)));
  if (!mail.positive()) return stop(mail, Asked::sender);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (auto judged = judge_recipient(slots_[i], replies[i + 1]); !judged) return judged;
  }
  return {};
}

Step Exchange::judge_recipient(Slot& slot, const mail::Reply& reply) {
  if (auto fault = fault_in("RCPT: ", reply)) return stop(std::move(*fault));
  // 5.7.x speaks of us, not of the recipient; a role address goes to the role mailbox then.
  if (refuses_asking(reply) && !slot.recipient->role) return stop(way_refused("RCPT: ", reply));
  slot.reply = reply;
  slot.accepted = reply.positive();
  if (slot.accepted) accepted_.push_back(&slot);
  return {};
}

// postmaster@ and abuse@ must arrive somewhere (RFC 2142, RFC 5321 4.5.1): those that the next hop does
// not know go to the role mailbox, once.
io::Task<Step> Exchange::redirect(const std::string& role_mailbox) {
  for (auto& slot : slots_) {
    if (role_mailbox.empty() || !slot.recipient->role || !slot.reply.permanent()) continue;
    slot.address = role_mailbox;
    slot.redirected = true;
    slot.shares = slot.accepted = std::ranges::any_of(
        accepted_, [&](const Slot* other) { return iequals(other->address, role_mailbox); });
    if (slot.shares) continue;
    auto line = rcpt_command(role_mailbox, {}, hop_.capabilities());
    if (!line) co_return stop(Fate::deferred, way_reply(Way::refusing), line.error().detail);
    auto reply = co_await hop_.command(std::move(*line), patience_.for_command());
    if (!reply) co_return stop(fault_of(reply.error()));
    if (auto judged = judge_recipient(slot, *reply); !judged) co_return judged;
    // That it is not known either is a mistake of ours, not of who writes to postmaster.
    if (reply->permanent()) co_return stop(way_refused("role_mailbox: ", *reply));
  }
  co_return Step{};
}

io::Task<bool> Exchange::reset() {
  if (content_begun_ || (data_reply_ && data_reply_->code == 354)) co_return false;
  auto reply = co_await hop_.command("RSET\r\n", patience_.clock.now() + kResetTime);
  co_return reply && reply->positive();
}

}  // namespace sallyport::relay
