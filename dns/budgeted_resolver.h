// What one session may ask, and how long it may wait: beyond that the answer is `exhausted`, at once.
//
// The allowance is the session's; each round of look-ups (of a connection, an EHLO, a MAIL) has a resolver
// of its own over it, with its own time, and is closed when it is over: what is still under way then asks
// nothing further. Shared with the look-ups, used on one core.
//
// Whoever has used it up gets a question a second, so that a session that lasts is not without checks for
// good: less than a new connection gives.
#pragma once

#include <memory>
#include <optional>

#include "base/clock.h"
#include "dns/resolver.h"

namespace sallyport::dns {

struct Budget {  // of a session
  int questions = 300;
  Duration waiting = std::chrono::seconds(15);  // of a round, from its first question that had to wait
};

// Of a session, in all its rounds.
class Allowance {
 public:
  static constexpr int kMostInFlight = 60;
  static constexpr int kForMessage = 50;
  static constexpr Duration kForQuestion = std::chrono::seconds(1);

  explicit Allowance(int most) : most_(most), questions_(most) {}

  bool take(TimePoint now);  // one question, in flight until put_back(); false: there is none
  void put_back(bool asked);
  void message_taken() { add(kForMessage); }
  int questions() const { return questions_; }
  int in_flight() const { return in_flight_; }

 private:
  void add(Duration::rep more);
  void refill(TimePoint now);

  int most_;
  int questions_;  // left
  int in_flight_ = 0;
  std::optional<TimePoint> refilled_;
};

class BudgetedResolver : public Resolver {
 public:
  BudgetedResolver(Resolver& resolver, const Clock& clock, Duration waiting,
                   std::shared_ptr<Allowance> allowance);

  io::Task<AnswerPtr> ask(Question question, Asking asking) override;
  AnswerPtr at_hand(const Question& question) override;  // costs nothing
  void close() { closed_ = true; }
  // More was wanted in this round than there was, here or of all sessions together.
  bool overdrawn() const { return overdrawn_; }

 private:
  Resolver& resolver_;
  const Clock& clock_;
  Duration waiting_;
  std::shared_ptr<Allowance> allowance_;
  TimePoint until_ = TimePoint::max();
  bool closed_ = false;
  bool overdrawn_ = false;
};

}  // namespace sallyport::dns
