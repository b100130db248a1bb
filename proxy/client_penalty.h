// What the stranger of one session does wrong, and what follows from that: `limits.penalty`. Charged as
// soon as it is known who it is; turned away or slowed at RCPT, because only there it can be known.
//
// Owned by its session, on one core. Clients about whom nothing is asked have no penalty, nor have those
// with the right to relay.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/io/task.h"
#include "policy/recipient.h"
#include "proxy/client_view.h"
#include "proxy/penalties.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

struct PenaltyVerdict {
  std::optional<policy::Refuse> refusal;
  std::string identity{};  // "" = it has no penalty to speak of
  int penalty = 0;
  bool slowed = false;
  bool observed = false;
};

// What acts, and the same with the rules that only observe.
struct PenaltyRules {
  const policy::PenaltySettings& acting;
  const policy::PenaltySettings& watched;
};

class ClientPenalty {
 public:
  ClientPenalty(Penalties& penalties, const Clock& clock, const ClientView& client)
      : penalties_(penalties), clock_(clock), client_(client) {}

  void charge(policy::Offence offence, const PenaltyRules& rules);
  void message_taken(const PenaltyRules& rules);
  // Of a recipient that would be taken. Waits until it is known who asks, where it would be turned away.
  io::Task<PenaltyVerdict> judge(const Treatment& treatment);
  // The same by rules that only observe; nothing is booked.
  io::Task<PenaltyVerdict> watch(const Treatment& treatment) const;
  // The answer to that recipient has to wait; hurry() ends all such waiting.
  void slow(const policy::PenaltySettings& settings) {
    owed_ = std::min(settings.delay, kMostWaiting - waited_);
  }
  io::Task<> keep_waiting();
  void hurry();
  // At the end of the session, by what is known by then.
  void book(const PenaltyRules& rules);

 private:
  // Where it counts, by which of those rules.
  struct Counting {
    Ledger ledger;
    const policy::PenaltySettings& settings;
  };
  static std::optional<Counting> counting(const PenaltyRules& rules);
  void book(const Counting& counting);
  int& unbooked(Ledger ledger) { return unbooked_.at(static_cast<std::size_t>(ledger)); }

  static constexpr Duration kMostWaiting = std::chrono::minutes(2);  // in a session

  Penalized who() const;
  bool is_settled() const;
  io::Task<PenaltyVerdict> stand(const Treatment& treatment, Ledger ledger) const;

  Penalties& penalties_;
  const Clock& clock_;
  const ClientView& client_;
  std::array<int, 2> unbooked_{};  // of each ledger
  Duration owed_{0};
  Duration waited_{0};
  std::optional<io::Signal> pause_;
  bool hurried_ = false;
};

}  // namespace sallyport::proxy
