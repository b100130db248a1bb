// `allow` and `block` on the control socket: entries are added, removed and listed.
#pragma once

#include <functional>
#include <memory>

#include "policy/settings.h"
#include "proxy/control.h"
#include "proxy/sender_book.h"

namespace sallyport::proxy {

// The configuration as it is now, for its files; may give null.
using CurrentPolicy = std::function<std::shared_ptr<const policy::Settings>()>;

// {"command": "allow" | "block", "action": "add" | "remove" | "list", "pattern", "for", "owner", "reason",
// "expires": "2027-01-31", "authenticated": true}; what is not needed may be left out. A list with
// "where": "command" is without the files. `book` outlives `control`.
void add_sender_commands(Control& control, SenderBook& book, const CurrentPolicy& current,
                         const Control::Keep& keep);

}  // namespace sallyport::proxy
