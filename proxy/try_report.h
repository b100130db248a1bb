// What `sallyport try` found, for people and for programs.
#pragma once

#include <string>

#include "base/store/event_log.h"
#include "proxy/trial.h"

namespace sallyport::proxy {

// Of a trial with one recipient. `assumed_recipient`: nobody was named.
std::string as_text(const Trial& trial, const TrialResult& result, bool assumed_recipient);
// The evidence as in the events of a session.
store::Event as_event(const Trial& trial, const TrialResult& result, bool assumed_recipient);

}  // namespace sallyport::proxy
