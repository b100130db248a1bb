#include "policy/replies.h"

#include <array>

namespace sallyport::policy {
namespace {

using enum Refusal;

constexpr std::array kTexts = {
    RefusalText{
        relay,
        "relay",
        550,
        {5, 7, 1},
        "cannot relay for {}",
        "The domain is not among `domains`, and the client has no right to relay: it is in no trusted "
        "network, not authenticated, and shows no listed certificate."},
    RefusalText{percent_hack,
                "percent-hack",
                550,
                {5, 7, 1},
                "forwarding percent hack is not permitted",
                "user%other.host@our.domain asks us to pass the mail on to other.host. Write to "
                "user@other.host directly."},
    RefusalText{barred_sender,
                "barred-sender",
                550,
                {5, 7, 1},
                "{}",
                "A line of the list `barring.senders` matches the sender; the event names file and line."},
    RefusalText{
        barred_recipient,
        "barred-recipient",
        550,
        {5, 7, 1},
        "{}",
        "A line of the list `barring.recipients` matches the recipient; the event names file and line."},
    RefusalText{no_domain,
                "no-domain",
                550,
                {5, 1, 3},
                "A recipient needs a domain",
                "Only <postmaster> can be written without a domain (RFC 5321 4.5.1)."},
    RefusalText{
        other_route,
        "other-route",
        452,
        {4, 5, 3},
        "This recipient goes another way: send to it separately",
        "Recipients of one transaction share a route. The sender's server tries this one again in a "
        "transaction of its own, some at once, some (Postfix) at the next run of its queue."},
    RefusalText{loop,
                "loop",
                554,
                {5, 4, 6},
                "Mail loop: {}",
                "The message passed too many hops, or passed here too often. Look for two servers that "
                "forward to each other."},
    RefusalText{
        not_utf8_capable,
        "smtputf8",
        550,
        {5, 6, 7},
        "The server of this recipient does not take SMTPUTF8",
        "The internal server does not offer SMTPUTF8 (RFC 6531). Send to an ASCII address without it."},
    RefusalText{too_large_for_route,
                "too-large-for-route",
                552,
                {5, 3, 4},
                "Message too large for this recipient: at most {} octets",
                "The internal server or the route's `message_size` allows less than the declared size."},
    RefusalText{eight_bit,
                "eight-bit",
                554,
                {5, 6, 3},
                "The destination takes no 8-bit content",
                "The route says `eight_bit: refuse` and the message was declared 8BITMIME."},
    RefusalText{
        client,
        "client",
        550,
        {5, 7, 1},
        "Mail from {}",
        "What was found about the client adds up to `thresholds.reject`, or one of the `checks` says "
        "`reject`. The event lists every finding with what it counts."},
    RefusalText{client_later,
                "client-later",
                451,
                {4, 7, 1},
                "Mail from {}; please try again later",
                "One of the `checks` says `defer`, or so do its points as long as a look-up fails."},
    RefusalText{
        reverse_name,
        "reverse-name",
        550,
        {5, 7, 25},
        "Mail from {}",
        "`checks.rdns` says `reject`. The sender's admin sets the PTR record of the address, to a name "
        "that has that address (RFC 7372)."},
    RefusalText{sender_domain,
                "sender-domain",
                550,
                {5, 1, 8},
                "Sender address refused: {}",
                "The domain in MAIL FROM does not exist, or has no place to send an answer to."},
    RefusalText{sender_null_mx,
                "sender-null-mx",
                550,
                {5, 7, 27},
                "Sender address refused: {}",
                "The domain in MAIL FROM says by a null MX (RFC 7505) that it has no mail."},
    RefusalText{
        spf_fail,
        "spf-fail",
        550,
        {5, 7, 23},
        "Mail from {}",
        "The SPF record of the sender's domain does not list the client. Forwarders that keep the sender "
        "belong to `upstream`."},
    RefusalText{spf_broken,
                "spf-broken",
                550,
                {5, 7, 24},
                "Mail from {}",
                "The SPF record of the sender's domain is broken; the event says where."},
    RefusalText{
        dns_trouble,
        "dns-trouble",
        451,
        {4, 4, 3},
        "Cannot tell yet: {}; please try again later",
        "A look-up failed for now. If it lasts: see whether `dns.servers` answer, and the domain's own."},
};

}  // namespace

std::span<const RefusalText> refusal_texts() { return kTexts; }

const RefusalText& text_of(Refusal refusal) {
  for (const RefusalText& entry : kTexts)
    if (entry.refusal == refusal) return entry;
  return kTexts.front();
}

mail::Reply reply_for(Refusal refusal, std::string_view detail) {
  const RefusalText& entry = text_of(refusal);
  std::string text = entry.text;
  if (auto place = text.find("{}"); place != std::string::npos) text.replace(place, 2, detail);
  return {entry.code, entry.enhanced, std::move(text)};
}

}  // namespace sallyport::policy
