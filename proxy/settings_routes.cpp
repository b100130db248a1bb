// Routes, and what their TLS and AUTH need to make sense.
#include <fmt/format.h>

#include <algorithm>

#include "proxy/settings_loading.h"

namespace sallyport::proxy {
namespace {

using Entry = Named<RouteSection>;

void error(const Loading& loading, const Entry& route, std::string_view message, std::string hint = {}) {
  loading.diagnostics.error(route.position, fmt::format("routes.{}: {}", route.name, message),
                            std::move(hint));
}

// Certificates rarely carry addresses: such a route would defer all its mail.
void check_verified_addresses(const Loading& loading, const Entry& route) {
  if (route.value.tls != relay::TlsPolicy::verified || !route.value.tls_pins.empty()) return;
  for (const auto& hop : route.value.next_hops)
    if (IpAddress::parse(hop.value.name))
      loading.diagnostics.warning(
          hop.position,
          fmt::format("routes.{}: the certificate would have to carry the address {}", route.name,
                      hop.value.name),
          "write the name that stands in the certificate, or pin it with \"tls_pins\"");
}

// Only `verified` looks at the certificate: a pin beside another policy would protect nothing.
void check_tls(const Loading& loading, const Entry& route) {
  const auto& written = route.value;
  const bool verified = written.tls == relay::TlsPolicy::verified;
  if (!verified && !written.tls_pins.empty())
    error(loading, route, "\"tls_pins\" are looked at only with \"tls\": \"verified\"",
          R"("tls": "verified")");
  if (!verified && !written.tls_ca.empty())
    error(loading, route, "\"tls_ca\" is looked at only with \"tls\": \"verified\"",
          R"("tls": "verified")");
  if (!written.tls_pins.empty() && !written.tls_ca.empty())
    error(loading, route, "\"tls_pins\" and \"tls_ca\" exclude each other",
          "a pinned certificate is good whoever signed it");
  if (written.tls_certificate.empty() != written.tls_key.empty())
    error(loading, route, "\"tls_certificate\" and \"tls_key\" go together");
  if (written.tls != relay::TlsPolicy::never) return;
  for (const auto& hop : written.next_hops)
    if (hop.value.implicit_tls)
      loading.diagnostics.error(
          hop.position, fmt::format("routes.{}: smtps:// needs TLS, but \"tls\" is \"never\"", route.name));
}

void check_auth(const Loading& loading, const Entry& route) {
  if (!route.value.auth || route.value.auth->value.user.empty()) return;
  const auto& [auth, position] = *route.value.auth;
  const auto where = fmt::format("routes.{}.auth: ", route.name);
  if (auth.password.empty() == !auth.password_file.written())
    loading.diagnostics.error(position, where + "either \"password\" or \"password_file\"",
                              R"("password_file": "secrets/smarthost")");
  if (route.value.tls == relay::TlsPolicy::never)
    loading.diagnostics.error(position,
                              where + "passwords are sent under TLS only, but \"tls\" is \"never\"",
                              R"("tls": "verified")");
  if (route.value.tls == relay::TlsPolicy::opportunistic)
    loading.diagnostics.warning(position,
                                where + "with \"opportunistic\" an impostor can ask for the password",
                                R"("tls": "verified")");
}

io::ClientTlsSettings tls_settings(const RouteSection& written) {
  io::ClientTlsSettings settings;
  if (written.tls == relay::TlsPolicy::verified)
    settings.verify = written.tls_pins.empty() ? io::Verify::name : io::Verify::pin;
  settings.ca = written.tls_ca;
  settings.pins = written.tls_pins;
  if (!written.tls_certificate.empty()) settings.identity = {written.tls_certificate, written.tls_key};
  settings.minimum = written.tls_minimum;
  return settings;
}

std::shared_ptr<const io::ClientTls> load_tls(const Loading& loading, const Entry& route) {
  if (route.value.tls == relay::TlsPolicy::never || !loading.options.open_files) return nullptr;
  auto tls = io::ClientTls::load(tls_settings(route.value));
  if (tls) return *tls;
  error(loading, route, tls.error().detail);
  return nullptr;
}

std::optional<relay::Credentials> credentials(const Loading& loading, const Entry& route) {
  if (!route.value.auth) return std::nullopt;
  const auto& auth = route.value.auth->value;
  const bool from_file = auth.password_file.written();
  return relay::Credentials{auth.user,
                            from_file ? read_password(auth.password_file, loading) : auth.password};
}

std::shared_ptr<const relay::Route> compose_route(const Loading& loading, const Entry& entry) {
  check_tls(loading, entry);
  check_verified_addresses(loading, entry);
  check_auth(loading, entry);
  const auto& source = entry.value.recipient_source;
  auto route = std::make_shared<relay::Route>(entry.value);
  route->name = entry.name;
  for (const auto& hop : entry.value.next_hops) route->hosts.push_back(hop.value);
  route->tls_settings = load_tls(loading, entry);
  route->credentials = credentials(loading, entry);
  route->recipients = source.value.check;
  route->ask_host = source.value.ask;
  if (!source.value.list.empty())
    route->recipient_list = read_recipient_list(source.value.list, source.position, loading);
  return route;
}

bool exists(const Loading& loading, const std::string& name) {
  return std::ranges::count(loading.written.routes, name, &Entry::name) > 0;
}

void check_exists(const Loading& loading, const Located<std::string>& route, const std::string& where) {
  if (route.value.empty() || exists(loading, route.value)) return;
  std::vector<std::string> names;
  for (const auto& entry : loading.written.routes) names.push_back(entry.name);
  loading.diagnostics.error(route.position, fmt::format("{}: there is no route \"{}\"", where, route.value),
                            config::did_you_mean(route.value, names));
}

}  // namespace

std::map<std::string, std::shared_ptr<const relay::Route>> compose_routes(const Loading& loading) {
  std::map<std::string, std::shared_ptr<const relay::Route>> routes;
  for (const auto& entry : loading.written.routes)
    routes.emplace(entry.name, compose_route(loading, entry));
  return routes;
}

void check_route_names(const Loading& loading) {
  const auto& written = loading.written;
  std::vector<std::string> used{written.outbound.route.value};
  check_exists(loading, written.outbound.route, "outbound.route");
  for (const auto& domain : written.domains.value) {
    check_exists(loading, domain.value.route, fmt::format("domains.\"{}\".route", domain.name));
    used.push_back(domain.value.route.value);
  }
  for (const auto& entry : written.routes)
    if (std::ranges::count(used, entry.name) == 0)
      loading.diagnostics.warning(
          entry.position,
          fmt::format("routes.{}: no domain uses this route, nor does \"outbound\"", entry.name));
}

}  // namespace sallyport::proxy
