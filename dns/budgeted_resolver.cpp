#include "dns/budgeted_resolver.h"

#include <algorithm>
#include <utility>

namespace sallyport::dns {
namespace {

class InFlight {
 public:
  explicit InFlight(std::shared_ptr<Allowance> allowance) : allowance_(std::move(allowance)) {
    ++allowance_->in_flight;
  }
  ~InFlight() { --allowance_->in_flight; }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

 private:
  std::shared_ptr<Allowance> allowance_;
};

AnswerPtr exhausted(Question question) {
  return std::make_shared<Answer>(answer_without_records(Status::exhausted, std::move(question.name)));
}

}  // namespace

BudgetedResolver::BudgetedResolver(Resolver& resolver, const Clock& clock, Duration waiting,
                                   std::shared_ptr<Allowance> allowance)
    : resolver_(resolver), clock_(clock), waiting_(waiting), allowance_(std::move(allowance)) {}

io::Task<AnswerPtr> BudgetedResolver::ask(Question question, Asking asking) {
  if (closed_) co_return exhausted(std::move(question));
  if (!asking.fresh)
    if (AnswerPtr answer = resolver_.at_hand(question)) co_return answer;
  if (allowance_->questions <= 0 || allowance_->in_flight >= Allowance::kMostInFlight) {
    allowance_->overdrawn = true;
    co_return exhausted(std::move(question));
  }
  const TimePoint now = clock_.now();
  until_ = std::min(until_, now + waiting_);
  if (now >= until_) co_return exhausted(std::move(question));
  --allowance_->questions;
  asking.deadline = std::min(asking.deadline, until_);
  const InFlight in_flight(allowance_);
  AnswerPtr answer = co_await resolver_.ask(std::move(question), asking);
  if (answer->status == Status::exhausted) allowance_->overdrawn = true;
  co_return answer;
}

AnswerPtr BudgetedResolver::at_hand(const Question& question) { return resolver_.at_hand(question); }

}  // namespace sallyport::dns
