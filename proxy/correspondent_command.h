// `sallyport correspondents check|forget|count`: asks the gateway that runs, or the state where none does.
#pragma once

#include <string>

namespace sallyport::proxy {

struct CorrespondentOptions {
  std::string directory;
  std::string action;  // "check", "forget", "count"
  std::string ours, theirs;
  bool json = false;
};

// Returns an exit status: 0, 1 where check and forget find nobody, or one of sysexits(3).
int run_correspondents(const CorrespondentOptions& options);

}  // namespace sallyport::proxy
