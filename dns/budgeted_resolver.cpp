#include "dns/budgeted_resolver.h"

#include <algorithm>
#include <utility>

namespace sallyport::dns {
namespace {

class InFlight {
 public:
  explicit InFlight(std::shared_ptr<Allowance> allowance) : allowance_(std::move(allowance)) {}
  ~InFlight() { allowance_->put_back(asked_); }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;
  void was_not_asked() { asked_ = false; }

 private:
  std::shared_ptr<Allowance> allowance_;
  bool asked_ = true;
};

AnswerPtr exhausted(Question question) {
  return std::make_shared<Answer>(answer_without_records(Status::exhausted, std::move(question.name)));
}

}  // namespace

bool Allowance::take(TimePoint now) {
  refill(now);
  if (questions_ <= 0 || in_flight_ >= kMostInFlight) return false;
  --questions_;
  ++in_flight_;
  return true;
}

void Allowance::put_back(bool asked) {
  --in_flight_;
  if (!asked) add(1);
}

void Allowance::add(Duration::rep more) {
  questions_ = static_cast<int>(std::min<Duration::rep>(most_, questions_ + more));
}

void Allowance::refill(TimePoint now) {
  if (!refilled_ || questions_ >= most_) refilled_ = now;
  const auto more = (now - *refilled_) / kForQuestion;
  add(more);
  *refilled_ += more * kForQuestion;
}

BudgetedResolver::BudgetedResolver(Resolver& resolver, const Clock& clock, Duration waiting,
                                   std::shared_ptr<Allowance> allowance)
    : resolver_(resolver), clock_(clock), waiting_(waiting), allowance_(std::move(allowance)) {}

io::Task<AnswerPtr> BudgetedResolver::ask(Question question, Asking asking) {
  if (closed_) co_return exhausted(std::move(question));
  if (!asking.fresh)
    if (AnswerPtr answer = resolver_.at_hand(question)) co_return answer;
  const TimePoint now = clock_.now();
  if (now >= until_) co_return exhausted(std::move(question));
  if (!allowance_->take(now)) {
    overdrawn_ = true;
    co_return exhausted(std::move(question));
  }
  InFlight in_flight(allowance_);
  until_ = std::min(until_, now + waiting_);
  asking.deadline = std::min(asking.deadline, until_);
  AnswerPtr answer = co_await resolver_.ask(std::move(question), asking);
  if (answer->status != Status::exhausted) co_return answer;
  overdrawn_ = true;
  in_flight.was_not_asked();
  co_return answer;
}

AnswerPtr BudgetedResolver::at_hand(const Question& question) { return resolver_.at_hand(question); }

}  // namespace sallyport::dns
