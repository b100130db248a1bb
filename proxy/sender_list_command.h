// `sallyport allow` and `sallyport block`: add, remove and list entries of a gateway, running or not.
#pragma once

#include <string>

#include "proxy/sender_book.h"

namespace sallyport::proxy {

struct SenderListOptions {
  std::string directory;  // conf.d
  SenderListKind kind = SenderListKind::allow;
  std::string action;   // add, remove, list
  std::string pattern;  // as policy/sender_entry.h
  std::string recipient;
  std::string owner;  // "" = the user who runs the command
  std::string reason;
  std::string expires;  // "30d", or a day "2027-01-31"; "" = never
  bool authenticated = false;
  bool json = false;
};

// Returns an exit status (proxy/exit_status.h).
int run_sender_list(const SenderListOptions& options);

}  // namespace sallyport::proxy
