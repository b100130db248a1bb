// One look-up as evidence: what was asked, what was answered, how long it took. For events, `try` and
// `explain`; nothing is decided by it.
#pragma once

#include <string>

#include "base/clock.h"
#include "dns/answer.h"
#include "dns/question.h"

namespace sallyport::dns {

struct Lookup {
  Question question;
  AnswerPtr answer;
  Duration took{0};
  bool at_hand = false;  // answered without waiting
};

// "192.0.2.1", "10 mx.example.com", "\"v=spf1 -all\", ..." or the status; at most 200 octets, escaped.
std::string summary(const Answer& answer);

}  // namespace sallyport::dns
