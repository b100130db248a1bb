#include "proxy/penalties.h"

#include <vector>

namespace sallyport::proxy {
namespace {

using policy::ClientIdentity;
using policy::PenaltyRecord;
using policy::PenaltySettings;
using policy::PenaltyStanding;

constexpr std::string_view kKind = "rate";

std::string key_of(const std::string& name) { return "penalty " + name; }

// Its network first.
std::vector<std::string> names(const IpAddress& client, const ClientIdentity& identity) {
  std::vector<std::string> both{policy::identify(client).name};
  if (identity.name != both.front()) both.push_back(identity.name);
  return both;
}

}  // namespace

std::optional<PenaltyRecord> Penalties::record(const std::string& name, WallTime now,
                                               const PenaltySettings& settings) const {
  const auto packed = state_.get(kKind, key_of(name));
  const auto record = packed ? PenaltyRecord::unpack(*packed) : std::nullopt;
  if (!record) return std::nullopt;
  return record->as_of(now, settings);
}

PenaltyStanding Penalties::look(const IpAddress& client, const ClientIdentity& identity,
                                const PenaltySettings& settings) const {
  const WallTime now = state_.now();
  const std::vector<std::string> both = names(client, identity);
  policy::HeldAgainst held{.network = record(both.front(), now, settings).value_or(PenaltyRecord{})};
  if (both.size() > 1) held.own = record(both.back(), now, settings);
  held.shared_name = identity.kind == ClientIdentity::Kind::organisation;
  held.all_read = state_.is_complete(kKind);
  return policy::judge_penalty(held, now, settings);
}

template <class Step>
void Penalties::update(const IpAddress& client, const ClientIdentity& identity,
                       const PenaltySettings& settings, Step step) {
  const WallTime now = state_.now();
  for (const std::string& name : names(client, identity))
    state_.update(kKind, key_of(name), [&](store::StateEntry& entry) {
      const auto before = PenaltyRecord::unpack(entry.value).value_or(PenaltyRecord{0, 0, now});
      const PenaltyRecord record = step(before.as_of(now, settings));
      entry.value = record.packed();
      entry.expires = record.worthless_from(settings);
      return true;
    });
}

void Penalties::charge(const IpAddress& client, const ClientIdentity& identity, int weight,
                       const PenaltySettings& settings) {
  update(client, identity, settings, [&](const PenaltyRecord& record) { return record.after(weight); });
}

void Penalties::taken(const IpAddress& client, const ClientIdentity& identity,
                      const PenaltySettings& settings) {
  update(client, identity, settings, [](const PenaltyRecord& record) { return record.after_taken(); });
}

}  // namespace sallyport::proxy
