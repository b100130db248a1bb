#include "policy/recipient.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/case_folding.h"
#include "base/text.h"
#include "policy/observed.h"

namespace sallyport::policy {
namespace {

bool is_listed(const std::string& value, const std::vector<std::string>& list) {
  return !value.empty() && std::ranges::find(list, value) != list.end();
}

// The line of a barring list that means an address, and what follows from it.
struct Bar {
  Refusal why;
  const BarringList& by;
  std::string line{};     // "file:line"; "" = no line does
  std::string pattern{};  // what it says

  bool refuses() const { return !line.empty() && by.mode == Mode::enforce; }
  Refuse refusal() const { return {why, mail::reply(why, by.reply), line, by.reply_id, {}, pattern}; }
  // For a list that only observes.
  std::string observed() const {
    return line.empty() || by.mode != Mode::observe ? ""
                                                    : fmt::format("{} {}", mail::text_of(why).name, line);
  }
};

// user%other.host@our.domain: the old request to forward (RFC 1123 5.2.16). In quotes it is the same: next
// hops read the local part without them (Postfix: resolve_dequoted_address).
bool is_percent_hack(const mail::Path& path) { return path.local.contains('%'); }

// "user@host"@our.domain, host!user@our.domain: like the percent hack they name another host in the local
// part.
bool is_quoted_path(const mail::Path& path) { return path.is_quoted() && path.local.contains('@'); }

bool is_bang_path(const mail::Path& path) {
  const std::string said = path.unquoted_local();
  const auto bang = said.find('!', 1);
  return bang != std::string::npos && bang + 1 < said.size();
}

// The host that such a path names; where that is none, its domain.
std::string named_host(const mail::Path& path) {
  const std::string said = path.unquoted_local();
  const auto at = said.rfind('@');
  mail::DomainName host;
  const auto fault = mail::parse_domain(
      at == std::string::npos ? said.substr(0, said.find('!')) : said.substr(at + 1), host);
  return fault == mail::DomainFault::none ? host.ascii : path.domain;
}

Bar bar(Refusal why, const BarringList& by, const mail::Path* path) {
  if (!path || by.mode == Mode::off || by.list.size() == 0) return {why, by};
  const auto line = by.bars(*path);
  if (!line) return {why, by};
  return {why, by, fmt::format("{}:{}", by.list.file(), *line), std::string(by.list.pattern(*line))};
}

RecipientVerdict observing(RecipientVerdict verdict, const Bar& recipient, const Bar& sender) {
  std::string observed = recipient.observed();
  add_observed(observed, sender.observed());
  std::visit([&](auto& decided) { decided.observed = observed; }, verdict);
  return verdict;
}

bool may_relay(const ClientFacts& client, const Settings& settings) {
  return settings.outbound_route && relay_right(client, settings) != RelayRight::none;
}

RecipientVerdict judge_foreign(const ClientFacts& client, const mail::Path& recipient,
                               const Settings& settings) {
  const bool allowed = may_relay(client, settings);
  if (allowed && is_percent_hack(recipient)) return refuse(Refusal::percent_hack);
  if (!allowed || recipient.is_literal() || is_quoted_path(recipient) || is_bang_path(recipient))
    return refuse(Refusal::relay, recipient.domain);
  return Accept{*settings.outbound_route, false, true};
}

// The next hop trusts us: what it would pass on to another host never reaches it, barred or not. Bang paths
// are a matter of taste where the client may relay anyway.
RecipientVerdict judge_ours(const ClientFacts& client, const mail::Path& recipient,
                            const std::string& route, const Settings& settings) {
  const bool elsewhere =
      is_quoted_path(recipient) || (is_bang_path(recipient) && !may_relay(client, settings));
  if (elsewhere) return refuse(Refusal::relay, named_host(recipient));
  return Accept{route, false, false};
}

// Bare <postmaster> has no domain: the first of ours in name order takes it (RFC 5321 4.5.1).
RecipientVerdict judge_bare(const Settings& settings) {
  const auto& exact = settings.domains.exact();
  const auto& names = exact.empty() ? settings.domains.below() : exact;
  if (names.empty()) return refuse(Refusal::no_domain);
  return Accept{names.begin()->second, true, false};
}

}  // namespace

Refuse refuse(Refusal why, std::string_view detail) { return {why, mail::reply(why, detail), {}, true}; }

bool contains(std::span<const Network> networks, const IpAddress& address) {
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

std::string mailbox_behind_detail(const mail::Path& recipient, const Settings& settings) {
  const std::string* route = settings.domains.find(recipient.domain_ascii);
  const auto found =
      route ? settings.subaddress_separators.find(*route) : settings.subaddress_separators.end();
  if (found == settings.subaddress_separators.end()) return {};
  const std::string local = fold_case(recipient.plain_local());
  const auto user = mail::without_detail(local, found->second);
  return user.size() == local.size() ? "" : std::string(user) + '@' + recipient.domain_ascii;
}

bool is_role_address(const mail::Path& path, const Settings& settings) {
  return std::ranges::any_of(settings.role_names,
                             [&](const std::string& name) { return iequals(path.plain_local(), name); });
}

RecipientVerdict judge_recipient(const ClientFacts& client, const mail::Path* sender,
                                 const mail::Path& recipient, const Settings& settings, Sparing sparing) {
  bool bare = recipient.domain.empty();
  const std::string* route = bare ? nullptr : settings.domains.find(recipient.domain_ascii);
  if (route && is_percent_hack(recipient)) return refuse(Refusal::percent_hack);
  if (sparing == Sparing::as_configured && route && is_role_address(recipient, settings))
    return Accept{*route, true, false};
  if (bare && iequals(recipient.local, "postmaster")) return judge_bare(settings);
  const Bar barred = bar(Refusal::barred_recipient, settings.barring.recipients, &recipient);
  const Bar from = bar(Refusal::barred_sender, settings.barring.senders, sender);
  if (barred.refuses()) return observing(barred.refusal(), barred, from);
  if (bare) return refuse(Refusal::no_domain);
  auto verdict =
      route ? judge_ours(client, recipient, *route, settings) : judge_foreign(client, recipient, settings);
  if (std::holds_alternative<Refuse>(verdict)) return verdict;
  if (from.refuses()) return observing(from.refusal(), barred, from);
  return observing(std::move(verdict), barred, from);
}

std::optional<Refuse> judge_trace(int received, int received_by_us, const Settings& settings) {
  if (received > settings.max_received)
    return refuse(Refusal::loop, fmt::format("{} Received fields", received));
  if (received_by_us > settings.max_received_by_us)
    return refuse(Refusal::loop, fmt::format("passed here {} times", received_by_us));
  return std::nullopt;
}

}  // namespace sallyport::policy
