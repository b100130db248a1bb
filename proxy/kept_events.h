// The event store that a command reads: of the configuration, or one that was named.
#pragma once

#include <string>

#include "base/store/event_reader.h"
#include "proxy/asker.h"

namespace sallyport::proxy {

struct EventSource {
  std::string directory;  // conf.d
  std::string events;     // the store itself; "": where the configuration has it
};

// A fault: the configuration does not say where, or there is no such directory, or it cannot be read.
Taken<std::string> event_directory(const EventSource& source);
// "DIR has 12 events, from ... to ... UTC."
std::string what_is_kept(const std::string& directory, const store::EventReader& reader);
// On stderr: what in the store is no file, and was not read.
void tell_passed_over(const char* command, const store::EventReader& reader);

}  // namespace sallyport::proxy
