// Runs a dialogue script against a MemorySession and says what did not go as written.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "proxy/smtp/server_machine.h"
#include "tests/dialogue/memory_session.h"
#include "tests/dialogue/script.h"

namespace sallyport::dialogue {

// How each write of the client reaches the machine: in pieces of so many octets, the first of its own size.
struct Pieces {
  std::size_t first = std::string::npos;
  std::size_t others = std::string::npos;
};

struct Run {
  std::vector<std::string> failures;  // script:line: what
  std::string transcript;             // output, events and content: equal for every way of splitting
};

smtp::ServerOptions options_of(const Script& script);
Run run(const Script& script, Pieces pieces);
std::size_t longest_write(const Script& script);

}  // namespace sallyport::dialogue
