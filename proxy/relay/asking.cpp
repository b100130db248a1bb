// The conversation in which a recipient is asked of the next hop: MAIL FROM:<>, RCPT, RSET.
#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "base/faults.h"
#include "base/mail/replies.h"
#include "proxy/relay/command.h"
#include "proxy/relay/order.h"
#include "proxy/relay/recipients.h"

namespace sallyport::relay {
namespace {

// No mailbox has such a name, and nobody can guess it.
std::string random_local_part() {
  constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device entropy;
  std::uniform_int_distribution<std::size_t> pick(0, alphabet.size() - 1);
  std::string name = "x";
  for (int i = 0; i < 20; ++i) name += alphabet[pick(entropy)];
  return name;
}

WayResult<> judge_mail(const mail::Reply& reply) {
  if (reply.positive()) return {};
  const char* trouble = reply.permanent() ? "way_refused" : nullptr;
  return way_fault(Way::refusing, "MAIL FROM:<>: " + one_line(reply), trouble);
}

// A reply to RCPT may speak of us or of the connection instead of the recipient.
WayResult<> judge_rcpt(const mail::Reply& reply) {
  const auto words = "RCPT: " + one_line(reply);
  if (is_closing(reply)) return way_fault(Way::refusing, words);
  if (refuses_asking(reply)) return way_fault(Way::refusing, words, "way_refused");
  if (reply.code / 100 == 3) return way_fault(Way::lost, words, "way_refused");
  return {};
}

class Conversation {
 public:
  Conversation(Connection& hop, const mail::Path& recipient, TimePoint deadline)
      : hop_(hop), recipient_(recipient), deadline_(deadline) {}

  bool can_be_asked() const { return !recipient_.internationalised || hop_.capabilities().smtputf8; }
  io::Task<WayResult<mail::Reply>> ask(bool and_reset);
  // Of an address that cannot exist, in the same transaction, which ends. Empty: no answer.
  io::Task<std::optional<mail::Reply>> ask_impossible();
  io::Task<> reset();
  bool is_over() const { return over_; }  // in good order

 private:
  Connection& hop_;
  const mail::Path& recipient_;
  TimePoint deadline_;
  bool over_ = false;
};

io::Task<WayResult<mail::Reply>> Conversation::ask(bool and_reset) {
  auto rcpt = rcpt_command(recipient_.address(), {}, hop_.capabilities());
  if (!rcpt) co_return way_fault(Way::refusing, rcpt.error().detail, "way_refused");
  std::vector<std::string> lines;
  lines.emplace_back(recipient_.internationalised ? "MAIL FROM:<> SMTPUTF8\r\n" : "MAIL FROM:<>\r\n");
  lines.push_back(std::move(*rcpt));
  if (and_reset) lines.emplace_back("RSET\r\n");
  std::vector<mail::Reply> replies;
  faults::crash_point("relay.before-asking");
  const auto done = co_await hop_.exchange(lines, replies, [this] { return deadline_; });
  faults::crash_point("relay.asked");
  if (!done) co_return std::unexpected(fault_of(done.error()));
  if (auto mail = judge_mail(replies.front()); !mail) co_return std::unexpected(std::move(mail.error()));
  if (auto rcpt_ok = judge_rcpt(replies[1]); !rcpt_ok)
    co_return std::unexpected(std::move(rcpt_ok.error()));
  over_ = and_reset && replies.back().positive();
  co_return std::move(replies[1]);
}

io::Task<std::optional<mail::Reply>> Conversation::ask_impossible() {
  auto rcpt = rcpt_command(random_local_part() + "@" + recipient_.domain, {}, hop_.capabilities());
  if (!rcpt) co_return std::nullopt;
  auto reply = co_await hop_.command(std::move(*rcpt), deadline_);
  if (!reply || is_closing(*reply)) co_return std::nullopt;
  co_await reset();
  co_return std::move(*reply);
}

io::Task<> Conversation::reset() {
  const auto reply = co_await hop_.command("RSET\r\n", deadline_);
  over_ = reply && reply->positive();
}

}  // namespace

io::Task<Recipients::Outcome> Recipients::converse(const Route& route, std::unique_ptr<Connection> hop,
                                                   const mail::Path& recipient, TimePoint deadline) {
  Conversation talk(*hop, recipient, std::min(deadline, environment_.now() + route.command_timeout));
  if (!talk.can_be_asked()) {
    co_await pool_.hand_back(std::move(hop), route.idle_timeout);
    auto reply = mail::reply(mail::Refusal::destination_not_utf8_capable);
    co_return std::unexpected(WayFault{Way::refusing, "no SMTPUTF8", nullptr, std::move(reply)});
  }
  const bool tested =
      recipient.domain_ascii.empty() || memory_.trust(route, recipient) != DomainTrust::untested;
  auto reply = co_await talk.ask(tested);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  if (!tested && reply->positive()) {
    const auto impossible = co_await talk.ask_impossible();
    if (impossible) learn_trust(route, recipient, hop->host()->name(), impossible->code);
  } else if (!tested) {
    co_await talk.reset();
    if (reply->permanent()) memory_.set_trust(route, recipient, DomainTrust::verifiable);
  }
  if (talk.is_over()) co_await pool_.hand_back(std::move(hop), route.idle_timeout);
  co_return conclude(route, recipient, *reply);
}

io::Task<Probe> Recipients::probe(const Route& route, const mail::Path& recipient, TimePoint deadline) {
  Probe probe{.host = {}, .detail = "the route has no host"};
  for (const Host& host : route.hosts) {
    probe = co_await probe_host(route, host, recipient, deadline);
    if (probe.reply.code != 0) break;
  }
  co_return probe;
}

io::Task<Probe> Recipients::probe_host(const Route& route, const Host& host, const mail::Path& recipient,
                                       TimePoint deadline) {
  Probe probe{.host = host.to_string()};
  auto hop = co_await pool_.borrow(order_for(route, host, *environment_.ourselves()), deadline);
  if (!hop) {
    probe.detail = std::move(hop.error().detail);
    co_return probe;
  }
  Conversation talk(**hop, recipient, std::min(deadline, environment_.now() + route.command_timeout));
  auto reply = co_await talk.ask(true);
  if (reply)
    probe.reply = std::move(*reply);
  else
    probe.detail = std::move(reply.error().detail);
  if (talk.is_over()) co_await pool_.hand_back(std::move(*hop), route.idle_timeout);
  co_return probe;
}

void Recipients::learn_trust(const Route& route, const mail::Path& recipient, const std::string& host,
                             int code) {
  if (code / 100 == 5) memory_.set_trust(route, recipient, DomainTrust::verifiable);
  if (code / 100 != 2) return;
  memory_.set_trust(route, recipient, DomainTrust::unverifiable);
  environment_.tell({"unverifiable", route.name, host,
                     recipient.domain_ascii + ": any recipient is accepted, so none can be verified", ""});
}

RecipientAnswer Recipients::conclude(const Route& route, const mail::Path& recipient,
                                     const mail::Reply& reply) {
  if (reply.positive()) {
    if (memory_.trust(route, recipient) != DomainTrust::unverifiable) memory_.found(route, recipient);
    faults::crash_point("relay.concluded");
    return {.kind = RecipientAnswer::Kind::exists, .reply = {}, .cached = false};
  }
  auto passed = passed_on(reply, Asked::recipient);
  if (passed.transient()) return {.kind = RecipientAnswer::Kind::defer, .reply = std::move(passed)};
  memory_.unknown(route, recipient, passed);
  return {.kind = RecipientAnswer::Kind::unknown, .reply = std::move(passed)};
}

}  // namespace sallyport::relay
