// What the control socket answers of people our users write to: "correspondents-check" and
// "correspondents-forget", of "ours" (an address or a domain) and "theirs", and "correspondents-count".
#pragma once

#include "proxy/control.h"
#include "proxy/sender_book.h"
#include "proxy/sender_commands.h"

namespace sallyport::proxy {

// `book` outlives `control`.
void add_correspondent_commands(Control& control, SenderBook& book, const CurrentPolicy& current,
                                const Control::Keep& keep);

}  // namespace sallyport::proxy
