// Strangers, at RCPT: what was found out about the client and the sender's domain.
#pragma once

#include "base/mail/refusal_row.h"

namespace sallyport::mail::refusals {

inline constexpr auto kStrangers = std::to_array<RefusalRow>({
    {client, "client", "550 5.7.1 Mail from {}",
     "What was found about the client adds up to `thresholds.reject`, or one of the `checks` says "
     "`reject`; `listed by … (…)` quotes the list, which says how to be removed. The event lists every "
     "finding with what it counts."},
    {client_later, "client-later", "451 4.7.1 Mail from {}; please try again later",
     "One of the `checks` says `defer`, or so do its points as long as a look-up fails."},
    {reverse_name, "reverse-name", "550 5.7.25 Mail from {}",
     "`checks.rdns` says `reject`. The sender's admin sets the PTR record of the address, to a name that "
     "has that address (RFC 7372)."},
    {sender_domain, "sender-domain", "550 5.1.8 Sender address refused: {}",
     "The domain in MAIL FROM does not exist, or has no place to send an answer to."},
    {sender_null_mx, "sender-null-mx", "550 5.7.27 Sender address refused: {}",
     "The domain in MAIL FROM says by a null MX (RFC 7505) that it has no mail."},
    {spf_fail, "spf-fail", "550 5.7.23 Mail from {}",
     "The SPF record of the sender's domain does not list the client. Forwarders that keep the sender "
     "belong to `upstream`."},
    {spf_broken, "spf-broken", "550 5.7.24 Mail from {}",
     "The SPF record of the sender's domain is broken; the event says where."},
    {dns_trouble, "dns-trouble", "451 4.4.3 Cannot tell yet: {}; please try again later",
     "A look-up failed for now. If it lasts: see whether `dns.servers` answer, and the domain's own."},
    {greylisted, "greylisted", "451 4.7.1 Greylisted: please try again in {} seconds",
     "`checks.greylist`: the client has to come again. For `MAIL FROM:<>` it is the answer to DATA."},
});

}  // namespace sallyport::mail::refusals
