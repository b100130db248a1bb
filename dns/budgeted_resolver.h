// What one session may ask, and how long it may wait: beyond that the answer is `exhausted`, at once.
//
// The allowance is the session's; each round of look-ups (of a connection, an EHLO, a MAIL) has a resolver
// of its own over it, with its own time, and is closed when it is over: what is still under way then asks
// nothing further. Shared with the look-ups, used on one core.
#pragma once

#include "base/clock.h"
#include "dns/resolver.h"

namespace sallyport::dns {

struct Budget {  // of a session
  int questions = 300;
  Duration waiting = std::chrono::seconds(15);  // of a round, from its first question that had to wait
};

// Of a session, in all its rounds.
struct Allowance {
  static constexpr int kMostInFlight = 60;
  static constexpr int kForMessage = 50;

  explicit Allowance(int most) : questions(most) {}

  int questions;  // left
  int in_flight = 0;
  bool overdrawn = false;  // more was wanted than there was, here or of all sessions together
};

class BudgetedResolver : public Resolver {
 public:
  BudgetedResolver(Resolver& resolver, const Clock& clock, Duration waiting,
                   std::shared_ptr<Allowance> allowance);

  io::Task<AnswerPtr> ask(Question question, Asking asking) override;
  AnswerPtr at_hand(const Question& question) override;  // costs nothing
  void close() { closed_ = true; }

 private:
  Resolver& resolver_;
  const Clock& clock_;
  Duration waiting_;
  std::shared_ptr<Allowance> allowance_;
  TimePoint until_ = TimePoint::max();
  bool closed_ = false;
};

}  // namespace sallyport::dns
