#include "proxy/penalties.h"

#include <vector>

namespace sallyport::proxy {
namespace {

using policy::ClientIdentity;
using policy::PenaltyRecord;
using policy::PenaltySettings;
using policy::PenaltyStanding;

constexpr std::string_view kKind = "rate";

std::string key_of(const std::string& name, Ledger ledger) {
  return (ledger == Ledger::watching ? "observed penalty " : "penalty ") + name;
}

// Its network first.
std::vector<std::string> names(const Penalized& who) {
  std::vector<std::string> both{policy::identify(who.client).name};
  if (who.identity.name != both.front()) both.push_back(who.identity.name);
  return both;
}

}  // namespace

Penalties::Record Penalties::record(const std::string& name, Ledger ledger, WallTime now,
                                    const PenaltySettings& settings) const {
  const auto packed = state_.get(kKind, key_of(name, ledger));
  const auto record = packed ? PenaltyRecord::unpack(*packed) : std::nullopt;
  if (!record) return std::nullopt;
  return record->as_of(now, settings);
}

Penalties::Record Penalties::seen(const std::string& name, Ledger ledger, WallTime now,
                                  const PenaltySettings& settings) const {
  const Record acting = record(name, Ledger::acting, now, settings);
  if (ledger == Ledger::acting) return acting;
  const Record watching = record(name, Ledger::watching, now, settings);
  return acting && watching ? acting->with(*watching) : acting ? acting : watching;
}

PenaltyStanding Penalties::look(const Penalized& who, const PenaltySettings& settings, Ledger ledger,
                                int unbooked) const {
  const WallTime now = state_.now();
  const std::vector<std::string> both = names(who);
  const auto held_against = [&](const std::string& name) {
    const Record found = seen(name, ledger, now, settings);
    return unbooked > 0 ? found.value_or(PenaltyRecord{}).after(unbooked) : found;
  };
  policy::HeldAgainst held{.network = held_against(both.front()).value_or(PenaltyRecord{})};
  if (both.size() > 1) held.own = held_against(both.back());
  held.shared_name = who.identity.kind == ClientIdentity::Kind::organisation;
  held.all_read = state_.is_complete(kKind);
  return policy::judge_penalty(held, now, settings);
}

template <class Step>
void Penalties::update(const Penalized& who, Ledger ledger, const PenaltySettings& settings, Step step) {
  const WallTime now = state_.now();
  for (const std::string& name : names(who))
    state_.update(kKind, key_of(name, ledger), [&](store::StateEntry& entry) {
      const auto before = PenaltyRecord::unpack(entry.value).value_or(PenaltyRecord{0, 0, now});
      const PenaltyRecord record = step(before.as_of(now, settings));
      entry.value = record.packed();
      entry.expires = record.worthless_from(settings);
      return true;
    });
}

void Penalties::charge(const Penalized& who, int weight, const PenaltySettings& settings, Ledger ledger) {
  update(who, ledger, settings, [&](const PenaltyRecord& record) { return record.after(weight); });
}

void Penalties::taken(const Penalized& who, const PenaltySettings& settings, Ledger ledger) {
  update(who, ledger, settings, [](const PenaltyRecord& record) { return record.after_taken(); });
}

}  // namespace sallyport::proxy
