// Whether a recipient that would be taken has to wait: greylisting, the last that is asked about it. In
// front of the final yes the DNS lists are asked anew, and the recipient is judged once more: by the time
// of a retry they know many senders of spam.
#pragma once

#include <optional>
#include <string>

#include "base/io/task.h"
#include "base/store/event_log.h"
#include "policy/recipient.h"
#include "proxy/greylist.h"
#include "proxy/inquiry.h"
#include "proxy/sender_book.h"
#include "proxy/treatment.h"

namespace sallyport::proxy {

struct GreylistQuestion {
  const policy::ClientFacts& client;
  Inquiry* inquiry;  // null: nothing is asked about the client
  const mail::Path& sender;
  const mail::Path& recipient;
  Treated treated;   // of the recipient
  SenderBook* book;  // as of judge_treated()
  WallTime now;
  bool seen_lately = false;                  // the client had mail delivered
  policy::View view = policy::View::acting;  // what of the client counts

  const policy::Settings& settings() const { return *treated.acting->policy; }
};

struct GreylistVerdict {
  std::optional<policy::Refuse> refusal;
  // For the event: "begins", "waits", "came back", "passes", "known", "state is still read"; "" = it does
  // not apply.
  std::string word{};
  std::string identity{};
  std::optional<WallTime> first_seen{};
  bool observed = false;  // would have been deferred
  std::string because{};  // it applies: "points from 1 on"
};

// Whether somebody who is taken has to come again before that, if nothing is remembered of him: by what is
// known.
enum class ComesAgain : std::uint8_t { no, only_observed, yes };
ComesAgain comes_again(const policy::RecipientVerdict& verdict, const policy::ClientFacts& client,
                       const Inquiry* inquiry, const policy::Settings& settings);

// What is named outlives the task.
io::Task<GreylistVerdict> judge_by_greylist(Greylist& greylist, GreylistQuestion question);

// What it would say where only observed rules ask it: the deferral that there would be. `remembers`: nobody
// who acts remembers what came.
io::Task<std::optional<policy::Refuse>> watch_greylist(Greylist& greylist, GreylistQuestion question,
                                                       bool remembers);
// Whether it has anything to say: it is on for him, and something speaks against him if it has to.
io::Task<bool> is_asked(GreylistQuestion question);

// `greylist`, `greylist_for`, `identity`, `first_seen`; of one recipient.
void record_greylist(store::Event& event, const GreylistVerdict& verdict);

}  // namespace sallyport::proxy
