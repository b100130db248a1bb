// What limits would say by rules that only observe.
#include <algorithm>

#include "proxy/client_account.h"

namespace sallyport::proxy {

using policy::Rated;
using policy::RateSettings;

// The same limit, as rules that act count it for one of these recipients.
std::optional<RateCase> ClientAccount::counted_one(const RateCase& watched,
                                                   const WatchedLimits& limits) const {
  for (const auto& treatment : limits.acting)
    if (auto acting = one(watched.rated, treatment->limits.rate); acting && acting->rate == watched.rate)
      return acting;
  return std::nullopt;
}

// As what acts counts it too, or, where no rule that acts does for these recipients, apart: what only
// observes fills nothing that acts for another.
std::optional<RateCase> ClientAccount::watched_one(Rated rated, const WatchedLimits& limits) const {
  auto watched = one(rated, limits.watched.limits.rate);
  if (!watched) return std::nullopt;
  if (auto counted = counted_one(*watched, limits)) return counted;
  watched->apart = true;
  return watched;
}

std::optional<RateCase> ClientAccount::only_watched(Rated rated, const WatchedLimits& limits) const {
  auto watched = one(rated, limits.watched.limits.rate);
  if (!watched || counted_one(*watched, limits)) return std::nullopt;
  watched->apart = true;
  return watched;
}

void ClientAccount::look_watched(Rated rated, const WatchedLimits& limits, AccountVerdict& verdict) const {
  look(watched_one(rated, limits), limits.watched.limits.rate.mode, verdict);
}

std::optional<policy::Refuse> ClientAccount::watch_connection(const WatchedLimits& limits) {
  if (!is_account(*limits.watched.policy)) return std::nullopt;
  AccountVerdict verdict;
  look_watched(Rated::connections, limits, verdict);
  if (const auto connection = only_watched(Rated::connections, limits)) (void)rates_.take(*connection);
  return std::move(verdict.refusal);
}

io::Task<std::optional<policy::Refuse>> ClientAccount::watch_before_asking(WatchedLimits limits,
                                                                           const policy::Accept& accept) {
  const Treatment& watched = limits.watched;
  if (accept.role) co_return std::nullopt;
  if (is_counted(watched.limits.rate)) who_ = co_await who(*watched.policy);
  AccountVerdict verdict;
  if (accept.rule.empty()) verdict = by_penalty(co_await penalty_.watch(watched));
  for (const Rated rated : {Rated::unknown_recipients, Rated::octets}) look_watched(rated, limits, verdict);
  co_return std::move(verdict.refusal);
}

std::optional<policy::Refuse> ClientAccount::watch_answer(const relay::RecipientAnswer& answer,
                                                          const WatchedLimits& limits, bool role) {
  using enum relay::RecipientAnswer::Kind;
  AccountVerdict verdict;
  if (role || !answer.refused_id.empty()) return std::nullopt;
  if (answer.kind == unknown || answer.kind == exists)
    look_watched(Rated::unknown_recipients, limits, verdict);
  if (answer.kind == unknown)
    if (const auto guess = only_watched(Rated::unknown_recipients, limits)) (void)rates_.take(*guess);
  if (!client_.inquiry || answer.kind == defer) return std::move(verdict.refusal);
  policy::RecipientTally tally = tally_;
  tally.count(answer.kind == exists);
  if (tally.is_harvest(limits.watched.limits.harvest)) return policy::refuse(mail::Refusal::harvest);
  return std::move(verdict.refusal);
}

std::optional<policy::Refuse> ClientAccount::watch_places(const WatchedLimits& limits, bool role,
                                                          const HeldRates& held) const {
  AccountVerdict verdict;
  if (role) return std::nullopt;
  const auto message = watched_one(Rated::messages, limits);
  if (message && !held.has(*message)) look_watched(Rated::messages, limits, verdict);
  look_watched(Rated::recipients, limits, verdict);
  return std::move(verdict.refusal);
}

void ClientAccount::count_watched(const WatchedLimits& limits, bool role, HeldRates& held) {
  if (role) return;
  const auto message = only_watched(Rated::messages, limits);
  if (message && !held.has(*message)) (void)held.take(*message);
  if (const auto recipient = only_watched(Rated::recipients, limits)) (void)held.take(*recipient);
}

std::optional<policy::Refuse> ClientAccount::watch_content(const WatchedLimits& limits,
                                                           const HeldRates& held) const {
  AccountVerdict verdict;
  const auto content = watched_one(Rated::octets, limits);
  if (content && !held.has(*content)) look_watched(Rated::octets, limits, verdict);
  return std::move(verdict.refusal);
}

void ClientAccount::count_watched_content(std::uint64_t octets, const WatchedLimits& limits,
                                          HeldRates& held) {
  const auto content = only_watched(Rated::octets, limits);
  if (content && !held.has(*content)) (void)held.take(*content, octets, Rates::Over::counted);
}

}  // namespace sallyport::proxy
