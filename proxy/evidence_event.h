// Evidence as part of an event: every fact, what it counts, what was asked and answered.
#pragma once

#include "base/mail/evidence.h"
#include "base/store/event_log.h"
#include "policy/client.h"
#include "policy/rules.h"

namespace sallyport::proxy {

// `evidence` (a list), `score`, and `would_be` where what is only observed would have decided otherwise.
void record_evidence(store::Event& event, const mail::Evidence& evidence,
                     const policy::CheckSettings& checks);

// The members of a fact that are the same in every event.
std::string written(const mail::Fact& fact);

// "reject", "defer", "ignore", "+3", "-2": what a fact comes to, acted on or not.
std::string word_for(const policy::Outcome& outcome);
std::string in_words(const std::vector<IpAddress>& codes);  // "127.0.0.2 127.0.0.4"
// "checks.spf.fail: conf.d/20-checks.json:7, ..."
std::string in_words(const std::vector<policy::MatchedRule>& rules);
const char* word_for(policy::ClientDecision::Action action);  // "accept", "defer", "reject"

}  // namespace sallyport::proxy
