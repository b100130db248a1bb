#include "proxy/relay/recipients.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "proxy/relay/order.h"

namespace sallyport::relay {
namespace {

constexpr std::size_t kManyClients = 1000;  // then those that ask nothing now are forgotten

RecipientAnswer exists(bool cached) {
  return {.kind = RecipientAnswer::Kind::exists, .reply = {}, .cached = cached};
}

RecipientAnswer refusal(mail::Reply reply, bool cached) {
  const auto kind = reply.permanent() ? RecipientAnswer::Kind::unknown : RecipientAnswer::Kind::defer;
  return {.kind = kind, .reply = std::move(reply), .cached = cached};
}

bool is_listed(const Route& route, const std::string& key) {
  return std::ranges::binary_search(route.recipient_list, key);
}

// user+detail@domain is listed as user@domain.
std::string without_detail(const Route& route, const mail::Path& recipient) {
  auto plain = recipient;
  const auto at = route.subaddress_separator.empty() || recipient.is_quoted()
                      ? std::string::npos
                      : recipient.local.find(route.subaddress_separator);
  if (at != std::string::npos && at > 0) plain.local.resize(at);
  return plain.key();
}

RecipientAnswer look_up(const Route& route, const mail::Path& recipient) {
  if (is_listed(route, recipient.key()) || is_listed(route, without_detail(route, recipient))) {
    return exists(true);
  }
  return refusal(mail::reply(550, {5, 1, 1}, "Recipient unknown"), true);
}

}  // namespace

io::Task<RecipientAnswer> Recipients::ask(const Route& route, IpAddress client, const mail::Path& sender,
                                          const Recipient& recipient, TimePoint deadline) {
  const auto& path = recipient.path;
  auto refused = memory_.take_refusal(sender, path);
  RecipientAnswer answer = exists(false);
  if (refused) {
    answer = refusal(std::move(*refused), true);
  } else if (route.recipients == RecipientCheck::list) {
    answer = look_up(route, path);
  } else if (route.recipients == RecipientCheck::ask) {
    auto known = recall(route, path);
    answer = known ? std::move(*known) : co_await ask_once(route, client, path, deadline);
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
  const auto key = asked_host(route).to_string() + " " + recipient.key();
  for (;;) {
    auto question = questions_.join(executor, key);
    if (!question.is_first()) {
      if (auto answer = co_await question.answer_of_first(deadline)) co_return std::move(*answer);
      if (environment_.now() < deadline) continue;  // the first was torn down
      co_return refusal(way_reply(Way::busy), false);
    }
    auto answer = co_await ask_hosts(route, client, recipient, deadline);
    question.settle(answer);
    co_return answer;
  }
}

io::Task<RecipientAnswer> Recipients::ask_hosts(const Route& route, const IpAddress& client,
                                                const mail::Path& recipient, TimePoint deadline) {
  const auto turn = co_await turns_of(client)->take(route.max_asking, deadline);
  if (!turn)
    co_return without_way(route, recipient, {Way::busy, "too many questions of one client", nullptr});
  const auto hosts = route.ask_host ? std::vector{*route.ask_host} : route.hosts;
  WayFault last{Way::unreachable, "the route has no host", nullptr};
  for (const auto& host : hosts) {
    auto outcome = co_await ask_host(route, host, recipient, deadline);
    if (outcome) co_return std::move(*outcome);
    last = std::move(outcome.error());
    if (environment_.now() >= deadline) break;
  }
  co_return without_way(route, recipient, last);
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
    if (!outcome && again) {
      order.fresh = true;
      continue;
    }
    if (!outcome) environment_.tell_fault(*state, route.name, outcome.error());
    co_return outcome;
  }
}

// A fault of the way: what was known last counts, for up to 31 days.
RecipientAnswer Recipients::without_way(const Route& route, const mail::Path& recipient,
                                        const WayFault& fault) const {
  const auto known = memory_.recall(route, recipient);
  if (known && known->found) return exists(true);
  return refusal(way_reply(fault.way), false);
}

std::shared_ptr<Permits> Recipients::turns_of(const IpAddress& client) {
  const std::lock_guard lock(mutex_);
  if (turns_.size() > kManyClients) {
    std::erase_if(turns_, [](const auto& entry) { return entry.second.expired(); });
  }
  auto turns = turns_[client].lock();
  if (!turns) turns_[client] = turns = std::make_shared<Permits>(environment_.tasks());
  return turns;
}

}  // namespace sallyport::relay
