// What a command ends with: sysexits(3), and no other numbers. docs/command-line.md has the table; a test
// holds it, and the sources, to this one.
#pragma once

#include <span>

#include "base/result.h"

namespace sallyport::proxy {

struct ExitStatus {
  int number;
  const char* name;   // of sysexits.h, "EX_DATAERR"
  const char* means;  // here
};
std::span<const ExitStatus> exit_statuses();

// Of a command that failed so, asked of the gateway or of its state.
int exit_status_of(Errc code);

// Of a server that could not start.
int exit_status_of_start(Errc code);

}  // namespace sallyport::proxy
