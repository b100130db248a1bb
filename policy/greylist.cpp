#include "policy/greylist.h"

#include <algorithm>
#include <array>

#include "base/mail/digest.h"
#include "policy/envelope_sender.h"
#include "policy/packed_number.h"

namespace sallyport::policy {
namespace {

using std::chrono::floor;
using std::chrono::seconds;
using Kind = GreylistStep::Kind;

constexpr std::size_t kKey = 16;
constexpr int kRenewals = 30;  // while something is remembered: it is not written at each use

void pack(std::string& out, WallTime time) {
  pack_number(out, static_cast<std::uint64_t>(floor<seconds>(time).time_since_epoch().count()), 8);
}

WallTime unpack_time(std::string_view packed) {
  return WallTime(seconds(static_cast<std::int64_t>(unpack_number(packed))));
}

// Never negative: what lies ahead is a clock that went back.
Duration since(WallTime then, WallTime now) {
  return now < then ? Duration::zero() : std::chrono::duration_cast<Duration>(now - then);
}

GreylistStep begin(WallTime now, const GreylistSettings& settings) {
  return {Kind::begins, settings.delay, {now, now, false}, now + settings.window, true};
}

GreylistStep renew(GreylistRecord record, WallTime now, const GreylistSettings& settings) {
  const bool changed = now < record.last || since(record.last, now) > settings.remember / kRenewals;
  if (changed) record.last = now;
  return {Kind::passes, {}, record, record.last + settings.remember, changed};
}

std::string digest(std::string_view name, std::size_t octets) {
  return mail::sha256(name).substr(0, octets);
}

constexpr std::size_t kOfClient = 6, kOfSender = 5, kOfRecipient = 5;
static_assert(kOfClient + kOfSender + kOfRecipient == kKey);

std::string client_part(const ClientIdentity& identity) { return digest(identity.name, kOfClient); }
std::string sender_part(const mail::Path& sender) { return digest(lasting_sender(sender), kOfSender); }
std::string recipient_part(const mail::Path& recipient) { return digest(recipient.key(), kOfRecipient); }

}  // namespace

std::string GreylistRecord::packed() const {
  std::string out;
  pack(out, first);
  pack(out, last);
  out += passed ? '\1' : '\0';
  return out;
}

std::optional<GreylistRecord> GreylistRecord::unpack(std::string_view packed) {
  if (packed.size() != 17) return std::nullopt;
  return GreylistRecord{unpack_time(packed.substr(0, 8)), unpack_time(packed.substr(8, 8)),
                        packed.back() != '\0'};
}

GreylistStep greylist_step(const std::optional<GreylistRecord>& record, WallTime now,
                           const GreylistSettings& settings) {
  now = floor<seconds>(now);
  if (!record) return begin(now, settings);
  if (record->passed)
    return since(record->last, now) > settings.remember ? begin(now, settings)
                                                        : renew(*record, now, settings);
  const Duration waited = since(record->first, now);
  if (now < record->first || waited > settings.window) return begin(now, settings);
  if (waited < settings.delay)
    return {Kind::waits, settings.delay - waited, *record, record->first + settings.window, false};
  return {Kind::came_back, {}, {record->first, now, true}, now + settings.remember, true};
}

bool GreylistIdentity::is_known(const GreylistSettings& settings) const {
  return settings.known_after > 0 && passes >= settings.known_after;
}

std::optional<GreylistIdentity> GreylistIdentity::counted(WallTime now) const {
  if (passes > 0 && now >= last && now - last < kApart) return std::nullopt;
  return GreylistIdentity{passes + 1, now};
}

std::optional<GreylistIdentity> GreylistIdentity::renewed(WallTime now,
                                                          const GreylistSettings& settings) const {
  if (now >= last && since(last, now) <= settings.remember / kRenewals) return std::nullopt;
  return GreylistIdentity{passes, now};
}

std::string GreylistIdentity::packed() const {
  std::string out;
  pack_number(out, static_cast<std::uint64_t>(passes), 4);
  pack(out, last);
  return out;
}

std::optional<GreylistIdentity> GreylistIdentity::unpack(std::string_view packed) {
  if (packed.size() != 12) return std::nullopt;
  const auto passes = unpack_number(packed.substr(0, 4));
  return GreylistIdentity{static_cast<int>(std::min<std::uint64_t>(passes, 1'000'000)),
                          unpack_time(packed.substr(4))};
}

std::string greylist_key(const ClientIdentity& identity, const mail::Path& sender,
                         const mail::Path& recipient) {
  return client_part(identity) + sender_part(sender) + recipient_part(recipient);
}

std::string greylist_key(const ClientIdentity& identity, bool watched) {
  return digest(watched ? "observed " + identity.name : identity.name, kKey);
}

GreylistChoice& GreylistChoice::of_client(const ClientIdentity& identity) {
  client_ = client_part(identity);
  return *this;
}

GreylistChoice& GreylistChoice::from(const mail::Path& sender) {
  sender_ = sender_part(sender);
  return *this;
}

GreylistChoice& GreylistChoice::to(const mail::Path& recipient) {
  recipient_ = recipient_part(recipient);
  return *this;
}

bool GreylistChoice::has(std::string_view key) const {
  if (key.size() != kKey) return false;
  return key.starts_with(client_) && key.substr(kOfClient).starts_with(sender_) &&
         key.ends_with(recipient_);
}

std::variant<bool, Need> is_greylisted(const mail::Evidence& evidence, const CheckSettings& settings,
                                       bool seen_lately) {
  const GreylistSettings& greylist = settings.greylist;
  if (greylist.mode == Mode::off || (greylist.apply == GreylistApply::unknown && seen_lately)) return false;
  const int from = greylist.apply == GreylistApply::doubtful ? settings.doubtful_at : 0;
  auto judged = has_points(evidence, settings, from);
  if (auto* reached = std::get_if<bool>(&judged); !reached || !*reached) return judged;
  Need need{identity_waits_for(evidence)};
  if (need.facts.empty()) return true;
  return need;
}

}  // namespace sallyport::policy
