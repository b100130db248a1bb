#include "proxy/control_commands.h"

#include <unistd.h>

#include "proxy/correspondent_commands.h"
#include "proxy/greylist_commands.h"
#include "proxy/version.h"

namespace sallyport::proxy {
namespace {

constexpr const char* kCounts =
    "done, and it counts from now on; but it is not on disk yet, and a restart before that would undo it: ";
constexpr const char* kUncertain =
    "it may not be on disk, and no gateway runs that would keep it; ask again what is there: ";

Result<> keep(store::StateStore& state, bool running) {
  const auto kept = state.flush();
  if (kept) return {};
  return fail(Errc::io, (running ? kCounts : kUncertain) + kept.error().detail);
}

}  // namespace

void add_commands(Control& control, const ControlServices& services) {
  const Control::Keep keep = [&state = services.state, running = services.running] {
    return proxy::keep(state, running);
  };
  add_sender_commands(control, services.senders, services.policy, keep);
  add_correspondent_commands(control, services.senders, services.policy, keep);
  add_greylist_commands(control, services.state, services.policy, keep);
  control.add("version", [](const config::Node&, const Control::Write& write) -> Result<> {
    config::Node line = config::Node::object();
    line.add("version", config::Node::text(kVersion)).add("pid", config::Node::integer(::getpid()));
    write(line);
    return Result<>{};
  });
}

}  // namespace sallyport::proxy
