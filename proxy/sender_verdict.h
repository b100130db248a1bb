// What the allow and block lists say of a sender, for one recipient.
//
// In both: allowed. An address in MAIL FROM is a claim: an allow entry for it holds where SPF passes, or
// where the domain publishes none and the entry does not say `authenticated`; a network or a confirmed
// reverse name holds by itself. The null sender is nobody's: only those two can mean it.
#pragma once

#include <string>

#include "base/io/task.h"
#include "base/mail/address.h"
#include "policy/settings.h"
#include "proxy/inquiry.h"
#include "proxy/sender_book.h"

namespace sallyport::proxy {

struct SenderVerdict {
  enum class Kind : std::uint8_t { neither, allowed, blocked };
  Kind kind = Kind::neither;
  Kind would_be = Kind::neither;  // by a list that only observes
  std::string rule;        // the entry that decided, or would have: "lists/allow:12", "allow example.com"
  bool uncertain = false;  // an allow entry depends on what could not be looked up now
  mail::Check failed = mail::Check::spf_mailfrom;  // ... which is this
};

// What is named outlives the task. `inquiry` null: nothing is asked about the client, and claims hold.
// `book` null: the files alone, and hits are not counted.
struct SenderQuestion {
  SenderBook* book;
  const IpAddress& client;
  const mail::Path& sender;
  const mail::Path& recipient;
  const policy::Settings& settings;
  WallTime now;
};

// Waits for the reverse name, or SPF, where an entry depends on it.
io::Task<SenderVerdict> judge_sender(SenderQuestion question, Inquiry* inquiry);
// By what is known by now: for the record, so hits are not counted either.
SenderVerdict judge_sender_now(const SenderQuestion& question, const Inquiry* inquiry);

}  // namespace sallyport::proxy
