// `sallyport try`: what would become of one recipient of one stranger, and why: the very look-ups and
// judgements of a session, with all that was asked and answered, and the allow and block entries that
// commands have added by now.
#pragma once

#include <string>

#include "proxy/asker.h"

namespace sallyport::proxy {

struct TryOptions {
  std::string directory;  // conf.d
  DnsSource source;
  bool json = false;

  std::string ip;
  std::string helo;
  std::string from;  // "" or "<>": the null sender
  std::string to;    // "": somebody in the first of our domains
};

// Prints it. 0: accepted, as far as the gateway itself is asked; 75: deferred; 77: refused; 78 for
// the configuration; 64 for an option, and 65 and 66 for --zone as `dns` has them.
int run_try(const TryOptions& options);

}  // namespace sallyport::proxy
