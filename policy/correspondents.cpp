#include "policy/correspondents.h"

#include "base/case_folding.h"
#include "base/mail/digest.h"
#include "policy/envelope_sender.h"
#include "policy/recipient.h"
#include "policy/settings.h"

namespace sallyport::policy {
namespace {

constexpr std::size_t kKey = 16;
constexpr int kRenewals = 30;  // while one is remembered: it is not written at each message

std::string without_tag(std::string_view local) { return std::string(mail::without_detail(local, "+")); }

bool is_ours(const mail::Path& path, const Settings& settings) {
  return settings.domains.find(path.domain_ascii) != nullptr;
}

}  // namespace

bool makes_correspondent(const SentMail& sent, const mail::Path& recipient, const Settings& settings) {
  const CorrespondentSettings& correspondents = settings.sender_lists.correspondents;
  if (correspondents.mode == Mode::off || sent.automatic) return false;
  if (sent.recipients > static_cast<std::size_t>(correspondents.recipients)) return false;
  if (sent.sender.is_null() || !is_ours(sent.sender, settings)) return false;
  if (recipient.domain.empty() || is_ours(recipient, settings)) return false;
  return relay_right(sent.client, settings) != RelayRight::none;
}

std::string mailbox_of(const mail::Path& path) {
  return without_tag(fold_case(path.plain_local())) + '@' + path.domain_ascii;
}

std::string correspondent_of(const mail::Path& sender) {
  return without_tag(unstamped_local(sender)) + '@' + sender.domain_ascii;
}

std::string correspondent_key(std::string_view ours, std::string_view theirs) {
  std::string pair;
  pair.reserve(ours.size() + 1 + theirs.size());
  pair += ours;
  pair += '\0';
  pair += theirs;
  std::string key = mail::sha256(pair);
  key.resize(kKey);
  return key;
}

bool is_correspondent(WallTime last_written, WallTime now, const CorrespondentSettings& settings) {
  return now < last_written || now - last_written <= settings.remember;
}

bool is_renewed(WallTime last_written, WallTime now, const CorrespondentSettings& settings) {
  return now < last_written || now - last_written > settings.remember / kRenewals;
}

}  // namespace sallyport::policy
