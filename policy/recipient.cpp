#include "policy/recipient.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace sallyport::policy {
namespace {

bool is_listed(const std::string& value, const std::vector<std::string>& list) {
  return !value.empty() && std::ranges::find(list, value) != list.end();
}

Refuse refuse(Refusal why, std::string_view detail = {}) {
  return {why, mail::reply(why, detail), {}, true};
}

Refuse barred(Refusal why, const WildcardList& list, int line, const Barring& barring) {
  return {why, mail::reply(why, barring.reply), fmt::format("{}:{}", list.file(), line), barring.reply_id};
}

// user%other.host@our.domain: the old request to forward (RFC 1123 5.2.16). A quoted local part is a
// name, whatever it holds.
bool is_percent_hack(const mail::Path& path) {
  return !path.is_quoted() && path.local.find('%') != std::string::npos;
}

bool is_bang_path(const mail::Path& path) {
  return !path.is_quoted() && path.local.find('!') != std::string::npos;
}

// "user@host"@our.domain: a quoted forward path. Like the percent hack and the bang path it names
// another host in the local part, so it is never sent out through the outbound route.
bool names_another_host(const mail::Path& path) {
  return is_percent_hack(path) || is_bang_path(path) ||
         (path.is_quoted() && path.local.find('@') != std::string::npos);
}

// The recipient as the barring lists see it: as written, quotes kept, the source route resolved.
std::optional<int> barring_line(const mail::Path& recipient, const Settings& settings) {
  return settings.barring.recipients.bars(recipient.address());
}

RecipientVerdict judge_foreign(const ClientFacts& client, const mail::Path& recipient,
                               const Settings& settings) {
  bool may_relay = relay_right(client, settings) != RelayRight::none && settings.outbound_route;
  if (may_relay && is_percent_hack(recipient)) return refuse(Refusal::percent_hack);
  if (!may_relay || recipient.is_literal() || names_another_host(recipient))
    return refuse(Refusal::relay, recipient.domain);
  return Accept{*settings.outbound_route, false, true};
}

// Bare <postmaster> has no domain: the first of ours in name order takes it (RFC 5321 4.5.1).
RecipientVerdict judge_bare(const mail::Path& recipient, const Settings& settings) {
  if (!iequals(recipient.local, "postmaster")) return refuse(Refusal::no_domain);
  const auto& exact = settings.domains.exact();
  const auto& names = exact.empty() ? settings.domains.below() : exact;
  if (names.empty()) return refuse(Refusal::no_domain);
  return Accept{names.begin()->second, true, false};
}

}  // namespace

bool contains(const std::vector<Network>& networks, const IpAddress& address) {
  return std::ranges::any_of(networks, [&](const Network& network) { return network.contains(address); });
}

RelayRight relay_right(const ClientFacts& client, const Settings& settings) {
  const ClientCertificates& listed = settings.client_certificates;
  if (contains(settings.trusted_networks, client.address)) return RelayRight::trusted_network;
  if (!client.authenticated.empty()) return RelayRight::authenticated;
  bool by_certificate = is_listed(client.certificate_fingerprint, listed.fingerprints) ||
                        is_listed(client.certificate_name, listed.names);
  return by_certificate ? RelayRight::client_certificate : RelayRight::none;
}

bool is_trusted(const IpAddress& address, const Settings& settings) {
  return contains(settings.trusted_networks, address);
}

bool is_upstream(const IpAddress& address, const Settings& settings) {
  return contains(settings.upstream, address);
}

bool is_role_address(const mail::Path& path, const Settings& settings) {
  return std::ranges::any_of(settings.role_names,
                             [&](const std::string& name) { return iequals(path.local, name); });
}

RecipientVerdict judge_recipient(const ClientFacts& client, const mail::Path* sender,
                                 const mail::Path& recipient, const Settings& settings) {
  bool bare = recipient.domain.empty();
  const std::string* route = bare ? nullptr : settings.domains.find(recipient.domain_ascii);
  if (route && is_percent_hack(recipient)) return refuse(Refusal::percent_hack);
  if (route && is_role_address(recipient, settings)) return Accept{*route, true, false};
  if (const auto line = barring_line(recipient, settings))
    return barred(Refusal::barred_recipient, settings.barring.recipients, *line, settings.barring);
  if (bare) return judge_bare(recipient, settings);
  auto verdict = route ? Accept{*route, false, false} : judge_foreign(client, recipient, settings);
  const auto line = sender ? settings.barring.senders.bars(sender->address()) : std::nullopt;
  if (line && std::holds_alternative<Accept>(verdict))
    return barred(Refusal::barred_sender, settings.barring.senders, *line, settings.barring);
  return verdict;
}

std::optional<Refuse> judge_trace(int received, int received_by_us, const Settings& settings) {
  if (received > settings.max_received)
    return refuse(Refusal::loop, fmt::format("{} Received fields", received));
  if (received_by_us > settings.max_received_by_us)
    return refuse(Refusal::loop, fmt::format("passed here {} times", received_by_us));
  return std::nullopt;
}

}  // namespace sallyport::policy
