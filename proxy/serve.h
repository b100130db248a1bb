// `sallyport serve`: the gateway as a service. Returns an exit status of sysexits(3).
#pragma once

#include <string>

#include "base/store/event_log.h"

namespace sallyport::proxy {

struct ServeOptions {
  std::string directory;  // conf.d
  store::LogFormat log_format = store::LogFormat::json;
};

// Runs until SIGTERM or SIGINT. SIGHUP reloads: a configuration with errors changes nothing.
int serve(const ServeOptions& options);

// Descriptors 0, 1 and 2 must be somebody's, or the first socket we open would be our log.
void open_standard_descriptors();

}  // namespace sallyport::proxy
