// What the rules that only observe would make of a recipient, step by step beside what acts. What they need
// is waited for, as if they acted: an honest word about them is what they are there for.
#include <algorithm>

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
  if (accept.role || !accept.rule.empty() || !accept.correspondent.domain.empty()) co_return;
  const bool may_wait = !record.role && !record.allowed && record.correspondent.domain.empty();
  const bool acts = may_wait && co_await is_asked(greylist_question(record, record.treatment));
  GreylistQuestion question = greylist_question(record, treatment);
  question.view = policy::View::would_be;
  note_watched(record, co_await proxy::watch_greylist(services_.greylist, question, !acts));
}

// What would be said of the message by all who would be its recipients then: one of them is enough.
std::optional<policy::Refuse> Transaction::watched_refuse(std::uint64_t octets) const {
  std::vector<const Treatment*> all, counted;
  for (const RecipientRecord& record : records_) {
    if (!record.reply.positive() || (record.watched && !is_watched(record))) continue;
    all.push_back(record.watched ? record.watched->treatment.get() : record.treatment.get());
    if (!record.role) counted.push_back(all.back());
  }
  const auto first = [](const std::vector<const Treatment*>& treatments, const Refuses& refuses) {
    std::optional<policy::Refuse> refusal;
    for (const Treatment* one : treatments)
      if (refusal = refuses(*one); refusal) break;
    return refusal;
  };
  // Of a header that was not read to its end it is only known that it is no larger than all of it.
  const std::uint64_t header =
      headers_.too_large() ? std::max(octets, headers_.octets()) : headers_.octets();
  if (auto refusal = first(all, [&](const Treatment& one) { return refuses_header(one, header); }))
    return refusal;
  if (auto refusal = first(all, [&](const Treatment& one) { return refuses_whole(one, octets); }))
    return refusal;
  if (auto refusal = too_large_for(*route_, octets)) return refusal;
  return first(counted, [&](const Treatment& one) {
    return client_.account->watch_content({one, treatments_}, held_);
  });
}

void Transaction::watch_content(std::uint64_t octets) {
  if (std::ranges::none_of(records_, [](const RecipientRecord& one) { return one.watched.has_value(); }))
    return;
  const auto refusal = watched_refuse(octets);
  for (RecipientRecord& record : records_)
    if (record.reply.positive()) note_watched(record, refusal);
  for (const RecipientRecord& record : records_)
    if (record.reply.positive() && record.watched && !record.role)
      client_.account->count_watched_content(octets, {*record.watched->treatment, treatments_}, held_);
}

// A fault of its framing is one whatever the rules say; of what a limit cut off only the size is known.
void Transaction::refused_unseen(const mail::Reply& reply, std::uint64_t octets) {
  using enum mail::Refusal;
  if (reply.refusal != message_too_large && reply.refusal != header_too_large &&
      reply.refusal != malformed_header)
    return;
  watch_content(octets);
  // Nobody may send that much: as each recipient alone would have said.
  const auto refusal = reply.refusal == message_too_large ? too_large_for_recipient : *reply.refusal;
  content_judged_ = mail::text_of(refusal).name;
}

// What becomes of it by them, where that is something else. Of whom the next hop refuses nothing is known
// but what would have refused him before.
std::string Transaction::watched_otherwise(const RecipientRecord& record) const {
  if (!record.watched) return {};
  const std::string& refusal = record.watched->refusal;
  const std::string watched = refusal.empty() ? "accept" : refusal;
  const std::string& judged = record.reply.positive() ? content_judged_ : record.judged;
  return watched == judged ? std::string() : watched;
}

}  // namespace sallyport::proxy
