// A session without its connection: the very look-ups and judgements of one, up to the answer to RCPT. For
// `sallyport try`, and for the sessions of *.test.json.
//
// Nothing of it is remembered and no next hop is asked. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mail/address.h"
#include "base/mail/evidence.h"
#include "policy/recipient.h"
#include "proxy/greylist_verdict.h"
#include "proxy/inquiry.h"
#include "proxy/sender_book.h"

namespace sallyport::proxy {

struct Trial {
  const ListenerSettings* listener = nullptr;  // where it comes in
  IpAddress client;
  std::string helo;
  std::string authenticated;  // user name, "" = nobody
  bool talks_early = false;
  mail::Path sender;
  std::uint64_t size = 0;  // as declared in MAIL; 0: it is not
  std::vector<mail::Path> recipients;
};

struct TrialResult {
  Spared spared = Spared::nobody;
  mail::Evidence evidence;
  // One for each recipient: by which values it was judged, and how.
  std::vector<std::shared_ptr<const Treatment>> treatments;
  std::vector<policy::RecipientVerdict> verdicts;
  std::vector<std::vector<policy::MatchedRule>> unproven;  // as of Treated
  std::vector<ComesAgain> comes_again;                     // before it is taken
  // Taken, if the next hop, which is not asked here, knows it.
  std::vector<bool> next_hop_decides;
  // By the rules that only observe; null, and the same, where none does.
  std::vector<std::shared_ptr<const Treatment>> watched;
  std::vector<policy::RecipientVerdict> would_be;
};

// All is known before it is judged. `services`: without a watch over the lists they are asked whatever a
// running gateway thinks of them. `book`: null: allow and block lists of files alone. What is named
// outlives the task.
io::Task<TrialResult> attempt(const Trial& trial, std::shared_ptr<const Settings> settings,
                              InquiryServices services, SenderBook* book = nullptr);

// Where strangers come in; where there is no such listener, everybody has to log in.
const ListenerSettings& listener_of_strangers(const Settings& settings);

// As in an envelope, with or without its brackets, umlauts too. nullopt: no such path; the null path is no
// recipient.
std::optional<mail::Path> read_sender(std::string_view written);
std::optional<mail::Path> read_recipient(std::string_view written);

// "451 4.7.1 ...; id X" as the client would see it, without the last line end.
std::string reply_as_text(const policy::Refuse& refuse);
const char* word_for(const policy::RecipientVerdict& verdict);  // "accept", "defer", "reject"

}  // namespace sallyport::proxy
