// `sallyport check`: what is wrong with a configuration, all at once.
#pragma once

#include <string>

namespace sallyport::proxy {

struct CheckOptions {
  std::string directory;
  bool json = false;
  // Asks neither DNS (what others learn of our own names, whom allow lists let through, the DNS lists) nor
  // the next hops (role addresses). That takes some 20 seconds at most.
  bool offline = false;
};

// Runs the sessions of *.test.json too. Prints errors and warnings (with `json`: an array of them, on
// stdout). 0, or 78 (EX_CONFIG) with errors.
int check(const CheckOptions& options);

}  // namespace sallyport::proxy
