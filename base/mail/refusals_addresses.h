// Addresses, at MAIL and RCPT: relaying, barring, syntax, recipients and their number.
#pragma once

#include "base/mail/refusal_row.h"

namespace sallyport::mail::refusals {

inline constexpr auto kAddresses = std::to_array<RefusalRow>({
    {relay, "relay", "550 5.7.1 cannot relay for {}",
     "The domain is not among `domains`, and the client has no right to relay: it is in no trusted "
     "network, not authenticated, and shows no listed certificate. Or the local part names another host: "
     "`\"user@other.host\"@our.domain`, `other.host!user@our.domain`."},
    {percent_hack, "percent-hack", "550 5.7.1 forwarding percent hack is not permitted",
     "`user%other.host@our.domain` asks us to pass the mail on to other.host. Write to user@other.host "
     "directly."},
    {barred_sender, "barred-sender", "550 5.7.1 {}",
     "`Address barred`, or the operator's own text: a line of the list `barring.senders` matches the "
     "sender; the event names file and line."},
    {barred_recipient, "barred-recipient", "550 5.7.1 {}",
     "`Address barred`, or the operator's own text: a line of the list `barring.recipients` matches the "
     "recipient; the event names file and line."},
    {blocked_sender, "blocked-sender", "550 5.7.1 {}",
     "`Mail from this sender is blocked here`, or the operator's own text (`lists.block_reply`): an entry "
     "of a block list (`lists.block`, or `sallyport block list`) means the sender, its client or "
     "its reverse name; the event names it. `sallyport allow add` lets it through."},
    {no_domain, "no-domain", "550 5.1.3 A recipient needs a domain",
     "Only <postmaster> can be written without a domain (RFC 5321 4.5.1)."},
    {mail_syntax, "mail-syntax", "501 5.5.2 Syntax: MAIL FROM:<address>",
     "What follows MAIL does not begin with `FROM:`."},
    {rcpt_syntax, "rcpt-syntax", "501 5.5.2 Syntax: RCPT TO:<address>",
     "What follows RCPT does not begin with `TO:`."},
    {bad_sender, "bad-sender", "501 5.1.7 Sender address is not valid: FROM:<address>",
     "It is no path of RFC 5321, or lacks its brackets."},
    {bad_recipient, "bad-recipient", "501 5.1.3 Recipient address is not valid: TO:<address>",
     "The recipient is no path of RFC 5321, or lacks its brackets."},
    {domain_not_normal, "domain-not-normal",
     "553 5.6.7 Internationalised domains are taken in their normal form only",
     "Write it in lower case, or as A-labels (xn--…)."},
    {sender_not_ascii, "sender-not-ascii", "553 5.6.7 Internationalised address without SMTPUTF8",
     "MAIL did not say SMTPUTF8 (RFC 6531 3.5)."},
    {recipient_not_ascii, "recipient-not-ascii", "550 5.6.7 Internationalised address without SMTPUTF8",
     "The recipient is internationalised, and MAIL did not say SMTPUTF8 (RFC 6531 3.5)."},
    {not_utf8_capable, "smtputf8", "550 5.6.7 The server of this recipient does not take SMTPUTF8",
     "The internal server does not offer SMTPUTF8 (RFC 6531). Send to an ASCII address without it."},
    {destination_not_utf8_capable, "destination-not-utf8-capable",
     "550 5.6.7 The destination takes no internationalised addresses",
     "The internal server does not offer SMTPUTF8 (RFC 6531), as was found when it was asked about the "
     "recipient."},
    {recipient_unknown, "recipient-unknown", "550 5.1.1 Recipient unknown",
     "The route's recipient list does not have it."},
    {bad_address, "bad-address", "501 5.1.3 Bad address",
     "It cannot be written in a command to the next hop."},
    {too_many_recipients, "too-many-recipients", "452 4.5.3 Too many recipients",
     "`limits.recipients`; the client sends the rest in another transaction."},
    {harvest, "harvest", "421 4.7.0 Too many unknown recipients, please try again later",
     "`limits.harvest`: the session asked for many recipients, and more than half of them do not exist. "
     "`451` "
     "as for `turned-away`."},
    {over_rate, "over-rate", "451 4.7.1 Too much in a short time: {}",
     "`limits.rate` ([rates.md](rates.md)): who, the limit, and when there is room again."},
    {other_route, "other-route", "452 4.5.3 This recipient goes another way: send to it separately",
     "Recipients of one transaction share a route; of a bounce that greylisting may defer as a whole, a "
     "role address and others are apart. The sender's server tries this one again in a transaction of its "
     "own, some at once, some (Postfix) at the next run of its queue."},
    {too_large_for_route, "too-large-for-route",
     "552 5.3.4 Message too large for this recipient: at most {} octets",
     "The internal server or the route's `message_size` allows less than the declared size."},
    {too_large_for_recipient, "too-large-for-recipient",
     "552 5.3.4 Message too large for this recipient: at most {} octets",
     "`limits.message_size`, as the rules have it for this recipient."},
    {size_over_limit, "size-over-limit", "552 5.3.4 Message size exceeds the limit",
     "`SIZE=` over `limits.message_size`."},
});

}  // namespace sallyport::mail::refusals
