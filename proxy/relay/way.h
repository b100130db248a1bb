// Faults of the way to a next hop, and what a client is told: about them, and of a next hop's own words.
//
// A fault of the way speaks of no recipient and of no message, so its reply is always 451 and never
// names a host of ours, unless the host itself had a reply for the client; the `detail` is for the admin
// only. Values; usable from every thread.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "base/mail/reply.h"
#include "base/result.h"

namespace sallyport::relay {

enum class Way {
  unreachable,  // no address, no connection, or skipped after failures: 4.4.1
  lost,         // connection closed, reset, timed out or out of step: 4.4.2
  refusing,     // the next hop does not talk to us, or not sense: 4.3.0
  insecure,     // the TLS that the route demands was not to be had: 4.7.5
  loop,         // the next hop is ourselves: 4.4.6
  busy,         // no connection came free in time: 4.3.2
};

struct WayFault {
  Way way = Way::unreachable;
  std::string detail;
  const char* trouble = nullptr;  // kind of Trouble to report, if the admin must act
  // The host works, and cannot take just this now: the reply for the client if no other host can either.
  // The connection is still good.
  std::optional<mail::Reply> answer = std::nullopt;
};

template <class T = void>
using WayResult = std::expected<T, WayFault>;

std::unexpected<WayFault> way_fault(Way way, std::string detail, const char* trouble = nullptr);
// A failed read or write on an open connection.
WayFault fault_of(const Error& error);

// What the client is told.
mail::Reply way_reply(Way way);

// The commands whose refusal is passed on; the enhanced code that stands in for a missing one depends
// on it.
enum class Asked { sender, recipient, content };

// A next hop's 4xx or 5xx as the client gets it: code and valid enhanced code kept, text bounded.
// 421 becomes 451: it speaks of the next hop's connection, not of the client's.
mail::Reply passed_on(const mail::Reply& reply, Asked asked);

// 530, 535 and 538 tell of our own standing with the next hop, whatever they answer (RFC 4954).
bool refuses_us(const mail::Reply& reply);
// An answer to RCPT that tells of security or policy (5.7.x) says nothing of whether the mailbox exists.
bool refuses_asking(const mail::Reply& reply);
// The next hop is about to close the connection (RFC 5321 3.8).
inline bool is_closing(const mail::Reply& reply) { return reply.code == 421; }

// "550 5.1.1 text" on one line, for events.
std::string one_line(const mail::Reply& reply);

}  // namespace sallyport::relay
