// The form in which evidence stands in an event, and is read back from it: complete enough to be judged
// again later, by another configuration.
//
// The form has a version, `"evidence_form": 1`. A fact is an object: check, found, of (dnsbl), subject,
// listed, detail, codes, asked (a list of question, answer, ms, cached), ms; judgements that stand beside
// it (counts, observed) are not read. A DNS list is known by its name: where it stands in the settings
// changes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json_view.h"
#include "base/mail/evidence.h"
#include "base/store/event_log.h"

namespace sallyport::store {

inline constexpr int kEvidenceForm = 1;

// The members of one fact, into an item that has begun.
void write_fact(Event& item, const mail::Fact& fact);
// The members that say which fact it would have been. `list`: the name of the list, if it is one.
void write_key(Event& item, const mail::FactKey& key, std::string_view list);

// `lists`: the names of today's lists, place by place. nullopt: no fact of this form, or of a list that is
// no more among them.
std::optional<mail::Fact> read_fact(const JsonValue& item, std::span<const std::string> lists);

// Of a message's or a session's event. Questions without an answer are pending. Facts that cannot be read
// are left out. nullopt: the event has no evidence of this form.
std::optional<mail::Evidence> read_evidence(const JsonValue& event, std::span<const std::string> lists);

std::string in_words(const std::vector<IpAddress>& codes);  // "127.0.0.2 127.0.0.4"

}  // namespace sallyport::store
