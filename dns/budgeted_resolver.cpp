#include "dns/budgeted_resolver.h"

#include <algorithm>
#include <utility>

namespace sallyport::dns {

BudgetedResolver::BudgetedResolver(Resolver& resolver, const Clock& clock, Budget budget)
    : resolver_(resolver), clock_(clock), budget_(budget) {}

io::Task<AnswerPtr> BudgetedResolver::ask(Question question, Asking asking) {
  if (!asking.fresh)
    if (AnswerPtr answer = resolver_.at_hand(question)) co_return answer;
  const TimePoint now = clock_.now();
  if (asked_ >= budget_.questions || now >= until_)
    co_return std::make_shared<Answer>(answer_without_records(Status::exhausted, std::move(question.name)));
  if (asked_++ == 0) until_ = now + budget_.waiting;
  asking.deadline = std::min(asking.deadline, until_);
  co_return co_await resolver_.ask(std::move(question), asking);
}

void BudgetedResolver::renew() {
  asked_ = 0;
  until_ = TimePoint::max();
}

AnswerPtr BudgetedResolver::at_hand(const Question& question) { return resolver_.at_hand(question); }

}  // namespace sallyport::dns
