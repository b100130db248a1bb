// `sallyport dns`: one check alone, against live DNS or a master file, with all that was asked and
// answered.
#pragma once

#include <string>

#include "proxy/asker.h"

namespace sallyport::proxy {

struct DnsOptions {
  DnsSource source;
  bool json = false;

  std::string ip;
  std::string helo;
  std::string from;
  std::string domain;
  std::string list;
};

enum class DnsCheck { spf, rdns, helo, mx, dnsbl };

// Prints what was found. 0; 64 for an option that is no address, domain or server, 65 for a master file
// with mistakes (each with its line), 66 for one that cannot be read.
int run_dns(DnsCheck check, const DnsOptions& options);

}  // namespace sallyport::proxy
