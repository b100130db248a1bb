// What `sallyport try` found, for people and for programs.
#pragma once

#include <string>

#include "base/mail/address.h"
#include "base/mail/evidence.h"
#include "base/store/event_log.h"
#include "policy/checks.h"
#include "policy/recipient.h"
#include "proxy/inquiry.h"

namespace sallyport::proxy {

// A stranger, and what it asks for.
struct Trial {
  IpAddress client;
  std::string helo;
  mail::Path sender;
  mail::Path recipient;
  bool assumed_recipient = false;  // nobody was named
};

struct TrialResult {
  Spared spared = Spared::nobody;
  mail::Evidence evidence;
  policy::RecipientVerdict verdict;
};

std::string as_text(const Trial& trial, const TrialResult& result, const policy::CheckSettings& checks);
// The evidence as in the events of a session.
store::Event as_event(const Trial& trial, const TrialResult& result, const policy::CheckSettings& checks);

}  // namespace sallyport::proxy
