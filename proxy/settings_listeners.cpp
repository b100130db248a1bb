// Listeners and certificates.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/config/document.h"
#include "proxy/settings_loading.h"

namespace sallyport::proxy {
namespace {

namespace fs = std::filesystem;

using Entry = Named<ListenerSection>;
constexpr std::uint16_t mx_port = 25;

bool has_certificate(const TlsSection& tls) {
  return !tls.certificate.empty() || !tls.certificates.empty();
}

// A CA whose certificates anybody can buy vouches for nobody's right to relay.
bool is_public_trust(const std::string& file) {
  std::error_code ignored;
  const auto real = fs::weakly_canonical(file, ignored).string();
  return std::ranges::any_of(
      std::array{"/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/pki/tls", "/etc/pki/ca-trust",
                 "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/lib/ssl"},
      [&](std::string_view place) { return real.starts_with(place) || file.starts_with(place); });
}

void check_client_certificates(const Loading& loading) {
  const auto& tls = loading.written.tls.value;
  if (is_public_trust(tls.client_ca.value))
    loading.diagnostics.error(tls.client_ca.position,
                              "tls.client_ca: a certificate of the system's trust store can be had by "
                              "anybody, so it gives no right to relay",
                              "name a private CA of your own, or list \"client_fingerprints\"");
  if (!tls.client_names.value.empty() && !tls.client_ca.written())
    loading.diagnostics.error(tls.client_names.position,
                              "tls.client_names: nobody vouches for these names without \"client_ca\"",
                              "name the private CA in \"client_ca\", or list \"client_fingerprints\"");
  if (tls.client_ca.written() && tls.client_names.value.empty())
    loading.diagnostics.warning(
        tls.client_ca.position,
        "tls.client_ca: without \"client_names\" its certificates give no right to relay");
}

// Whether the kernel refuses to have both; [::] takes IPv4 too.
bool clash(const Endpoint& a, const Endpoint& b) {
  const auto covers = [](const IpAddress& wide, const IpAddress& other) {
    return wide == IpAddress() || (wide.is_unspecified() && other.is_v4());
  };
  if (a.port == 0 || a.port != b.port) return false;  // port 0: any free one
  return a.address == b.address || covers(a.address, b.address) || covers(b.address, a.address);
}

void check_clashes(const Loading& loading) {
  std::vector<Located<Endpoint>> seen;
  for (const auto& listener : loading.written.listeners.value)
    for (const auto& bind : listener.value.binds) {
      const auto other =
          std::ranges::find_if(seen, [&](const auto& earlier) { return clash(earlier.value, bind.value); });
      if (other != seen.end())
        loading.diagnostics.error(bind.position,
                                  fmt::format("listeners.{}: {} is taken already by {}", listener.name,
                                              bind.value.to_string(), other->value.to_string()),
                                  "see " + other->position.to_string());
      seen.push_back(bind);
    }
}

void check_tls(const Loading& loading, const Entry& listener) {
  const auto tell = [&](std::string_view what, std::string hint) {
    loading.diagnostics.error(listener.position, fmt::format("listeners.{}: {}", listener.name, what),
                              std::move(hint));
  };
  const std::string hint = R"("tls": { "certificate": "tls/fullchain.pem", "key": "tls/key.pem" })";
  const auto& written = listener.value;
  if (written.tls_required && written.tls == ListenerTls::none)
    tell("\"tls_required\" with \"tls\": \"none\" lets nobody send", R"("tls": "starttls")");
  if (written.tls == ListenerTls::none || has_certificate(loading.written.tls.value)) return;
  if (written.tls == ListenerTls::implicit)
    tell("implicit TLS needs a certificate, but none is configured", hint);
  else if (written.tls_required)
    tell("\"tls_required\" needs a certificate, but none is configured", hint);
  else
    loading.diagnostics.warning(
        listener.position,
        fmt::format("listeners.{}: no certificate is configured, so STARTTLS is not offered",
                    listener.name),
        hint);
}

// Port 25 is where strangers deliver; what shuts them out there is nearly always meant for 587.
void check_mx_port(const Loading& loading, const Entry& listener) {
  const auto on_mx_port = [](const Located<Endpoint>& bind) { return bind.value.port == mx_port; };
  if (std::ranges::none_of(listener.value.binds, on_mx_port)) return;
  const auto warn = [&](std::string_view what) {
    loading.diagnostics.warning(listener.position, fmt::format("listeners.{}: {}", listener.name, what),
                                "port 587 is for submission");
  };
  if (listener.value.tls_required)
    warn(
        "\"tls_required\" on port 25 keeps out senders that know no TLS (RFC 3207 forbids it for public "
        "servers)");
  if (listener.value.tls == ListenerTls::implicit)
    warn("implicit TLS on port 25: no mail server will understand it");
  if (listener.value.auth_required) warn("\"auth\": \"required\" on port 25: no mail server will deliver");
}

void check_users(const Loading& loading, const Entry& listener) {
  if (!listener.value.auth_required) return;
  if (listener.value.tls == ListenerTls::none)
    loading.diagnostics.warning(
        listener.position,
        fmt::format("listeners.{}: AUTH is offered under TLS only, so nobody can send here", listener.name),
        R"("tls": "starttls" or "implicit")");
  if (loading.written.users.written()) return;
  loading.diagnostics.warning(
      listener.position,
      fmt::format("listeners.{}: without \"users\" nobody can authenticate here", listener.name),
      R"("users": "users", a file with `name:hash` lines as `mkpasswd` makes them)");
}

io::ServerTlsSettings server_settings(const TlsSection& tls) {
  io::ServerTlsSettings settings;
  if (!tls.certificate.empty()) settings.certificates.push_back({tls.certificate, tls.key});
  settings.certificates.insert(settings.certificates.end(), tls.certificates.begin(),
                               tls.certificates.end());
  settings.minimum = tls.minimum;
  settings.client_ca = tls.client_ca.value;
  settings.ask_for_client_certificate = !tls.client_fingerprints.empty() || !tls.client_names.value.empty();
  return settings;
}

// An expired certificate is served all the same: few senders verify it, and no TLS would be worse.
void warn_of_expiry(const Loading& loading, const io::ServerTls& tls) {
  constexpr auto soon = std::chrono::hours(24 * 7);
  const auto now = system_clock().wall();
  if (tls.expires() > now + soon) return;
  loading.diagnostics.warning(
      loading.written.tls.position,
      fmt::format("tls: a certificate {} on {:%Y-%m-%d}", tls.expires() > now ? "expires" : "expired",
                  fmt::gmtime(std::chrono::system_clock::to_time_t(tls.expires()))));
}

}  // namespace

std::shared_ptr<const io::ServerTls> compose_tls(const Loading& loading) {
  const auto& tls = loading.written.tls;
  check_client_certificates(loading);
  if (tls.value.certificate.empty() != tls.value.key.empty()) {
    loading.diagnostics.error(tls.position, "tls: \"certificate\" and \"key\" go together");
    return nullptr;
  }
  if (!has_certificate(tls.value) || !loading.options.open_files) return nullptr;
  auto loaded = io::ServerTls::load(server_settings(tls.value));
  if (!loaded) {
    loading.diagnostics.error(tls.position, "tls: " + loaded.error().detail);
    return nullptr;
  }
  warn_of_expiry(loading, **loaded);
  return *loaded;
}

std::vector<ListenerSettings> compose_listeners(const Loading& loading) {
  const auto& written = loading.written.listeners;
  if (written.value.empty())
    loading.diagnostics.error(written.written() ? written.position : loading.whole(),
                              "\"listeners\": there are none, so no mail can come in",
                              R"("listeners": { "mx": { "bind": ["[::]:25"] } })");
  std::vector<ListenerSettings> out;
  for (const auto& entry : written.value) {
    check_tls(loading, entry);
    check_mx_port(loading, entry);
    check_users(loading, entry);
    out.push_back(entry.value);
    out.back().name = entry.name;
    for (const auto& bind : entry.value.binds) out.back().bind.push_back(bind.value);
    if (!has_certificate(loading.written.tls.value)) out.back().tls = ListenerTls::none;
  }
  check_clashes(loading);
  check_users_file(loading.written.users, loading);
  if (!written.value.empty() && loading.written.domains.value.empty())
    loading.diagnostics.warning(
        loading.written.domains.written() ? loading.written.domains.position : loading.whole(),
        "\"domains\": there are none, so no mail is accepted",
        R"("domains": { "example.com": { "route": "groupware" } })");
  return out;
}

}  // namespace sallyport::proxy
