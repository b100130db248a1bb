// The commands that a gateway answers on its control socket, and the command line where none runs.
#pragma once

#include "base/clock.h"
#include "base/store/state_store.h"
#include "proxy/control.h"
#include "proxy/sender_book.h"
#include "proxy/sender_commands.h"

namespace sallyport::proxy {

// What commands use; all of it outlives the Control, and may be used from any thread.
struct ControlServices {
  store::StateStore& state;
  const Clock& clock;
  SenderBook& senders;
  CurrentPolicy policy;
  bool running = true;  // a gateway, which has what was changed in memory, and goes on trying to write it
};

// {"command": "version"}: who answers; and those of sender_commands.h.
void add_commands(Control& control, const ControlServices& services);

}  // namespace sallyport::proxy
