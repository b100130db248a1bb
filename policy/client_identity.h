// Who a client is, for all that is remembered of it: greylisting, rates, reputation. A server farm that
// takes turns is one client, and so is a mailbox provider; an address alone would be many.
//
// Pure. The public suffix list is the system's (libpsl), read once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/mail/evidence.h"

namespace sallyport::policy {

struct ClientIdentity {
  enum class Kind : std::uint8_t {
    spf_domain,    // SPF vouches for it: of MAIL FROM, else of HELO
    organisation,  // the organisational domain of the confirmed reverse name
    network,       // /24, or /64 of IPv6
  };
  Kind kind = Kind::network;
  std::string name;  // "example.net", "192.0.2.0/24", "2001:db8::/64"

  bool operator==(const ClientIdentity&) const = default;
};

// The strongest that is known by now. A generic reverse name says whose customer a client is, and not who:
// such a client is its network.
ClientIdentity identify(const mail::Evidence& evidence);
// What is still being asked and could change who it is.
std::vector<mail::FactKey> identity_waits_for(const mail::Evidence& evidence);
// Of a client about whom nothing is asked, or not yet.
ClientIdentity identify(const IpAddress& client);

// Whom a count is held against: whoever owns a domain has any number of names below it.
ClientIdentity accountable(ClientIdentity identity);

// Both, and whether anything that is still being asked could change them.
struct ClientIdentities {
  ClientIdentity client;
  ClientIdentity accountable;
  bool settled = false;
};
ClientIdentities identities(const mail::Evidence& evidence);

// "mail.example.co.uk": "example.co.uk". "" for a public suffix itself, and for what is no name.
std::string organisational_domain(std::string_view name);

// `registry`: com, co.uk; `customers`: blogspot.com, whose owner lets everybody have a name below it and
// may send mail himself.
enum class PublicSuffix : std::uint8_t { none, registry, customers };
PublicSuffix public_suffix_of(std::string_view name);

}  // namespace sallyport::policy
