// What one session may ask until it is renewed: a number of questions, and a time for all of it. Beyond
// either the answer is `exhausted`, at once. Owned by a session (shared with its look-ups), used on one
// core.
#pragma once

#include "base/clock.h"
#include "dns/resolver.h"

namespace sallyport::dns {

class BudgetedResolver : public Resolver {
 public:
  struct Budget {
    int questions = 300;
    Duration waiting = std::chrono::seconds(15);  // from the first question that had to wait
  };
  BudgetedResolver(Resolver& resolver, const Clock& clock, Budget budget);

  io::Task<AnswerPtr> ask(Question question, Asking asking) override;
  AnswerPtr at_hand(const Question& question) override;  // costs nothing

  void renew();  // questions in flight keep the time they had

  int asked() const { return asked_; }

 private:
  Resolver& resolver_;
  const Clock& clock_;
  Budget budget_;
  int asked_ = 0;
  TimePoint until_ = TimePoint::max();
};

}  // namespace sallyport::dns
