// `sallyport greylist list|release|forget|stats`: asks the gateway that runs, or the state where none does.
#pragma once

#include <string>

namespace sallyport::proxy {

struct GreylistOptions {
  std::string directory;
  std::string action;  // "list", "release", "forget", "stats"
  std::string client, from, to;
  bool all = false;  // "release": without any of these
  bool json = false;
};

int run_greylist(const GreylistOptions& options);

}  // namespace sallyport::proxy
