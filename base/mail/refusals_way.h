// The way to the internal server. All temporary: the sender keeps the message.
#pragma once

#include "base/mail/refusal_row.h"

namespace sallyport::mail::refusals {

inline constexpr auto kWay = std::to_array<RefusalRow>({
    {unreachable, "unreachable", "451 4.4.1 The destination cannot be reached now, please try again later",
     "No host of the route accepts a connection; see `host_down`."},
    {connection_lost, "connection-lost",
     "451 4.4.2 The connection to the destination failed, please try again later",
     "Lost, or a time-out; after the final dot there is an `ambiguous` event."},
    {destination_refuses, "destination-refuses",
     "451 4.3.0 The destination does not take mail now, please try again later",
     "It refuses us: banner, EHLO, MAIL, a login; see `way_refused`."},
    {insecure, "insecure", "451 4.7.5 No secure connection to the destination could be made",
     "The route's `tls` is `required` or `verified`."},
    {way_loop, "way-loop", "451 4.4.6 The destination leads back to this server",
     "The route's `hosts` are ourselves; see `loop`."},
    {busy, "busy", "451 4.3.2 The destination is busy, please try again later",
     "All `max_connections` are in use."},
    {utf8_withdrawn, "utf8-withdrawn", "451 4.6.7 The destination does not take internationalised mail now",
     "It offered SMTPUTF8 before."},
    {recipient_refused_late, "recipient-refused-late",
     "451 4.3.0 The destination refused a recipient, please try again",
     "Nothing was sent to anyone; the retry is refused at RCPT."},
    {delivered_in_part, "delivered-in-part", "451 4.3.0 Delivered to some recipients only",
     "The retry delivers the rest."},
    {on_its_own, "on-its-own", "451 4.3.0 Please try this recipient on its own",
     "It was the one that was refused."},
});

}  // namespace sallyport::mail::refusals
