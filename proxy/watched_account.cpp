// What limits would say by rules that only observe.
#include <algorithm>

#include "proxy/client_account.h"

namespace sallyport::proxy {

using policy::Rated;
using policy::RateSettings;

// What no rule that acts counts.
std::optional<RateCase> ClientAccount::only_watched(Rated rated, const WatchedLimits& limits) const {
  auto watched = one(rated, limits.watched.limits.rate);
  const bool counted = std::ranges::any_of(
      limits.acting, [&](const auto& treatment) { return watched == one(rated, treatment->limits.rate); });
  return counted ? std::nullopt : watched;
}

std::optional<policy::Refuse> ClientAccount::watch_connection(const WatchedLimits& limits) {
  if (!is_account(*limits.watched.policy)) return std::nullopt;
  AccountVerdict verdict;
  look(Rated::connections, limits.watched.limits.rate, verdict);
  if (const auto connection = only_watched(Rated::connections, limits)) (void)rates_.take(*connection);
  return std::move(verdict.refusal);
}

io::Task<std::optional<policy::Refuse>> ClientAccount::watch_before_asking(const Treatment& watched,
                                                                           const policy::Accept& accept) {
  const RateSettings& settings = watched.limits.rate;
  if (is_counted(settings)) who_ = co_await who(*watched.policy);
  if (accept.role) co_return std::nullopt;
  AccountVerdict verdict;
  if (accept.rule.empty()) verdict = co_await judged_by_penalty(watched);
  for (const Rated rated : {Rated::unknown_recipients, Rated::octets}) look(rated, settings, verdict);
  co_return std::move(verdict.refusal);
}

std::optional<policy::Refuse> ClientAccount::watch_answer(const relay::RecipientAnswer& answer,
                                                          const WatchedLimits& limits, bool role) {
  using enum relay::RecipientAnswer::Kind;
  AccountVerdict verdict;
  if (!role && (answer.kind == unknown || answer.kind == exists))
    look(Rated::unknown_recipients, limits.watched.limits.rate, verdict);
  if (answer.kind == unknown)
    if (const auto guess = only_watched(Rated::unknown_recipients, limits)) (void)rates_.take(*guess);
  if (role || !client_.inquiry || answer.kind == defer) return std::move(verdict.refusal);
  policy::RecipientTally tally = tally_;
  tally.count(answer.kind == exists);
  if (tally.is_harvest(limits.watched.limits.harvest)) return policy::refuse(mail::Refusal::harvest);
  return std::move(verdict.refusal);
}

std::optional<policy::Refuse> ClientAccount::watch_places(const Treatment& watched, bool role,
                                                          const HeldRates& held) const {
  const RateSettings& settings = watched.limits.rate;
  AccountVerdict verdict;
  if (role) return std::nullopt;
  const auto message = one(Rated::messages, settings);
  if (message && !held.has(*message)) look(Rated::messages, settings, verdict);
  look(Rated::recipients, settings, verdict);
  return std::move(verdict.refusal);
}

void ClientAccount::count_watched(const WatchedLimits& limits, bool role, HeldRates& held) {
  if (role) return;
  const auto message = only_watched(Rated::messages, limits);
  if (message && !held.has(*message)) (void)held.take(*message);
  if (const auto recipient = only_watched(Rated::recipients, limits)) (void)held.take(*recipient);
}

std::optional<policy::Refuse> ClientAccount::watch_content(const Treatment& watched,
                                                           const HeldRates& held) const {
  AccountVerdict verdict;
  const auto content = one(Rated::octets, watched.limits.rate);
  if (content && !held.has(*content)) look(Rated::octets, watched.limits.rate, verdict);
  return std::move(verdict.refusal);
}

void ClientAccount::count_watched_content(std::uint64_t octets, const WatchedLimits& limits,
                                          HeldRates& held) {
  const auto content = only_watched(Rated::octets, limits);
  if (content && !held.has(*content)) (void)held.take(*content, octets, Rates::Over::counted);
}

}  // namespace sallyport::proxy
