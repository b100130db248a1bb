// One fact about a client in plain words, for `explain` and `try`. Pure.
#pragma once

#include <string>

#include "base/mail/evidence.h"
#include "policy/checks.h"

namespace sallyport::proxy {

// "HELO mx.good.test is its reverse name". `settings`: the lists are called as they have it.
std::string in_words(const mail::Fact& fact, const policy::CheckSettings& settings);
// What SPF says of the sender, where a claim would have needed a pass; null: nothing.
std::string spf_in_words(const mail::Fact* spf);

}  // namespace sallyport::proxy
