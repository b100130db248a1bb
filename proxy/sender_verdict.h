// What the allow and block lists, and our users' own letters, say of a sender, for one recipient.
//
// In both lists: allowed. Whom the recipient has written to is allowed, unless a block entry means him:
// what somebody decided counts more than what was observed.
//
// An address in MAIL FROM is a claim: an allow entry for it, and what is known of correspondents, hold
// where SPF passes, or where the domain publishes none and the entry does not say `authenticated`; a
// network or a confirmed reverse name holds by itself. The null sender is nobody's: only those two can mean
// it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mail/address.h"
#include "policy/recipient.h"
#include "policy/settings.h"
#include "proxy/inquiry.h"
#include "proxy/sender_book.h"

namespace sallyport::proxy {

struct SenderVerdict {
  enum class Kind : std::uint8_t { neither, allowed, blocked };
  Kind kind = Kind::neither;
  std::string rule;      // the entry that decided: "lists/allow:12", "allow example.com", "correspondent"
  std::string entry;     // what it says, as it is written
  std::string observed;  // by what only observes: "blocked-sender lists/block:3"
  std::optional<policy::Unheld> unheld;  // what would have allowed it, the most special one; for the record
  // Somebody else in the recipient's domain has written to the sender: it waits for no greylisting, and
  // has these points.
  bool known_in_domain = false;
  int score = 0;
  bool uncertain = false;  // an allow entry depends on what could not be looked up now
  mail::Check failed = mail::Check::spf_mailfrom;  // ... which is this
};

// `book` null: the files alone. `inquiry` null: nothing is asked about the client, and claims hold.
struct SenderQuestion {
  SenderBook* book;
  const IpAddress& client;
  const mail::Path& sender;
  const mail::Path& recipient;
  const policy::Settings& settings;
  WallTime now;
  policy::Sparing sparing = policy::Sparing::as_configured;
  policy::View view = policy::View::acting;  // what of the client counts
};

// One look, by what is known. It changes nothing.
struct SenderLook {
  SenderVerdict verdict;
  std::vector<mail::FactKey>
      missing;  // the reverse name, or SPF: not known yet, and an entry depends on it
  std::vector<std::pair<SenderListKind, policy::SenderEntry>> hits;  // to be counted, once it is acted on
};
SenderLook look_at_sender(const SenderQuestion& question, const Inquiry* inquiry);

}  // namespace sallyport::proxy
