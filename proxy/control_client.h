// The command line's side of the control socket.
//
// The gateway that runs with a configuration is asked; where none does, the state is opened here, under its
// lock, and the same commands are asked. Root becomes the owner of the state's folder for that, or the
// gateway could not open its own files later.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/config/node.h"
#include "policy/settings.h"
#include "proxy/asker.h"

namespace sallyport::proxy {

struct ControlAnswer {
  std::vector<config::Node> lines;  // without the last one
  std::string error;                // of the command; "" = it went well
};

// `directory`: conf.d, for where the state is.
Taken<ControlAnswer> ask_gateway(const std::string& directory, const config::Node& request);

// Of a gateway that runs. Errors: not_found (none does), refused (another user's), as io::LocalStream.
Result<ControlAnswer> ask_running(const std::string& path, const config::Node& request);
// In this process. `policy` is for the files of lists, and may be null. Errors: refused (a gateway runs,
// and has no control socket), as StateStore.
Result<ControlAnswer> ask_state(const std::string& file, std::shared_ptr<const policy::Settings> policy,
                                const config::Node& request);

}  // namespace sallyport::proxy
