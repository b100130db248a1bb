// Networks that are trusted too widely, and next hops that are ourselves.
#include <fmt/format.h>

#include <algorithm>

#include "proxy/settings_loading.h"

namespace sallyport::proxy {
namespace {

bool overlap(const Network& a, const Network& b) { return a.contains(b.base()) || b.contains(a.base()); }

// An IPv6 prefix that reaches into the mapped addresses, such as ::/0, is a way to write all of IPv4.
int ipv4_prefix(const Network& network) {
  constexpr int mapped_bits = 96;
  if (network.contains(IpAddress::v4(0)) && network.prefix128() <= mapped_bits) return 0;
  return network.base().is_v4() ? network.prefix128() - mapped_bits : -1;
}

enum class Width { good, wide, world };

// Two halves are a whole: no site owns a /7, so nobody gets to trust the world in pieces.
Width width(const Network& network) {
  const int v4 = ipv4_prefix(network);
  if (v4 >= 0) return v4 < 8 ? Width::world : v4 < 24 ? Width::wide : Width::good;
  return network.prefix128() < 16 ? Width::world : network.prefix128() < 48 ? Width::wide : Width::good;
}

void check_width(const Loading& loading, const Located<Network>& network) {
  const auto text = network.value.to_string();
  switch (width(network.value)) {
    case Width::good:
      return;
    case Width::wide:
      return loading.diagnostics.warning(
          network.position,
          fmt::format("trusted_networks: {} is wide, and every machine in it may relay", text),
          "name the internal mail servers one by one");
    case Width::world:
      return loading.diagnostics.error(
          network.position, fmt::format("trusted_networks: {} would make this an open relay", text),
          "name the internal mail servers one by one");
  }
}

void check_front_ends(const Loading& loading, const Located<Network>& trusted) {
  for (const auto& listener : loading.written.listeners.value)
    for (const auto& front_end : listener.value.proxy_protocol)
      if (overlap(trusted.value, front_end))
        loading.diagnostics.warning(
            trusted.position,
            fmt::format("trusted_networks: {} overlaps {}, front ends of listener \"{}\"",
                        trusted.value.to_string(), front_end.to_string(), listener.name),
            "if it ever forgets its PROXY header, strangers look like this trusted client");
}

// Whoever is a front end names any client address, trusted ones too.
void check_front_end_widths(const Loading& loading) {
  for (const auto& listener : loading.written.listeners.value)
    for (const auto& front_end : listener.value.proxy_protocol)
      if (width(front_end) == Width::world)
        loading.diagnostics.error(
            listener.position,
            fmt::format("listeners.{}.proxy_protocol: {} would let anybody claim to be any client",
                        listener.name, front_end.to_string()),
            "name the front ends one by one");
}

bool is_own_name(const Loading& loading, const std::string& name) {
  return name == "localhost" || name == loading.hostname;
}

// Whether a connection to `host` would reach a listener on `bind`, as far as can be told without DNS.
bool reaches(const Loading& loading, const relay::Host& host, const Endpoint& bind) {
  if (host.port != bind.port) return false;
  const auto address = IpAddress::parse(host.name);
  if (!address) return is_own_name(loading, host.name);
  if (*address == bind.address) return true;
  const bool local = address->is_loopback() || address->is_unspecified();
  return local && (bind.address == IpAddress() || (bind.address.is_unspecified() && address->is_v4()));
}

void check_next_hop(const Loading& loading, const std::string& route, const relay::Host& host,
                    const config::Position& position) {
  for (const auto& listener : loading.written.listeners.value)
    for (const auto& bind : listener.value.binds)
      if (reaches(loading, host, bind.value)) {
        loading.diagnostics.error(
            position,
            fmt::format("routes.{}: {} is our own listener \"{}\": mail would go in circles", route,
                        host.to_string(), listener.name),
            "a next hop is another server, or another port");
        return;
      }
}

}  // namespace

void check_networks(const Loading& loading) {
  const auto& written = loading.written;
  check_front_end_widths(loading);
  for (const auto& network : written.trusted_networks) {
    check_width(loading, network);
    check_front_ends(loading, network);
  }
  if (!written.trusted_networks.empty() && !written.outbound.route.written())
    loading.diagnostics.warning(written.trusted_networks.front().position,
                                "trusted_networks: without \"outbound\" these clients cannot relay either",
                                R"("outbound": { "route": "smarthost" })");
}

void check_next_hops(const Loading& loading) {
  for (const auto& route : loading.written.routes) {
    for (const auto& hop : route.value.next_hops)
      check_next_hop(loading, route.name, hop.value, hop.position);
    const auto& source = route.value.recipient_source;
    if (source.value.ask) check_next_hop(loading, route.name, *source.value.ask, source.position);
  }
}

}  // namespace sallyport::proxy
