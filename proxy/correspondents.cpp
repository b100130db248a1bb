#include "proxy/correspondents.h"

#include <fmt/format.h>

#include "base/text.h"

namespace sallyport::proxy {
namespace {

constexpr const char* kOfAddress = "correspondent";
constexpr const char* kOfDomain = "correspondent-domain";

std::string address_key(const mail::Path& ours, const mail::Path& theirs) {
  return policy::correspondent_key(policy::mailbox_of(ours), policy::correspondent_of(theirs));
}

std::string domain_key(const std::string& domain, const mail::Path& theirs) {
  return policy::correspondent_key(domain, policy::correspondent_of(theirs));
}

}  // namespace

Correspondents::Of Correspondents::look(const mail::Path& sender, const mail::Path& recipient,
                                        const policy::CorrespondentSettings& settings) const {
  // Where nobody sends mail out there is none, and no digest is needed to know it.
  if (state_.count(kOfAddress) == 0 && state_.count(kOfDomain) == 0) return Of::nobody;
  const std::string theirs = policy::correspondent_of(sender);
  const auto knows = [&](const char* kind, const std::string& ours) {
    const auto last = this->last(kind, policy::correspondent_key(ours, theirs));
    return last && policy::is_correspondent(*last, state_.now(), settings);
  };
  if (knows(kOfAddress, policy::mailbox_of(recipient))) return Of::recipient;
  return knows(kOfDomain, recipient.domain_ascii) ? Of::domain : Of::nobody;
}

void Correspondents::learn(const mail::Path& ours, const mail::Path& theirs,
                           const policy::CorrespondentSettings& settings) {
  renew(kOfAddress, address_key(ours, theirs), settings);
  renew(kOfDomain, domain_key(ours.domain_ascii, theirs), settings);
}

std::optional<WallTime> Correspondents::last_written(const mail::Path& ours,
                                                     const mail::Path& theirs) const {
  return last(kOfAddress, address_key(ours, theirs));
}

std::optional<WallTime> Correspondents::last_written(const std::string& domain,
                                                     const mail::Path& theirs) const {
  return last(kOfDomain, domain_key(domain, theirs));
}

bool Correspondents::forget(const mail::Path& ours, const mail::Path& theirs) {
  return forget(kOfAddress, address_key(ours, theirs));
}

bool Correspondents::forget(const std::string& domain, const mail::Path& theirs) {
  return forget(kOfDomain, domain_key(domain, theirs));
}

std::size_t Correspondents::count() const { return state_.count(kOfAddress); }

std::optional<WallTime> Correspondents::last(const char* kind, const std::string& key) const {
  const auto kept = state_.get(kind, key);
  const auto seconds = kept ? parse_unsigned(*kept) : std::nullopt;
  if (!seconds) return std::nullopt;
  return WallTime(std::chrono::seconds(*seconds));
}

void Correspondents::renew(const char* kind, const std::string& key,
                           const policy::CorrespondentSettings& settings) {
  const WallTime now = std::chrono::floor<std::chrono::seconds>(state_.now());
  if (const auto before = last(kind, key); before && !policy::is_renewed(*before, now, settings)) return;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  state_.put(kind, key, fmt::format("{}", seconds), now + settings.remember);
}

bool Correspondents::forget(const char* kind, const std::string& key) {
  if (!state_.get(kind, key)) return false;
  state_.erase(kind, key);
  return true;
}

}  // namespace sallyport::proxy
