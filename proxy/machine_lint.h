// What a configuration needs of this machine, and the user who asks may not see or write: folders, and the
// state.
#pragma once

#include "base/config/diagnostic.h"
#include "base/result.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

// Whether this machine lets this user run with `settings`: what `serve` refuses to start without, and a
// reload to go over to.
Result<> usable(const Settings& settings);

// Warns of that, and of what a gateway would run without. Nothing is made, changed or locked: one may be
// running.
void look_at_machine(const Settings& settings, config::Diagnostics& diagnostics);

}  // namespace sallyport::proxy
