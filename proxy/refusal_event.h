// What was refused beside a message's recipients and its content, in the event of the session or of the
// message whose id the replies bore.
#pragma once

#include "base/store/event_log.h"
#include "proxy/smtp/refusals.h"

namespace sallyport::proxy {

// `refused`: each with `command`, `code`, `enhanced`, `reply` and `why`; `refusals`: how many, where those
// are not all.
void record_refusals(store::Event& event, const smtp::Refusals& refusals);
// Of a message: RCPT that names somebody is left to record_refused_recipients().
void record_refused_commands(store::Event& event, const smtp::Refusals& refusals);
// Items for `to`: recipients that the command's own wording was refused for.
void record_refused_recipients(store::Event& event, const smtp::Refusals& refusals);

// `code`, `enhanced`, `reply`, `why`.
void record_reply(store::Event& event, const mail::Reply& reply);

}  // namespace sallyport::proxy
