// RCPT: each recipient of a transaction is judged, then asked of its next hop; what has side effects last.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/faults.h"
#include "base/mail/replies.h"
#include "proxy/mutants.h"
#include "proxy/recipient_verdict.h"
#include "proxy/transaction.h"
#include "proxy/treated_verdict.h"

namespace sallyport::proxy {

using policy::View;

namespace {

// A relay is not the home of its recipients: it is not asked who exists, and never probed.
std::shared_ptr<const relay::Route> without_asking(const relay::Route& route) {
  auto relay = std::make_shared<relay::Route>(route);
  relay->recipients = relay::RecipientCheck::any;
  return relay;
}

}  // namespace

io::Task<mail::Reply> Transaction::add_recipient(smtp::Rcpt command) {
  const std::size_t place = records_.size();
  const TimePoint began = services_.clock.now();
  mail::Reply reply = co_await judge(command);
  if (client_.inquiry && settings_.record_all) co_await client_.inquiry->settle_all(View::would_be);
  if (records_.size() > place) records_.back().took = services_.clock.now() - began;
  co_return reply;
}

io::Task<mail::Reply> Transaction::judge(const smtp::Rcpt& command) {
  const TimePoint began = services_.clock.now();
  Inquiry* const inquiry = client_.inquiry.get();
  const Treated treated = co_await treatment_of(
      settings_, {client_.facts, client_.listener, client_.helo, envelope_.sender, command.recipient},
      inquiry);
  auto verdict = co_await judge_treated(client_.facts, inquiry, envelope_.sender, command.recipient,
                                        treated, &services_.senders, services_.clock.wall());
  if (inquiry && inquiry->is_listed()) services_.known_good.forget(client_.facts.address);
  RecipientRecord record{.path = command.recipient,
                         .treatment = treated.acting,
                         .otherwise = treated.otherwise,
                         .unproven = treated.unproven,
                         .unheld = unheld_of(verdict),
                         .correspondent = correspondent_of(verdict)};
  if (treated.would_be != treated.acting) co_await watch(treated.would_be, record);
  record.waited = services_.clock.now() - began;
  if (auto* refused = std::get_if<policy::Refuse>(&verdict)) co_return refuse(std::move(record), *refused);
  const auto& accept = std::get<policy::Accept>(verdict);
  std::shared_ptr<const relay::Route> route = settings_.routes.at(accept.route);
  if (accept.outbound) route = without_asking(*route);
  auto refusal = other_route(accept.route);
  if (!refusal) refusal = waits_apart(accept.role, *treated.acting);
  if (!refusal) refusal = route_refuses(*route);
  note_watched(record, refusal);  // no rule makes that otherwise
  if (!refusal)
    refusal = refused_by(*treated.acting, treated.otherwise,
                         [&](const Treatment& one) { return limits_refuse(one.limits); });
  if (refusal) co_return refuse(std::move(record), *refusal);
  co_return co_await ask(command, accept, std::move(route), std::move(record));
}

std::optional<policy::Refuse> Transaction::limits_refuse(const Limits& limits) const {
  if (auto refusal = refuses_size(limits, envelope_.parameters.size.value_or(0))) return refusal;
  std::size_t most = limits.recipients;
  for (const auto& other : treatments_) most = std::min(most, other->limits.recipients);
  if (envelope_.recipients.size() >= most) return policy::refuse(mail::Refusal::too_many_recipients);
  return std::nullopt;
}

void Transaction::treat_as_well(const RecipientRecord& record) {
  otherwise_.add(record.otherwise);
  if (std::ranges::find(treatments_, record.treatment) != treatments_.end()) return;
  treatments_.push_back(record.treatment);
  headers_.limit(record.treatment->limits.header_size);
}

bool Transaction::treatments_differ() const {
  return std::ranges::adjacent_find(records_, std::ranges::not_equal_to(), &RecipientRecord::treatment) !=
         records_.end();
}

std::optional<policy::Refuse> Transaction::refused_by(const Treatment& treatment,
                                                      const Otherwise& otherwise,
                                                      const Refuses& refuses) const {
  auto refusal = refuses(treatment);
  if (!refusal || !is_for_good(*refusal) || !may_spare(otherwise, refuses)) return refusal;
  return put_off(otherwise.failed, *refusal, client_.facts.address, envelope_.sender);
}

std::optional<policy::Refuse> Transaction::refused_by_any(const Refuses& refuses) const {
  for (const auto& treatment : treatments_)
    if (auto refusal = refused_by(*treatment, otherwise_, refuses)) return refusal;
  return std::nullopt;
}

const Treatment& Transaction::common_treatment() const {
  return records_.empty() || treatments_differ() ? settings_ : *records_.front().treatment;
}

std::optional<policy::Refuse> Transaction::other_route(const std::string& route) const {
  if (envelope_.recipients.empty() || route == route_->name) return std::nullopt;
  return policy::refuse(mail::Refusal::other_route);
}

// A bounce that has to wait (begin_content) waits with all of its recipients, and role addresses wait for
// nobody. Nor do they let the others pass: a postmaster among them would be the way around greylisting.
std::optional<policy::Refuse> Transaction::waits_apart(bool role, const Treatment& treatment) const {
  if (!envelope_.sender.is_null() || !client_.inquiry || envelope_.recipients.empty()) return std::nullopt;
  if (envelope_.recipients.front().role == role) return std::nullopt;
  const auto has_greylist = [](const Treatment& one) {
    return one.policy->checks.greylist.mode == policy::Mode::enforce;
  };
  const bool may_wait = has_greylist(treatment) || std::ranges::any_of(treatments_, [&](const auto& one) {
                          return has_greylist(*one);
                        });
  if (!may_wait) return std::nullopt;
  return policy::refuse(mail::Refusal::other_route);
}

// What the message was declared to be, and this way cannot carry.
std::optional<policy::Refuse> Transaction::route_refuses(const relay::Route& route) const {
  const mail::MailParameters& declared = envelope_.parameters;
  auto hop = services_.relay.capabilities(route);
  if (declared.smtputf8 && hop.known && !hop.smtputf8)
    return policy::refuse(mail::Refusal::not_utf8_capable);
  if (declared.eight_bit && !route.eight_bit) return policy::refuse(mail::Refusal::eight_bit);
  return too_large_for(route, declared.size.value_or(0));
}

// The route's own limit, or the next hop's as last known, whichever is less.
std::optional<policy::Refuse> Transaction::too_large_for(const relay::Route& route,
                                                         std::uint64_t octets) const {
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  if (route.message_size) most = *route.message_size;
  if (auto hop = services_.relay.capabilities(route); hop.size != 0) most = std::min(most, hop.size);
  if (octets <= most) return std::nullopt;
  return policy::refuse(mail::Refusal::too_large_for_route, fmt::format("{}", most));
}

io::Task<mail::Reply> Transaction::ask(const smtp::Rcpt& command, const policy::Accept& accept,
                                       std::shared_ptr<const relay::Route> route,
                                       RecipientRecord&& record) {
  if (const auto& away = client_.account->sent_away(); away && !accept.role)
    co_return refuse(std::move(record), without_cutting_off(*away));
  co_await watch_before_asking(record);
  record.account = co_await client_.account->before_asking(*record.treatment, accept);
  if (auto refusal = std::move(record.account.refusal))
    co_return refuse(std::move(record), without_cutting_off(std::move(*refusal)));
  relay::Recipient recipient{command.recipient, command.parameters, accept.role};
  relay::Asker asker{client_.facts.address, envelope_.sender, std::nullopt};
  if (services_.relay.may_have_refused(asker.sender, recipient.path))
    asker.identity = co_await client_.account->who(*settings_.policy);
  TimePoint deadline = services_.clock.now() + settings_.timeouts.relay;
  auto answer = co_await services_.relay.ask(route, std::move(asker), recipient, deadline);
  record.from_memory = answer.cached;
  record.remembered_from = answer.refused_id;
  if (answer.kind == relay::RecipientAnswer::Kind::unknown && answer.refused_id.empty())
    client_.account->penalty().charge(policy::Offence::unknown_recipient, penalty_rules(record));
  if (is_watched(record))
    note_watched(record, client_.account->watch_answer(answer, watched_limits(record), accept.role));
  if (auto refusal = client_.account->answered(answer, *record.treatment, accept.role, record.account))
    co_return refuse(std::move(record), without_cutting_off(std::move(*refusal)));
  if (answer.kind != relay::RecipientAnswer::Kind::exists)
    co_return pass_on(std::move(answer), std::move(record));
  note(record, accept);
  if (!envelope_.sender.is_null()) {
    co_await watch_greylist(record);
    record.greylist = co_await judge_by_greylist(record);
  }
  if (const auto refusal = std::move(record.greylist.refusal))
    co_return refuse(std::move(record), *refusal);
  if (is_watched(record))
    note_watched(record, client_.account->watch_places(watched_limits(record), accept.role, held_));
  client_.account->take(*record.treatment, accept.role, held_, record.account);
  if (const auto refusal = std::move(record.account.refusal)) co_return refuse(std::move(record), *refusal);
  if (record.watched) client_.account->count_watched(watched_limits(record), accept.role, held_);
  co_return add(std::move(recipient), std::move(route), std::move(record));
}

// Evidence never costs a role address its mail (promise P4): whoever is to be sent away may finish a
// message to one. The others of its recipients hear 451, and no further message is begun.
policy::Refuse Transaction::without_cutting_off(policy::Refuse refusal) {
  if (refusal.reply.code != 421 || std::ranges::none_of(envelope_.recipients, &relay::Recipient::role))
    return refusal;
  client_.account->send_away_later(refusal);
  refusal.reply.code = 451;
  return refusal;
}

// What the next hop says of it, in place of 250.
mail::Reply Transaction::pass_on(relay::RecipientAnswer answer, RecipientRecord&& record) {
  record.reply = std::move(answer.reply);
  record.why = mail::reason_of(record.reply);
  record.host = std::move(answer.host);
  record.next_hop_reply = std::move(answer.next_hop_reply);
  records_.push_back(std::move(record));
  return records_.back().reply;
}

void Transaction::note(RecipientRecord& record, const policy::Accept& accept) {
  record.role = accept.role;
  record.allowed = !accept.rule.empty();
  record.why = accept.role ? "role" : record.allowed ? "allowed" : "";
  record.rule = accept.rule;
  record.entry = accept.entry;
  if (record.would_be.empty()) record.would_be = accept.observed;
}

mail::Reply Transaction::add(relay::Recipient recipient, std::shared_ptr<const relay::Route> route,
                             RecipientRecord&& record) {
  record.reply = mail::reply(mail::Answer::recipient_ok);
  treat_as_well(record);
  passed_ = passed_ || !record.role;
  records_.push_back(std::move(record));
  envelope_.recipients.push_back(std::move(recipient));
  route_ = std::move(route);
  if (faults::mutant("recipients-not-reset")) mutants::leave_behind(client_.session_id, envelope_, route_);
  return records_.back().reply;
}

// The last that is asked. Whoever is allowed, is written to, or writes to a role address, waits for
// nothing.
io::Task<GreylistVerdict> Transaction::judge_by_greylist(const RecipientRecord& record) {
  if (record.role || record.allowed || !record.correspondent.domain.empty()) co_return GreylistVerdict{};
  co_return co_await proxy::judge_by_greylist(services_.greylist,
                                              greylist_question(record, record.treatment));
}

GreylistQuestion Transaction::greylist_question(const RecipientRecord& record,
                                                std::shared_ptr<const Treatment> treatment) const {
  return {client_.facts,
          client_.inquiry.get(),
          envelope_.sender,
          record.path,
          {treatment, treatment, record.otherwise},
          &services_.senders,
          services_.clock.wall(),
          services_.known_good.knows(client_.facts.address, services_.clock.now())};
}

// Other people's servers ask whether an address of ours exists by MAIL FROM:<> and RCPT, and never come to
// DATA: only here a bounce may have to wait, for all of its recipients. A second DATA is judged as the
// first.
io::Task<std::optional<mail::Reply>> Transaction::begin_content() {
  if (!envelope_.sender.is_null()) co_return std::nullopt;
  std::optional<policy::Refuse> refusal;
  bool all_are_refused = true;
  for (RecipientRecord& record : records_) {
    if (!record.reply.positive() && !record.refused_at_data) continue;
    co_await watch_greylist(record);
    record.greylist = co_await judge_by_greylist(record);
    auto refused = std::move(record.greylist.refusal);
    answer_at_data(record, refused);
    all_are_refused = all_are_refused && refused && is_for_good(*refused);
    if (refused && (!refusal || is_for_good(*refusal))) refusal = std::move(refused);
  }
  if (!refusal) co_return std::nullopt;
  if (!all_are_refused) put_bounce_off(*refusal);
  charge(*std::ranges::find(records_, true, &RecipientRecord::refused_at_data), refusal->why);
  refusal->reply.with_id = refusal->reply_id;
  co_return refusal->reply;
}

// Of those that are taken in spite of everything nobody is refused here.
void Transaction::answer_at_data(RecipientRecord& record, const std::optional<policy::Refuse>& refusal) {
  record.refused_at_data = refusal.has_value();
  if (refusal) return answer(record, *refusal);
  record.reply = mail::reply(mail::Answer::recipient_ok);
  record.judged = "accept";
  if (!record.role && !record.allowed) record.why = record.rule = record.entry = "";
}

// DATA has one answer for all: with a recipient that would be taken, or has to wait, nobody is refused for
// good. When the bounce comes again, whom that means hears it at RCPT.
void Transaction::put_bounce_off(policy::Refuse& refusal) {
  if (is_for_good(refusal))
    refusal =
        policy::refuse(mail::Refusal::client_later, client_.facts.address.address_literal() +
                                                        " deferred: not all of its recipients take it");
  for (RecipientRecord& record : records_)
    if (record.refused_at_data && !record.reply.transient()) answer_at_data(record, refusal);
}

mail::Reply Transaction::refuse(RecipientRecord&& record, const policy::Refuse& refusal) {
  answer(record, refusal);
  charge(record, refusal.why);
  records_.push_back(std::move(record));
  return records_.back().reply;
}

void Transaction::answer(RecipientRecord& record, const policy::Refuse& refusal) {
  record.reply = refusal.reply;
  record.reply.with_id = refusal.reply_id;
  record.rule = refusal.rule;
  record.entry = refusal.entry;
  if (record.would_be.empty()) record.would_be = refusal.observed;
  record.why = mail::text_of(refusal.why).name;
  record.judged = in_words(refusal);
}

void Transaction::charge(const RecipientRecord& record, mail::Refusal why) {
  if (const auto offence = policy::offence_of(why))
    client_.account->penalty().charge(*offence, penalty_rules(record));
}

PenaltyRules Transaction::penalty_rules(const RecipientRecord& record) {
  const Treatment& watched = record.watched ? *record.watched->treatment : *record.treatment;
  return {record.treatment->limits.penalty, watched.limits.penalty};
}

PenaltyRules Transaction::common_penalty_rules() const {
  if (records_.empty() || treatments_differ()) return {settings_.limits.penalty, settings_.limits.penalty};
  return penalty_rules(records_.front());
}

}  // namespace sallyport::proxy
