#include "proxy/control_commands.h"

#include <unistd.h>

#include "proxy/correspondent_commands.h"
#include "proxy/greylist_commands.h"
#include "proxy/version.h"

namespace sallyport::proxy {

void add_commands(Control& control, const ControlServices& services) {
  add_sender_commands(control, services.senders, services.policy);
  add_correspondent_commands(control, services.senders);
  add_greylist_commands(control, services.state, services.policy);
  control.add("version", [](const config::Node&, const Control::Write& write) -> Result<> {
    config::Node line = config::Node::object();
    line.add("version", config::Node::text(kVersion)).add("pid", config::Node::integer(::getpid()));
    write(line);
    return Result<>{};
  });
}

}  // namespace sallyport::proxy
