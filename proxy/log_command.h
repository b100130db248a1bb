// `sallyport log`: what happened, a line for each message and each session without one, the newest last; it
// finds the ids that `sallyport explain` wants. Returns an exit status.
#pragma once

#include <string>

#include "proxy/kept_events.h"
#include "proxy/log_line.h"

namespace sallyport::proxy {

struct LogOptions {
  EventSource source;
  LogChoice choice;
  std::string ip;     // an address or a network; "" = all
  std::string since;  // "2h", or a date, UTC: "2026-11-22", "2026-11-22 16:00"; "" = all that is kept
  int limit = 0;      // the newest ones; 0 = all
  bool json = false;  // the events themselves, one a line
};

int run_log(LogOptions options);

}  // namespace sallyport::proxy
