// Entries that mean far more senders, or fewer, than whoever writes one is likely to think of: half of the
// world's clients, every name below `com`, the domain `com` itself. They are taken, and warned of.
//
// Pure, but for the system's list of public suffixes.
#pragma once

#include <cstdint>

#include "policy/sender_entry.h"

namespace sallyport::policy {

enum class Breadth : std::uint8_t {
  ordinary,
  many_clients,   // 0.0.0.0/0: a network wider than /8, of IPv6 /16
  anybodys_name,  // *.com, rdns:*.co.uk: whoever likes has a name there
  nobody,         // com: nobody's domain, and not those below it
};

// An entry for a single recipient is his own affair, and never too wide.
Breadth breadth_of(const SenderEntry& entry);

}  // namespace sallyport::policy
