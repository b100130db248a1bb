#include "proxy/client_penalty.h"

#include <utility>

namespace sallyport::proxy {

using policy::Mode;
using policy::PenaltySettings;
using policy::PenaltyStanding;

const policy::ClientIdentity& ClientPenalty::identity() const { return client_.inquiry->who().accountable; }

bool ClientPenalty::is_settled() const { return client_.inquiry->who().settled; }

void ClientPenalty::charge(policy::Offence offence, const PenaltySettings& settings) {
  if (!client_.inquiry || settings.mode == Mode::off) return;
  unbooked_ += settings.weight(offence);
  if (is_settled()) book(settings);
}

void ClientPenalty::book(const PenaltySettings& settings) {
  if (const int weight = std::exchange(unbooked_, 0); weight > 0)
    penalties_.charge(client_.facts.address, identity(), weight, settings);
}

void ClientPenalty::message_taken(const PenaltySettings& settings) {
  if (settings.mode == Mode::off) return;
  penalties_.taken(client_.facts.address, identity(), settings);
}

PenaltyStanding ClientPenalty::look(const PenaltySettings& settings) const {
  return penalties_.look(client_.facts.address, identity(), settings);
}

io::Task<PenaltyVerdict> ClientPenalty::judge(const Treatment& treatment) {
  using enum PenaltyStanding::Kind;
  const PenaltySettings& settings = treatment.limits.penalty;
  const bool applies = client_.inquiry && settings.mode != Mode::off &&
                       policy::relay_right(client_.facts, *treatment.policy) == policy::RelayRight::none;
  if (!applies) co_return PenaltyVerdict{};
  if (is_settled()) book(settings);
  PenaltyStanding standing = look(settings);
  for (; standing.kind == turned_away && !is_settled(); standing = look(settings))
    co_await client_.inquiry->learn_who();
  if (standing.kind == none) co_return PenaltyVerdict{};
  PenaltyVerdict verdict{std::nullopt, identity().name, standing.penalty, standing.kind == slowed,
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
