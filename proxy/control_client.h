// The command line's side of the control socket.
//
// The gateway that runs with a configuration is asked; where none does, the state is opened here, under its
// lock, and the same commands are asked. Whoever finds the state in use waits: for another command, and for
// a gateway that has just begun. Root becomes the owner of the state's folder for that, or the
// gateway could not open its own files later.
#pragma once

#include <functional>
#include <memory>
#include <ranges>
#include <string>
#include <vector>

#include "base/config/node.h"
#include "policy/settings.h"
#include "proxy/asker.h"

namespace sallyport::proxy {

struct ControlAnswer {
  std::vector<std::string> written;  // JSON, as it came: a list may have a million lines
  std::string error;                 // of the command; "" = it went well
  int status = 0;                    // then, for the command line to end with

  // Without the last one.
  auto lines() const { return written | std::views::transform(read); }

 private:
  static config::Node read(const std::string& line);
};

// `directory`: conf.d, for where the state is.
Taken<ControlAnswer> ask_gateway(const std::string& directory, const config::Node& request);

// Of a gateway that runs. Errors: not_found (none does), refused (another user's), as io::LocalStream.
Result<ControlAnswer> ask_running(const std::string& path, const config::Node& request);
// In this process. `policy` is for the files of lists, and may be null. Errors: refused (another process
// has the state), unreachable (another user's), as StateStore.
Result<ControlAnswer> ask_state(const std::string& file, std::shared_ptr<const policy::Settings> policy,
                                const config::Node& request);
// The first of them that is there. Errors: refused, unreachable (another user's), timeout (the state is in
// use, by what has no control socket).
using FindPolicy = std::function<std::shared_ptr<const policy::Settings>()>;  // called once at most
Result<ControlAnswer> ask_either(const std::string& state_file, const FindPolicy& policy,
                                 const config::Node& request);

}  // namespace sallyport::proxy
