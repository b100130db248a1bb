// What becomes of one recipient before its next hop is asked: the right to relay and the lists first, then
// what was found about the client. The one order of both, for sessions and for `sallyport try`.
#pragma once

#include "base/io/task.h"
#include "base/mail/address.h"
#include "policy/recipient.h"
#include "proxy/inquiry.h"
#include "proxy/sender_book.h"

namespace sallyport::proxy {

std::string name_of(const policy::RecipientVerdict& verdict);  // "accept", or the refusal's name
std::string in_words(const policy::Refuse& refusal);           // "blocked-sender lists/block:3"
std::string in_words(const policy::RecipientVerdict& verdict);
const policy::KnownInDomain& correspondent_of(const policy::RecipientVerdict& verdict);
const std::optional<policy::Unheld>& unheld_of(const policy::RecipientVerdict& verdict);

// In place of a refusal for good, while something that might spare the mail cannot be looked up.
policy::Refuse put_off(mail::Check failed, const policy::Refuse& refusal, const IpAddress& client,
                       const mail::Path& sender);
// Its session has asked for more than it may: what is not known for that reason lets nobody pass.
policy::Refuse too_many_questions(const IpAddress& client);
enum class Hits : std::uint8_t { are_counted, are_not_counted };

// Of whom, and by which values. What is named outlives the judgement.
struct RecipientQuestion {
  const policy::ClientFacts& client;
  const mail::Path& sender;
  const mail::Path& recipient;
  const policy::Settings& settings;
  SenderBook* book;  // null: block and allow lists of files alone
  WallTime now;
  Hits hits = Hits::are_counted;  // of the entries of lists
  policy::Sparing sparing = policy::Sparing::as_configured;
  policy::View view = policy::View::acting;  // what of the client counts
};

// `inquiry` null: nothing is asked about the client.
// Waits for the facts that the verdict needs, and for no others.
io::Task<policy::RecipientVerdict> judge_recipient(RecipientQuestion question, Inquiry* inquiry);
// By what is known by now: nothing is waited for, and nothing counted.
policy::RecipientVerdict judge_recipient_now(const RecipientQuestion& question, const Inquiry* inquiry);

}  // namespace sallyport::proxy
