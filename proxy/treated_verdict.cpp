#include "proxy/treated_verdict.h"

#include <algorithm>
#include <utility>

#include "proxy/recipient_verdict.h"

namespace sallyport::proxy {

bool is_for_good(const policy::Refuse& refusal) { return refusal.reply.code >= 500; }

bool may_spare(const Otherwise& otherwise, const Refuses& refuses) {
  return otherwise.more || std::ranges::any_of(otherwise.treatments, [&](const auto& treatment) {
           const auto refusal = refuses(*treatment);
           return !refusal || !is_for_good(*refusal);
         });
}

io::Task<policy::RecipientVerdict> judge_treated(const policy::ClientFacts& client, Inquiry* inquiry,
                                                 const mail::Path& sender, const mail::Path& recipient,
                                                 const Treated& treated, SenderBook* book, WallTime now) {
  const auto by = [&](const Treatment& values) {
    return RecipientQuestion{client, sender, recipient, *values.policy, book, now};
  };
  auto verdict = co_await judge_recipient(by(*treated.acting), inquiry);
  const auto* refusal = std::get_if<policy::Refuse>(&verdict);
  if (!refusal || !is_for_good(*refusal) || treated.otherwise.empty()) co_return verdict;
  if (inquiry) co_await inquiry->settle_all();
  const auto refuses = [&](const Treatment& other) -> std::optional<policy::Refuse> {
    auto judged = judge_recipient_now(by(other), inquiry);
    if (auto* theirs = std::get_if<policy::Refuse>(&judged)) return std::move(*theirs);
    return std::nullopt;
  };
  if (may_spare(treated.otherwise, refuses))
    co_return put_off(treated.otherwise.failed, *refusal, client.address, sender);
  co_return verdict;
}

}  // namespace sallyport::proxy
