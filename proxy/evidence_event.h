// Evidence as part of an event: every fact, what it counts, what was asked and answered.
#pragma once

#include "base/mail/evidence.h"
#include "base/store/event_log.h"
#include "base/store/evidence_record.h"
#include "policy/client.h"
#include "policy/rules.h"

namespace sallyport::proxy {

// `evidence` (store/evidence_record.h), each fact with what it counts and whether that is only observed;
// `not_asked`: what is not known, and why; `score`, `reject_at`, `own_sender`; `would_be` and
// `would_be_score` where what is only observed would have come to something else.
void record_evidence(store::Event& event, const mail::Evidence& evidence,
                     const policy::CheckSettings& checks);

// `score`, `reject_at`, and in `counts` what makes the score, "+5 listed by bl.test, +2 no reverse name":
// of one recipient, by its own settings. What is only observed: `observed_counts`, and `would_be_score`
// with it.
// `of_correspondent`: points that a correspondent known to a colleague has besides.
void record_score(store::Event& event, const mail::Evidence& evidence, const policy::CheckSettings& checks,
                  int of_correspondent);

// The members of a fact that are the same in every event.
std::string written(const mail::Fact& fact);

// "reject", "defer", "ignore", "+3", "-2": what a fact comes to, acted on or not.
std::string word_for(const policy::Outcome& outcome);
using store::in_words;
// "checks.spf.fail: conf.d/20-checks.json:7, ..."
std::string in_words(const std::vector<policy::MatchedRule>& rules);
// A list of what they say, for whoever does not have the configuration: `value`, `use`, `if`, `at`.
void record_rules(store::Event& event, const char* key, const std::vector<policy::MatchedRule>& rules);
const char* word_for(policy::ClientDecision::Action action);  // "accept", "defer", "reject"

}  // namespace sallyport::proxy
