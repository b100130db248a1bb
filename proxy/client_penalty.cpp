#include "proxy/client_penalty.h"

#include <utility>

namespace sallyport::proxy {

using policy::Mode;
using policy::PenaltySettings;
using policy::PenaltyStanding;

Penalized ClientPenalty::who() const { return {client_.facts.address, client_.inquiry->who().accountable}; }

bool ClientPenalty::is_settled() const { return client_.inquiry->who().settled; }

// Once: by what acts, or else, apart, by what observes.
std::optional<ClientPenalty::Counting> ClientPenalty::counting(const PenaltyRules& rules) {
  if (rules.acting.mode == Mode::enforce) return Counting{Ledger::acting, rules.acting};
  for (const PenaltySettings* settings : {&rules.watched, &rules.acting})
    if (settings->mode != Mode::off) return Counting{Ledger::watching, *settings};
  return std::nullopt;
}

void ClientPenalty::charge(policy::Offence offence, const PenaltyRules& rules) {
  const auto counts = counting(rules);
  if (!client_.inquiry || !counts) return;
  unbooked(counts->ledger) += counts->settings.weight(offence);
  if (is_settled()) book(*counts);
}

void ClientPenalty::book(const Counting& counting) {
  if (const int weight = std::exchange(unbooked(counting.ledger), 0); weight > 0)
    penalties_.charge(who(), weight, counting.settings, counting.ledger);
}

void ClientPenalty::book(const PenaltyRules& rules) {
  book(Counting{Ledger::acting, rules.acting});
  book(Counting{Ledger::watching, rules.watched});
}

void ClientPenalty::message_taken(const PenaltyRules& rules) {
  if (const auto counts = counting(rules)) penalties_.taken(who(), counts->settings, counts->ledger);
}

io::Task<PenaltyVerdict> ClientPenalty::judge(const Treatment& treatment) {
  const PenaltySettings& settings = treatment.limits.penalty;
  const auto counts = counting({settings, settings});
  if (!counts) co_return PenaltyVerdict{};
  if (client_.inquiry && is_settled()) book(*counts);
  co_return co_await stand(treatment, counts->ledger);
}

io::Task<PenaltyVerdict> ClientPenalty::watch(const Treatment& treatment) const {
  return stand(treatment, Ledger::watching);
}

io::Task<PenaltyVerdict> ClientPenalty::stand(const Treatment& treatment, Ledger ledger) const {
  using enum PenaltyStanding::Kind;
  const PenaltySettings& settings = treatment.limits.penalty;
  const bool applies = client_.inquiry && settings.mode != Mode::off &&
                       policy::relay_right(client_.facts, *treatment.policy) == policy::RelayRight::none;
  if (!applies) co_return PenaltyVerdict{};
  // What acts would have booked it by now.
  const bool counts_unbooked = ledger == Ledger::watching && is_settled();
  const int unbooked = counts_unbooked ? unbooked_.front() + unbooked_.back() : 0;
  const auto look = [&] { return penalties_.look(who(), settings, ledger, unbooked); };
  PenaltyStanding standing = look();
  for (; standing.kind == turned_away && !is_settled(); standing = look())
    co_await client_.inquiry->learn_who();
  if (standing.kind == none) co_return PenaltyVerdict{};
  PenaltyVerdict verdict{std::nullopt, who().identity.name, standing.penalty, standing.kind == slowed,
                         settings.mode == Mode::observe};
  if (!verdict.observed && !verdict.slowed)
    verdict.refusal = policy::refuse(mail::Refusal::turned_away, verdict.identity);
  co_return verdict;
}

io::Task<> ClientPenalty::keep_waiting() {
  const Duration owed = std::exchange(owed_, Duration::zero());
  if (owed <= Duration::zero() || hurried_) co_return;
  if (!pause_) pause_.emplace(co_await io::this_executor());
  waited_ += owed;
  (void)co_await pause_->wait(clock_.now() + owed);
}

void ClientPenalty::hurry() {
  hurried_ = true;
  if (pause_) pause_->notify();
}

}  // namespace sallyport::proxy
