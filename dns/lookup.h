// Look-ups as evidence: what was asked, what was answered, how long it took. For events, `try` and
// `explain`; nothing is decided by it.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/io/task.h"
#include "dns/answer.h"
#include "dns/question.h"
#include "dns/resolver.h"

namespace sallyport::dns {

struct Lookup {
  Question question;
  AnswerPtr answer;
  Duration took{0};
  bool at_hand = false;  // answered without waiting
};

constexpr std::size_t kMaxLookups = 100;  // that one check keeps; it may have asked more

// Asks, and appends what it was told to `lookups`, which outlive the task.
io::Task<AnswerPtr> ask(Resolver& resolver, const Clock& clock, std::vector<Lookup>& lookups,
                        Question question, Asking asking);

// All at once; the answers in the order of the questions.
io::Task<std::vector<AnswerPtr>> ask_all(Resolver& resolver, const Clock& clock,
                                         std::vector<Lookup>& lookups, std::vector<Question> questions,
                                         Asking asking);

// "192.0.2.1", "10 mx.example.com", "\"v=spf1 -all\", ..." or the status, "REFUSED from 127.0.0.1:53";
// about 200 octets, escaped.
std::string summary(const Answer& answer);

}  // namespace sallyport::dns
