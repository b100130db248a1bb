// What the control socket answers of greylisting: "greylist-list", "greylist-release", "greylist-forget"
// and "greylist-stats". Cases are chosen by "client" (an identity), "from" and "to"; what is not given is
// any. Those that have passed are no longer known by name, and found by what is given.
#pragma once

#include "base/store/state_store.h"
#include "proxy/control.h"
#include "proxy/sender_commands.h"

namespace sallyport::proxy {

// `state` outlives `control`.
void add_greylist_commands(Control& control, store::StateStore& state, const CurrentPolicy& current,
                           const Control::Keep& keep);

}  // namespace sallyport::proxy
