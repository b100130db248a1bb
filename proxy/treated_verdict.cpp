#include "proxy/treated_verdict.h"

#include <algorithm>

#include "proxy/recipient_verdict.h"

namespace sallyport::proxy {

bool is_for_good(const policy::Refuse& refusal) { return refusal.reply.code >= 500; }

io::Task<policy::RecipientVerdict> judge_treated(const policy::ClientFacts& client, Inquiry* inquiry,
                                                 const mail::Path& sender, const mail::Path& recipient,
                                                 const Treated& treated, SenderBook* book, WallTime now) {
  const auto by = [&](const std::shared_ptr<const Treatment>& values) {
    return RecipientQuestion{client, sender, recipient, *values->policy, book, now};
  };
  auto verdict = co_await judge_recipient(by(treated.acting), inquiry);
  const auto* refusal = std::get_if<policy::Refuse>(&verdict);
  if (!refusal || !is_for_good(*refusal) || treated.otherwise.empty()) co_return verdict;
  if (inquiry) co_await inquiry->settle_all();
  const auto spares = [&](const std::shared_ptr<const Treatment>& other) {
    const auto judged = judge_recipient_now(by(other), inquiry);
    const auto* refuses = std::get_if<policy::Refuse>(&judged);
    return !refuses || !is_for_good(*refuses);
  };
  if (treated.more || std::ranges::any_of(treated.otherwise, spares))
    co_return put_off(treated.failed, *refusal, client.address, sender);
  co_return verdict;
}

}  // namespace sallyport::proxy
