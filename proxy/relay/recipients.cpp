#include "proxy/relay/recipients.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/mail/replies.h"
#include "base/text.h"
#include "proxy/relay/order.h"

namespace sallyport::relay {
namespace {

constexpr std::size_t kManyClients = 1000;  // then those that ask nothing now are forgotten

// One customer's network has any number of IPv6 addresses.
IpAddress client_key(const IpAddress& client) { return client.is_v4() ? client : client.masked(64); }

RecipientAnswer exists(bool cached) {
  return {.kind = RecipientAnswer::Kind::exists, .reply = {}, .cached = cached};
}

RecipientAnswer refusal(mail::Reply reply, bool cached) {
  const auto kind = reply.permanent() ? RecipientAnswer::Kind::unknown : RecipientAnswer::Kind::defer;
  return {.kind = kind, .reply = std::move(reply), .cached = cached};
}

RecipientAnswer refusal(mail::Reply reply, const WayFault& fault, std::string host) {
  RecipientAnswer answer = refusal(std::move(reply), false);
  answer.host = std::move(host);
  answer.next_hop_reply = printable(fault.detail);
  return answer;
}

bool is_listed(const Route& route, const std::string& key) {
  return route.recipient_list && std::ranges::binary_search(*route.recipient_list, key);
}

// user+detail@domain is listed as user@domain.
std::string without_detail(const Route& route, const mail::Path& recipient) {
  auto plain = recipient;
  plain.local = recipient.plain_local();
  plain.local.resize(mail::without_detail(plain.local, route.subaddress_separator).size());
  return plain.key();
}

RecipientAnswer look_up(const Route& route, const mail::Path& recipient) {
  if (is_listed(route, recipient.key()) || is_listed(route, without_detail(route, recipient))) {
    return exists(true);
  }
  return refusal(mail::reply(mail::Refusal::recipient_unknown), true);
}

// Of the route's connections, two thirds at most ask.
int most_questions(const Route& route) { return std::max(1, route.max_connections * 2 / 3); }

}  // namespace

io::Task<RecipientAnswer> Recipients::ask(const Route& route, const Asker& asker,
                                          const Recipient& recipient, TimePoint deadline) {
  const auto& path = recipient.path;
  auto refused = memory_.take_refusal(asker, path);
  RecipientAnswer answer = exists(false);
  if (refused) {
    answer = refusal(std::move(refused->reply), true);
    answer.refused_id = std::move(refused->id);
  } else if (route.recipients == RecipientCheck::list) {
    answer = look_up(route, path);
  } else if (route.recipients == RecipientCheck::ask) {
    auto known = recall(route, path);
    answer = known ? std::move(*known) : co_await ask_once(route, asker.address, path, deadline);
  }
  // What the next hop does not know of these goes to the role mailbox.
  if (recipient.role && answer.kind == RecipientAnswer::Kind::unknown) answer = exists(answer.cached);
  co_return answer;
}

std::optional<RecipientAnswer> Recipients::recall(const Route& route, const mail::Path& recipient) const {
  const auto known = memory_.recall(route, recipient);
  if (known && known->fresh) return known->found ? exists(true) : refusal(known->reply, true);
  if (memory_.trust(route, recipient) == DomainTrust::unverifiable) return exists(true);
  return std::nullopt;
}

io::Task<RecipientAnswer> Recipients::ask_once(const Route& route, const IpAddress& client,
                                               const mail::Path& recipient, TimePoint deadline) {
  const auto executor = co_await io::this_executor();
  const auto key = asked_host(route).to_string() + " " + recipient.address();
  for (;;) {
    // The turn is taken before the question is others' too: nobody waits in the queue of another client.
    Permit turn;
    if (!questions_.is_open(executor, key)) {
      turn = co_await turns_of(client)->take(route.max_asking, deadline);
      if (!turn)
        co_return without_way(route, recipient, {Way::busy, "too many questions of one client", nullptr});
      if (auto known = recall(route, recipient)) co_return std::move(*known);  // learnt meanwhile
    }
    auto question = questions_.join(executor, key);
    if (question.is_first()) {
      const auto host = environment_.hosts().of(asked_host(route));
      const auto room = co_await host->asking().take(most_questions(route), deadline);
      auto answer = !room ? without_way(route, recipient, {Way::busy, "too many questions", nullptr})
                          : co_await ask_hosts(route, recipient, deadline);
      question.settle(answer);
      co_return answer;
    }
    turn = {};
    if (auto answer = co_await question.answer_of_first(deadline)) co_return std::move(*answer);
    if (environment_.now() >= deadline)
      co_return refusal(way_reply(Way::busy), {Way::busy, "no answer in time", nullptr}, {});
  }  // the first was torn down
}

io::Task<RecipientAnswer> Recipients::ask_hosts(const Route& route, const mail::Path& recipient,
                                                TimePoint deadline) {
  const auto hosts = route.ask_host ? std::vector{*route.ask_host} : route.hosts;
  WayFault last{Way::unreachable, "the route has no host", nullptr};
  std::string asked;
  std::size_t unable = 0;
  for (const auto& host : hosts) {
    auto outcome = co_await ask_host(route, host, recipient, deadline);
    if (outcome) co_return std::move(*outcome);
    last = std::move(outcome.error());
    asked = host.to_string();
    if (last.answer) ++unable;
    if (environment_.now() >= deadline) break;
  }
  // Of all of them: one that was down might have been able to say.
  if (last.answer && unable == hosts.size()) co_return refusal(*last.answer, last, std::move(asked));
  co_return without_way(route, recipient, last, std::move(asked));
}

io::Task<Recipients::Outcome> Recipients::ask_host(const Route& route, const Host& host,
                                                   const mail::Path& recipient, TimePoint deadline) {
  auto order = order_for(route, host, *environment_.ourselves());
  for (;;) {
    auto hop = co_await pool_.borrow(order, deadline);
    if (!hop) co_return std::unexpected(std::move(hop.error()));
    const auto state = (*hop)->host();
    const bool again = (*hop)->reused() && !order.fresh;
    auto outcome = co_await converse(route, std::move(*hop), recipient, deadline);
    if (!outcome && again && !outcome.error().answer) {
      order.fresh = true;
      continue;
    }
    if (!outcome) environment_.tell_fault(*state, route.name, outcome.error());
    co_return outcome;
  }
}

// A fault of the way: what was known last counts, for up to 31 days.
RecipientAnswer Recipients::without_way(const Route& route, const mail::Path& recipient,
                                        const WayFault& fault, std::string host) const {
  const auto known = memory_.recall(route, recipient);
  if (known && known->found) return exists(true);
  return refusal(way_reply(fault.way), fault, std::move(host));
}

std::shared_ptr<Permits> Recipients::turns_of(const IpAddress& client) {
  const auto key = client_key(client);
  const std::lock_guard lock(mutex_);
  if (turns_.size() > kManyClients) {
    std::erase_if(turns_, [](const auto& entry) { return entry.second.expired(); });
  }
  auto turns = turns_[key].lock();
  if (!turns) turns_[key] = turns = std::make_shared<Permits>(environment_.tasks());
  return turns;
}

}  // namespace sallyport::relay
