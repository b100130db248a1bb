// The penalty of a client: what it did wrong lately, beside the mail of it that was taken. Whoever has had
// nothing taken and does a good deal wrong is turned away for a while; whoever has is slowed at most. A
// large mailbox provider earns refusals all day, and stays what it is: mail that people wait for.
//
// Pure: records, what happened and the time go in, records and what follows come out. What was done wrong
// and what was taken fade alike, by half in `half_life`; that anything was taken counts for `remember`. A
// record is of one identity (client_identity.h). Each client has two, its network's and that of who it is,
// so that neither a new name nor a new address makes a new client.
//
// Clocks jump: what a record from the future says against anybody is worth nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mail/replies.h"
#include "policy/checks.h"

namespace sallyport::policy {

enum class Offence : std::uint8_t { unknown_recipient, refusal, early_talk, relay_attempt };
inline constexpr std::size_t kOffences = 4;

struct PenaltySettings {
  Mode mode = Mode::enforce;
  Duration half_life = std::chrono::hours(1);
  Duration remember = std::chrono::hours(36 * 24);  // that mail of it was taken
  int slow_at = 20;                                 // 0: never
  Duration delay = std::chrono::seconds(5);         // of each recipient's answer
  int refuse_at = 60;                               // 0: never
  std::array<int, kOffences> weights{1, 1, 2, 3};

  int& weight(Offence offence) { return weights.at(static_cast<std::size_t>(offence)); }
  const int& weight(Offence offence) const { return weights.at(static_cast<std::size_t>(offence)); }
};

// What a refusal of ours says of the client; temporary ones say nothing.
std::optional<Offence> offence_of(mail::Refusal refusal);

struct PenaltyRecord {
  double penalty = 0;
  double taken = 0;  // messages; fades as the penalty does
  WallTime at;       // of both
  std::optional<WallTime> last_taken{};

  PenaltyRecord as_of(WallTime now, const PenaltySettings& settings) const;
  PenaltyRecord after(int weight) const;
  // Both together, as of the same time.
  PenaltyRecord with(const PenaltyRecord& other) const;
  PenaltyRecord after_taken() const;
  WallTime worthless_from(const PenaltySettings& settings) const;
  // What is left of the penalty beside the mail that was taken.
  double surplus() const { return penalty - taken; }
  bool has_taken(WallTime now, const PenaltySettings& settings) const;

  std::string packed() const;  // 32 octets
  static std::optional<PenaltyRecord> unpack(std::string_view packed);
};

struct PenaltyStanding {
  enum class Kind : std::uint8_t { none, slowed, turned_away };
  Kind kind = Kind::none;
  int penalty = 0;  // rounded
};
// What is remembered of a client; both records as of the same time.
struct HeldAgainst {
  PenaltyRecord network;
  std::optional<PenaltyRecord> own{};  // of who it is, where that is more than its network
  // The name of an access provider or a hoster is that of all its customers: it slows, and its networks are
  // what is turned away.
  bool shared_name = false;
  bool all_read = true;  // else mail may have been taken of which nothing is known yet
};
PenaltyStanding judge_penalty(const HeldAgainst& held, WallTime now, const PenaltySettings& settings);

}  // namespace sallyport::policy
