#include "proxy/greylist.h"

#include "proxy/greylist_waiting.h"

namespace sallyport::proxy {
namespace {

constexpr std::string_view kKind = "greylist";
constexpr std::string_view kKnownKind = "greylist-known";

using policy::GreylistIdentity;
using policy::GreylistRecord;
using policy::GreylistSettings;
using Kind = policy::GreylistStep::Kind;

}  // namespace

std::optional<GreylistIdentity> Greylist::identity(const std::string& key) const {
  const auto packed = state_.get(kKnownKind, key);
  return packed ? GreylistIdentity::unpack(*packed) : std::nullopt;
}

bool Greylist::is_known(const GreylistCase& one, const GreylistSettings& settings) const {
  const auto is = [&](bool watched) {
    const auto known = identity(policy::greylist_key(one.identity, watched));
    return known && known->is_known(settings);
  };
  return is(false) || (one.watched && is(true));
}

GreylistStanding Greylist::look(const GreylistCase& one, const GreylistSettings& settings) const {
  const auto packed = state_.get(kKind, policy::greylist_key(one.identity, one.sender, one.recipient));
  const auto record = packed ? GreylistRecord::unpack(*packed) : std::nullopt;
  return {policy::greylist_step(record, state_.now(), settings), is_known(one, settings),
          !record && !(state_.is_complete(kKind) && state_.is_complete(kKnownKind))};
}

// Of an identity that is known nothing more is written than that: no record for each of its mails.
void Greylist::keep(const GreylistCase& one, const GreylistStanding& standing,
                    const GreylistSettings& settings) {
  const std::string key = policy::greylist_key(one.identity, one.watched);
  const auto now = state_.now();
  if (standing.known) {
    const auto known = identity(key);
    if (const auto renewed = known ? known->renewed(now, settings) : std::nullopt)
      keep_identity(key, *renewed, settings);
    return;
  }
  if (standing.unread) return;
  keep_step(one, standing.step);
  if (standing.step.kind != Kind::came_back) return;
  if (const auto counted = identity(key).value_or(GreylistIdentity{}).counted(now))
    keep_identity(key, *counted, settings);
}

void Greylist::keep_step(const GreylistCase& one, const policy::GreylistStep& step) {
  if (!step.changed) return;
  const std::string key = policy::greylist_key(one.identity, one.sender, one.recipient);
  state_.put(kKind, key, step.record.packed(), step.expires);
  GreylistWaiting waiting(state_);
  if (step.kind == Kind::begins)
    waiting.begins(
        {key, step.record.first, one.identity.name, one.sender.address(), one.recipient.address()},
        step.expires);
  if (step.kind == Kind::came_back) waiting.came_back(key, step.record.last - step.record.first);
}

void Greylist::keep_identity(const std::string& key, const GreylistIdentity& identity,
                             const GreylistSettings& settings) {
  state_.put(kKnownKind, key, identity.packed(), identity.last + settings.remember);
}

}  // namespace sallyport::proxy
