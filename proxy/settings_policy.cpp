// Our name, our domains, role mailbox.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/mail/address.h"
#include "base/text.h"
#include "proxy/settings_loading.h"

namespace sallyport::proxy {
std::string canonical_domain(const Named<DomainSection>& domain, config::Diagnostics& diagnostics) {
  std::string_view name = domain.name;
  const bool wildcard = name.starts_with("*.");
  if (wildcard) name.remove_prefix(2);
  mail::DomainName parsed;
  const auto fault = mail::parse_domain(name, parsed);
  const std::string shown = printable(domain.name, 80);
  if (fault == mail::DomainFault::needs_mapping) {
    diagnostics.error(domain.position, fmt::format("domains: \"{}\" is not written as DNS has it", shown),
                      "lower case, no full-width letters; or write its A-labels (xn--...)");
  } else if (fault == mail::DomainFault::syntax) {
    diagnostics.error(domain.position, fmt::format("domains: \"{}\" is not a domain", shown),
                      "a domain is written \"example.com\", everything below it \"*.example.com\"");
  } else if (wildcard && !parsed.ascii.contains('.')) {
    diagnostics.error(domain.position, fmt::format("domains: \"{}\" is a whole top-level domain", shown));
  } else {
    return (wildcard ? "*." : "") + parsed.ascii;
  }
  return {};
}

namespace {

std::string system_hostname() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

// RFC 2606 keeps these for documentation: whoever has one has not edited it yet.
bool is_placeholder(std::string_view hostname) {
  return std::ranges::any_of(std::array{"example.com", "example.net", "example.org"},
                             [&](std::string_view domain) {
                               return hostname == domain || hostname.ends_with("." + std::string(domain));
                             });
}

policy::Domains compose_domains(const Loading& loading) {
  policy::Domains domains;
  std::map<std::string, config::Position> seen;
  for (const auto& domain : loading.written.domains.value) {
    const auto name = canonical_domain(domain, loading.diagnostics);
    if (name.empty()) continue;
    const auto [first, is_new] = seen.emplace(name, domain.position);
    if (is_new)
      domains.add(name, domain.value.route.value);
    else
      loading.diagnostics.error(
          domain.position,
          fmt::format("domains: \"{}\" is the same domain as an earlier one", printable(domain.name)),
          "the first is at " + first->second.to_string());
  }
  return domains;
}

// Mail to postmaster@ of every domain ends in one mailbox, by the route of the domain that it was sent to.
void check_role_routes(const Loading& loading, const std::string& mailbox_domain,
                       const std::string& route) {
  const auto exists = [&](const std::string& name) {
    return std::ranges::count(loading.written.routes, name, &Named<RouteSection>::name) > 0;
  };
  for (const auto& domain : loading.written.domains.value) {
    const auto& other = domain.value.route.value;
    if (other == route || !exists(other)) continue;
    return loading.diagnostics.warning(
        loading.written.role_mailbox.position,
        fmt::format("role_mailbox: {} takes the route \"{}\", but domains.\"{}\" takes \"{}\"",
                    mailbox_domain, printable(route), printable(domain.name, 80), printable(other)),
        fmt::format("the servers of \"{}\" must take mail to the role mailbox too", printable(other)));
  }
}

void check_role_address(const Loading& loading, const policy::Domains& domains) {
  const auto& mailbox = loading.written.role_mailbox;
  mail::Path path;
  if (mailbox.value.empty() ||
      mail::parse_path(mailbox.value, {.smtputf8 = true}, path) != mail::PathFault::none)
    return;
  if (const auto* const route = domains.find(path.domain_ascii); route)
    check_role_routes(loading, path.domain_ascii, *route);
  else if (!domains.empty())
    loading.diagnostics.error(mailbox.position,
                              fmt::format("role_mailbox: {} is not a domain of ours", path.domain_ascii),
                              "it must be a mailbox in one of \"domains\"");
  if (std::ranges::count(loading.written.role_names, to_lower(path.plain_local())) > 0)
    loading.diagnostics.warning(mailbox.position, "role_mailbox: this is a role address itself",
                                "name a mailbox that certainly exists: a person, or a shared mailbox");
}

void check_role_mailbox(const Loading& loading, const policy::Domains& domains) {
  const auto& written = loading.written;
  if (written.role_mailbox.written() || written.domains.value.empty())
    return check_role_address(loading, domains);
  loading.diagnostics.error(written.domains.position,
                            "\"role_mailbox\" is missing: mail to postmaster@ and abuse@ of every domain "
                            "must reach somebody, whatever the "
                            "internal server says of them",
                            R"("role_mailbox": "it@example.com", with a mailbox in one of these domains)");
}

std::vector<Network> values(const std::vector<Located<Network>>& located) {
  std::vector<Network> out;
  for (const auto& network : located) out.push_back(network.value);
  return out;
}

}  // namespace

std::string compose_hostname(const Written& written, const LoadOptions& options,
                             const config::Position& whole, config::Diagnostics& diagnostics) {
  if (written.hostname.written()) {
    if (is_placeholder(written.hostname.value))
      diagnostics.warning(
          written.hostname.position, "hostname: this is a name for examples",
          "write the name that the MX record and the reverse look-up (PTR) of this machine show");
    return written.hostname.value;
  }
  const auto system =
      to_lower(options.system_hostname.empty() ? system_hostname() : options.system_hostname);
  mail::DomainName name;
  if (system.contains('.') && mail::parse_domain(system, name) == mail::DomainFault::none)
    return name.ascii;
  diagnostics.error(
      whole,
      fmt::format("\"hostname\" is missing, and the system's own name \"{}\" is not fully qualified",
                  printable(system)),
      R"("hostname": "mx.example.com", the name that the MX record and the reverse look-up show)");
  return {};
}

std::shared_ptr<const policy::Settings> compose_site(const Loading& loading) {
  const auto& written = loading.written;
  auto settings = std::make_shared<policy::Settings>();
  settings->hostname = loading.hostname;
  settings->domains = compose_domains(loading);
  if (!written.outbound.route.value.empty()) settings->outbound_route = written.outbound.route.value;
  settings->trusted_networks = values(written.trusted_networks);
  settings->upstream = values(written.upstream);
  settings->client_certificates = {written.tls.value.client_fingerprints,
                                   written.tls.value.client_names.value};
  settings->role_names = written.role_names;
  settings->role_mailbox = written.role_mailbox.value;
  for (const auto& route : written.routes)
    settings->subaddress_separators.emplace(route.name, route.value.subaddress_separator);
  check_role_mailbox(loading, settings->domains);
  return settings;
}

}  // namespace sallyport::proxy
