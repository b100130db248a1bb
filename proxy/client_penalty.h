// What the stranger of one session does wrong, and what follows from that: `limits.penalty`. Charged as
// soon as it is known who it is; turned away or slowed at RCPT, because only there it can be known.
//
// Owned by its session, on one core. Clients about whom nothing is asked have no penalty, nor have those
// with the right to relay.
#pragma once

#include <algorithm>
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

class ClientPenalty {
 public:
  ClientPenalty(Penalties& penalties, const Clock& clock, const ClientView& client)
      : penalties_(penalties), clock_(clock), client_(client) {}

  void charge(policy::Offence offence, const policy::PenaltySettings& settings);
  void message_taken(const policy::PenaltySettings& settings);
  // Of a recipient that would be taken. Waits until it is known who asks, where it would be turned away.
  io::Task<PenaltyVerdict> judge(const Treatment& treatment);
  // The answer to that recipient has to wait; hurry() ends all such waiting.
  void slow(const policy::PenaltySettings& settings) {
    owed_ = std::min(settings.delay, kMostWaiting - waited_);
  }
  io::Task<> keep_waiting();
  void hurry();
  // At the end of the session, by what is known by then.
  void book(const policy::PenaltySettings& settings);

 private:
  static constexpr Duration kMostWaiting = std::chrono::minutes(2);  // in a session

  const policy::ClientIdentity& identity() const;
  bool is_settled() const;
  policy::PenaltyStanding look(const policy::PenaltySettings& settings) const;

  Penalties& penalties_;
  const Clock& clock_;
  const ClientView& client_;
  int unbooked_ = 0;
  Duration owed_{0};
  Duration waited_{0};
  std::optional<io::Signal> pause_;
  bool hurried_ = false;
};

}  // namespace sallyport::proxy
