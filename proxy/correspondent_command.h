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

// Returns an exit status: 66 where check and forget find nobody (proxy/exit_status.h).
int run_correspondents(const CorrespondentOptions& options);

}  // namespace sallyport::proxy
