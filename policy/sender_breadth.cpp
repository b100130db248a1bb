#include "policy/sender_breadth.h"

#include "base/ip_address.h"
#include "policy/client_identity.h"

namespace sallyport::policy {
namespace {

constexpr int kWidestIpv4 = 96 + 8, kWidestIpv6 = 16;  // as SPF proves something, too

bool is_wide(const std::string& written) {
  const auto network = Network::parse(written);
  return network && network->prefix128() < (network->base().is_v4() ? kWidestIpv4 : kWidestIpv6);
}

}  // namespace

Breadth breadth_of(const SenderEntry& entry) {
  if (entry.kind == SenderEntry::Kind::network)
    return is_wide(entry.pattern) && !entry.recipient.contains('@') ? Breadth::many_clients
                                                                    : Breadth::ordinary;
  std::string_view name = entry.pattern;
  if (name.contains('@')) return Breadth::ordinary;
  name.remove_prefix(name.find(':') + 1);
  if (!name.starts_with("*."))
    return public_suffix_of(name) == PublicSuffix::registry ? Breadth::nobody : Breadth::ordinary;
  const bool is_suffix = public_suffix_of(name.substr(2)) != PublicSuffix::none;
  return is_suffix && !entry.recipient.contains('@') ? Breadth::anybodys_name : Breadth::ordinary;
}

}  // namespace sallyport::policy
