// What the rules that only observe would make of a recipient, step by step beside what acts. What they need
// is waited for, as if they acted: an honest word about them is what they are there for.
#include "proxy/greylist_verdict.h"
#include "proxy/recipient_verdict.h"
#include "proxy/transaction.h"

namespace sallyport::proxy {

io::Task<> Transaction::watch(std::shared_ptr<const Treatment> treatment, RecipientRecord& record) {
  record.observing = observed_rules({record.treatment, treatment, {}});
  record.watched = Watched{.treatment = treatment};
  const auto verdict =
      co_await judge_recipient({client_.facts, envelope_.sender, record.path, *treatment->policy,
                                &services_.senders, services_.clock.wall(), Hits::are_not_counted,
                                policy::Sparing::as_configured, policy::View::would_be},
                               client_.inquiry.get());
  if (const auto* refusal = std::get_if<policy::Refuse>(&verdict)) co_return note_watched(record, *refusal);
  record.watched->accept = std::get<policy::Accept>(verdict);
  note_watched(record, limits_refuse(treatment->limits));
}

// Nothing refuses it so far.
bool Transaction::is_watched(const RecipientRecord& record) {
  return record.watched && record.watched->refusal.empty();
}

void Transaction::note_watched(RecipientRecord& record, const std::optional<policy::Refuse>& refusal) {
  if (refusal && is_watched(record)) record.watched->refusal = in_words(*refusal);
}

WatchedLimits Transaction::watched_limits(const RecipientRecord& record) const {
  return {*record.watched->treatment, std::span(&record.treatment, 1)};
}

io::Task<> Transaction::watch_before_asking(RecipientRecord& record) {
  if (!is_watched(record)) co_return;
  const Watched& watched = *record.watched;
  note_watched(record,
               co_await client_.account->watch_before_asking(watched_limits(record), watched.accept));
}

io::Task<> Transaction::watch_greylist(RecipientRecord& record) {
  if (!is_watched(record)) co_return;
  const auto& [treatment, accept, none] = *record.watched;
  if (accept.role || !accept.rule.empty() || !accept.correspondent.empty()) co_return;
  const bool may_wait = !record.role && !record.allowed && record.correspondent.empty();
  const bool acts = may_wait && co_await is_asked(greylist_question(record, record.treatment));
  GreylistQuestion question = greylist_question(record, treatment);
  question.view = policy::View::would_be;
  note_watched(record, co_await proxy::watch_greylist(services_.greylist, question, !acts));
}

void Transaction::watch_content() {
  for (RecipientRecord& record : records_) {
    if (!record.reply.positive() || !is_watched(record)) continue;
    const Treatment& treatment = *record.watched->treatment;
    note_watched(record, refuses_header(treatment));
    note_watched(record, refuses_whole(treatment));
    if (!record.role && is_watched(record))
      note_watched(record, client_.account->watch_content({treatment, treatments_}, held_));
  }
  for (const RecipientRecord& record : records_)  // behind all looks: each hears the same
    if (record.reply.positive() && record.watched && !record.role)
      client_.account->count_watched_content(content_.size(), {*record.watched->treatment, treatments_},
                                             held_);
}

// What becomes of it by them, where that is something else. Of whom the next hop refuses nothing is known
// but what would have refused him before.
std::string Transaction::watched_otherwise(const RecipientRecord& record) const {
  if (!record.watched) return {};
  const std::string& refusal = record.watched->refusal;
  const std::string watched = refusal.empty() ? "accept" : refusal;
  return watched == record.judged ? std::string() : watched;
}

}  // namespace sallyport::proxy
