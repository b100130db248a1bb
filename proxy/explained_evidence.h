// What was found out about a client, in plain words: each fact with its questions and answers, what it
// counts, and what all of them come to.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/json_view.h"

namespace sallyport::proxy {

// Of a message's or a session's event; "" if it has no evidence.
std::string evidence_explained(const JsonValue& event);
// What SPF says of its sender, in a few words.
std::string spf_explained(const JsonValue& event);
// The keys of the event that it speaks of.
std::span<const std::string_view> evidence_keys();
// Why nothing was asked about a client, by the word of the event; "" for none.
std::string_view spared_explained(std::string_view spared);

}  // namespace sallyport::proxy
