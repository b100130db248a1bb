// What is known of recipients without asking, kept in the state store.
//
// "recipient": found (fresh for 1 h, kept 31 days for when the way is down) or unknown (10 min), by the
// host that said so. "refused": at delivery, by sender, recipient and client, 24 h. "unverifiable": for
// an hour, whether a domain accepts recipients that cannot exist. Usable from every thread.
//
// What was found counts for every spelling of it; a refusal for the address to the letter, for local parts
// are the next hop's to tell apart (RFC 5321 2.4), and somebody else may have asked.
//
// A sender is only claimed, and anybody could make the mail of anybody refused: so a refusal at delivery is
// remembered of the client as well (policy::ClientIdentity, a user, an address). A day, and not an hour,
// because it must outlast the time until the client tries again: some take hours.
#pragma once

#include <optional>

#include "base/mail/address.h"
#include "base/mail/reply.h"
#include "base/store/state_store.h"
#include "proxy/relay/relay.h"
#include "proxy/relay/route.h"

namespace sallyport::relay {

struct KnownRecipient {
  bool found = false;
  bool fresh = false;
  mail::Reply reply;  // if not found
};

struct RefusedBefore {
  mail::Reply reply;
  std::string id;  // of the message
};

enum class DomainTrust { untested, verifiable, unverifiable };

class RecipientMemory {
 public:
  explicit RecipientMemory(store::StateStore& state) : state_(state) {}

  std::optional<KnownRecipient> recall(const Route& route, const mail::Path& recipient) const;
  void found(const Route& route, const mail::Path& recipient);
  void unknown(const Route& route, const mail::Path& recipient, const mail::Reply& reply);

  DomainTrust trust(const Route& route, const mail::Path& recipient) const;
  void set_trust(const Route& route, const mail::Path& recipient, DomainTrust trust);

  // A refusal at delivery, for the retry to get at RCPT. A temporary one is told once only: it parts this
  // recipient from the others of its transaction, which then goes through; the next try is a fresh one. So
  // is one of `<>`, or of a client that is nobody in particular.
  void refused(const Envelope& envelope, const mail::Path& recipient, const mail::Reply& reply);
  // Of any client: only then take_refusal() needs to know which.
  bool may_have_refused(const mail::Path& sender, const mail::Path& recipient) const;
  std::optional<RefusedBefore> take_refusal(const Asker& asker, const mail::Path& recipient);

 private:
  std::int64_t seconds() const;

  store::StateStore& state_;
};

// The host whose answers are meant when a route's recipients are remembered.
const Host& asked_host(const Route& route);

}  // namespace sallyport::relay
