// What the client of one session has had, and is held to: `limits.rate`, `limits.penalty`, and how many of
// the recipients it asked for exist (`limits.harvest`).
//
// Owned by its session, on one core. Who the client is may change with each MAIL (AUTH, SPF), and is found
// out at each RCPT; `upstream` is nobody to be counted.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/io/task.h"
#include "base/store/event_log.h"
#include "policy/recipient.h"
#include "proxy/client_penalty.h"
#include "proxy/client_view.h"
#include "proxy/rates.h"
#include "proxy/relay/relay.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

// Of one connection or recipient.
struct AccountVerdict {
  std::optional<policy::Refuse> refusal;
  std::string rate{};  // for the event: "messages 500/1h"; "" = no limit was reached
  std::string identity{};
  int penalty = 0;
  bool slowed = false;
  std::string would_be{};  // the refusal's name, where limits only observe
};
// `rate`, `identity`, `penalty`, `slowed`.
void record_account(store::Event& event, const AccountVerdict& verdict, bool with_identity = true);

// Rules that only observe are judged beside those that act, and count where those have another limit.
struct WatchedLimits {
  const Treatment& watched;
  std::span<const std::shared_ptr<const Treatment>> acting;
};

class ClientAccount {
 public:
  ClientAccount(Rates& rates, Penalties& penalties, const Clock& clock, const ClientView& client)
      : rates_(rates), client_(client), penalty_(penalties, clock, client) {}
  ClientAccount(const ClientAccount&) = delete;
  ClientAccount& operator=(const ClientAccount&) = delete;

  ClientPenalty& penalty() { return penalty_; }
  // Who is counted; "" = upstream, which is nobody. The first waits until it is known.
  io::Task<std::string> who(const policy::Settings& settings) const;
  std::string who_by_now(const policy::Settings& settings) const;
  AccountVerdict connected(const Treatment& treatment);
  // Of a recipient that would be taken. Nothing is counted yet; waits until it is known who asks.
  io::Task<AccountVerdict> before_asking(const Treatment& treatment, const policy::Accept& accept);
  // The next hop's answer; a refusal sends away whoever guesses names.
  std::optional<policy::Refuse> answered(const relay::RecipientAnswer& answer, const Treatment& treatment,
                                         bool role, AccountVerdict& verdict);
  // That would have ended the session amid a message to a role address: it does at the next MAIL.
  void send_away_later(const policy::Refuse& refusal) {
    if (!sent_away_) sent_away_ = refusal;
  }
  const std::optional<policy::Refuse>& sent_away() const { return sent_away_; }
  // Everything else said yes: counted, unless it is over a limit.
  void take(const Treatment& treatment, bool role, HeldRates& held, AccountVerdict& verdict);
  // A whole message, once, that would be taken.
  AccountVerdict take_content(std::uint64_t octets,
                              std::span<const std::shared_ptr<const Treatment>> treatments,
                              HeldRates& held);

  // The same, by what only observes, each before what acts: the refusal that there would be.
  std::optional<policy::Refuse> watch_connection(const WatchedLimits& limits);
  io::Task<std::optional<policy::Refuse>> watch_before_asking(WatchedLimits limits,
                                                              const policy::Accept& accept);
  std::optional<policy::Refuse> watch_answer(const relay::RecipientAnswer& answer,
                                             const WatchedLimits& limits, bool role);
  std::optional<policy::Refuse> watch_places(const WatchedLimits& limits, bool role,
                                             const HeldRates& held) const;
  std::optional<policy::Refuse> watch_content(const WatchedLimits& limits, const HeldRates& held) const;
  // The recipient was taken; the content is there, and all have been looked at.
  void count_watched(const WatchedLimits& limits, bool role, HeldRates& held);
  void count_watched_content(std::uint64_t octets, const WatchedLimits& limits, HeldRates& held);

 private:
  bool is_account(const policy::Settings& settings);  // of the connection; and whose
  bool is_counted(const policy::RateSettings& settings) const;
  static AccountVerdict by_penalty(PenaltyVerdict judged);
  std::optional<RateCase> one(policy::Rated rated, const policy::RateSettings& settings) const;
  void look(policy::Rated rated, const policy::RateSettings& settings, AccountVerdict& verdict) const;
  void look(const std::optional<RateCase>& one, policy::Mode mode, AccountVerdict& verdict) const;
  std::optional<RateCase> counted_one(const RateCase& watched, const WatchedLimits& limits) const;
  std::optional<RateCase> watched_one(policy::Rated rated, const WatchedLimits& limits) const;
  void look_watched(policy::Rated rated, const WatchedLimits& limits, AccountVerdict& verdict) const;
  std::optional<RateCase> only_watched(policy::Rated rated, const WatchedLimits& limits) const;

  Rates& rates_;
  const ClientView& client_;
  std::string who_;  // of the last RCPT for which it counted
  policy::RecipientTally tally_;
  std::optional<policy::Refuse> sent_away_;
  ClientPenalty penalty_;
};

}  // namespace sallyport::proxy
