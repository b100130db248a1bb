#include "policy/penalty.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "policy/packed_number.h"
#include "policy/rates.h"

namespace sallyport::policy {
namespace {

using std::chrono::floor;
using std::chrono::milliseconds;
using Kind = PenaltyStanding::Kind;

constexpr std::int64_t kNever = 0;
constexpr double kMost = 1'000'000;  // more is not counted: it would not fade in days
constexpr double kNothing = 0.1;     // so little is left of it

double half_lives(Duration passed, const PenaltySettings& settings) {
  using Seconds = std::chrono::duration<double>;
  return Seconds(passed).count() / Seconds(settings.half_life).count();
}

void pack(std::string& out, double number) { pack_number(out, std::bit_cast<std::uint64_t>(number), 8); }

void pack(std::string& out, WallTime time) {
  pack_number(out, static_cast<std::uint64_t>(floor<milliseconds>(time).time_since_epoch().count()), 8);
}

std::optional<double> unpack_amount(std::string_view packed) {
  const auto amount = std::bit_cast<double>(unpack_number(packed));
  if (!std::isfinite(amount) || amount < 0) return std::nullopt;
  return amount;
}

WallTime unpack_time(std::string_view packed) {
  return WallTime(milliseconds(static_cast<std::int64_t>(unpack_number(packed))));
}

}  // namespace

std::optional<Offence> offence_of(mail::Refusal refusal) {
  if (refusal == mail::Refusal::relay || refusal == mail::Refusal::percent_hack)
    return Offence::relay_attempt;
  if (mail::text_of(refusal).code >= 500) return Offence::refusal;
  return std::nullopt;
}

PenaltyRecord PenaltyRecord::as_of(WallTime now, const PenaltySettings& settings) const {
  now = floor<milliseconds>(now);
  if (at > now + kOutOfTurn) return {0, 0, now, last_taken};
  if (at >= now) return *this;
  const double left = std::exp2(-half_lives(now - at, settings));
  return {penalty * left, taken * left, now, last_taken};
}

PenaltyRecord PenaltyRecord::after(int weight) const {
  return {std::min(penalty + weight, kMost), taken, at, last_taken};
}

PenaltyRecord PenaltyRecord::with(const PenaltyRecord& other) const {
  return {std::min(penalty + other.penalty, kMost), std::min(taken + other.taken, kMost), at,
          std::max(last_taken, other.last_taken)};
}

PenaltyRecord PenaltyRecord::after_taken() const { return {penalty, std::min(taken + 1, kMost), at, at}; }

bool PenaltyRecord::has_taken(WallTime now, const PenaltySettings& settings) const {
  return last_taken && now - *last_taken <= settings.remember;
}

WallTime PenaltyRecord::worthless_from(const PenaltySettings& settings) const {
  const double lives = std::max(0.0, std::log2(std::max(penalty, kNothing) / kNothing));
  const auto lasts = std::chrono::duration<double>(settings.half_life) * lives;
  const WallTime faded = at + std::chrono::ceil<milliseconds>(lasts);
  return last_taken ? std::max(faded, *last_taken + settings.remember) : faded;
}

std::string PenaltyRecord::packed() const {
  std::string out;
  pack(out, penalty);
  pack(out, taken);
  pack(out, at);
  pack(out, last_taken.value_or(WallTime(milliseconds(kNever))));
  return out;
}

std::optional<PenaltyRecord> PenaltyRecord::unpack(std::string_view packed) {
  if (packed.size() != 32) return std::nullopt;
  const auto penalty = unpack_amount(packed.substr(0, 8)), taken = unpack_amount(packed.substr(8, 8));
  if (!penalty || !taken) return std::nullopt;
  PenaltyRecord record{*penalty, *taken, unpack_time(packed.substr(16, 8)), std::nullopt};
  const WallTime last = unpack_time(packed.substr(24));
  if (last != WallTime(milliseconds(kNever))) record.last_taken = last;
  return record;
}

PenaltyStanding judge_penalty(const HeldAgainst& held, WallTime now, const PenaltySettings& settings) {
  const bool own_taken = held.own && held.own->has_taken(now, settings);
  const bool taken = own_taken || held.network.has_taken(now, settings);
  const double of_network = held.network.surplus();
  // Whoever had mail taken is not liable for its neighbours.
  double surplus = held.own ? held.own->surplus() : of_network;
  if (!own_taken) surplus = std::max(surplus, of_network);
  const auto points = [](double amount) { return static_cast<int>(std::lround(std::max(amount, 0.0))); };
  PenaltyStanding standing{Kind::none, points(surplus)};
  const auto is_too_bad = [&](int penalty) {
    return settings.refuse_at > 0 && !taken && penalty >= settings.refuse_at;
  };
  const bool is_its_own = !held.shared_name || is_too_bad(points(of_network));
  if (is_too_bad(standing.penalty) && is_its_own && held.all_read)
    standing.kind = Kind::turned_away;
  else if (is_too_bad(standing.penalty) || (settings.slow_at > 0 && standing.penalty >= settings.slow_at))
    standing.kind = Kind::slowed;
  return standing;
}

}  // namespace sallyport::policy
