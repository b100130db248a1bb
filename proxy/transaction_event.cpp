// The one event of a message: who, what was found out, what became of it, and how long each part took.
#include "base/store/event_lines.h"
#include "policy/client.h"
#include "policy/observed.h"
#include "proxy/evidence_event.h"
#include "proxy/recipient_verdict.h"
#include "proxy/refusal_event.h"
#include "proxy/transaction.h"

namespace sallyport::proxy {
namespace {

constexpr std::size_t kMostRecorded = 200;  // recipients in one event: more stand in others before it
constexpr std::size_t kMostRules = 200;     // of all of them

const char* word_for(relay::Fate fate) {
  switch (fate) {
    using enum relay::Fate;
    case delivered:
      return "delivered";
    case refused:
      return "refused";
    case deferred:
      return "deferred";
    case ambiguous:
      return "ambiguous";
    case client_gone:
      return "client gone";
  }
  return "deferred";
}

}  // namespace

std::string_view Transaction::fate(std::string_view otherwise) const {
  if (may_be_taken()) return word_for(relay::Fate::ambiguous);
  return delivery_ ? word_for(delivery_->fate) : otherwise;
}

void Transaction::record(const mail::Reply& reply, std::string_view fate, const smtp::Refusals& refused) {
  held_.give_back();
  if (content_began_ && reply.code >= 500)
    client_.account->penalty().charge(policy::Offence::refusal, common_penalty_rules());
  record_more_recipients();
  store::Event event("message");
  event.text("id", envelope_.id)
      .text("session", client_.session_id)
      .text("client", client_.facts.address.to_string())
      .text("listener", client_.listener)
      .text("helo", client_.helo)
      .text("user", client_.facts.authenticated)
      .text("spared", to_string(client_.spared));
  event.text("from", envelope_.sender.is_null() ? "<>" : envelope_.sender.address());
  const Records first = recorded_from(0);
  event.begin_list("to");
  record_recipients(event, first);
  record_refused_recipients(event, refused);
  event.end_list();
  if (records_.size() > first.size())
    event.number("recipients", static_cast<std::int64_t>(records_.size()));
  record_rules(event, "rule_texts", rules_of(first));
  event.number("size", static_cast<std::int64_t>(content_.size())).text("fate", fate);
  if (reply.code != 0) record_reply(event, reply);
  record_refused_commands(event, refused);
  record_account(event, content_account_);
  if (route_) event.text("route", route_->name);
  if (forged_results_.removed() > 0) event.number("forged_results", forged_results_.removed());
  record_evidence_of(event);
  if (delivery_) event.text("host", delivery_->host).text("next_hop_reply", delivery_->next_hop_reply);
  record_times(event);
  recorded_ = true;
  services_.events.write(event);
}

Transaction::Records Transaction::recorded_from(std::size_t place) const {
  return Records(records_).subspan(place, std::min(records_.size() - place, kMostRecorded));
}

// Every refusal is on record, and no event is without a bound. The message's own comes last, so that who
// reads it has what belongs to it.
void Transaction::record_more_recipients() const {
  for (std::size_t place = kMostRecorded; place < records_.size(); place += kMostRecorded) {
    const Records some = recorded_from(place);
    store::Event event(store::kMoreRecipients);
    event.text("id", envelope_.id).text("session", client_.session_id);
    event.begin_list("to");
    record_recipients(event, some);
    event.end_list();
    record_rules(event, "rule_texts", rules_of(some));
    services_.events.write(event);
  }
}

void Transaction::record_recipients(store::Event& event, Records records) const {
  const bool differ = treatments_differ();
  for (const RecipientRecord& record : records) {
    event.begin_item().text("address", record.path.address()).number("code", record.reply.code);
    if (!record.reply.positive())
      event.text("enhanced", record.reply.enhanced ? record.reply.enhanced.to_string() : "")
          .text("reply", record.reply.text);
    event.text("why", record.why).text("rule", record.rule).text("entry", record.entry);
    event.text("would_be", would_be(record)).text("correspondent", record.correspondent.domain);
    event.text("rules", in_words(record.treatment->matched));
    event.text("observed_rules", in_words(record.observing));
    event.text("unproven_rules", in_words(record.unproven));
    if (record.unheld) event.text("unheld", record.unheld->rule).text("unheld_entry", record.unheld->entry);
    record_otherwise(event, record);
    const bool own_score = differ || record.correspondent.score != 0;
    if (own_score && client_.inquiry && !policy::is_role_address(record.path, *record.treatment->policy))
      record_score(event, client_.inquiry->evidence(policy::View::would_be),
                   record.treatment->policy->checks, record.correspondent.score);
    record_greylist(event, record.greylist);
    record_account(event, record.account, record.greylist.identity.empty());
    if (record.from_memory) event.flag("from_memory", true);
    event.text("remembered_from", record.remembered_from);
    event.text("host", record.host).text("next_hop_reply", record.next_hop_reply);
    event.milliseconds("ms", record.took);
    if (record.waited >= std::chrono::milliseconds(1)) event.milliseconds("ms_evidence", record.waited);
    event.end_item();
  }
}

// What they say, each once: many recipients have the same.
std::vector<policy::MatchedRule> Transaction::rules_of(Records records) {
  std::vector<policy::MatchedRule> rules;
  for (const RecipientRecord& record : records)
    for (const auto* of_one : {&record.treatment->matched, &record.observing, &record.unproven})
      for (const policy::MatchedRule& rule : *of_one)
        if (rules.size() < kMostRules && std::ranges::find(rules, rule) == rules.end())
          rules.push_back(rule);
  return rules;
}

// Who was taken because somebody decided so: what would have become of him, by what is known.
void Transaction::record_otherwise(store::Event& event, const RecipientRecord& record) const {
  if (!record.reply.positive() || !(record.role || record.allowed || !record.correspondent.domain.empty()))
    return;
  const auto judged = judge_recipient_now(
      {client_.facts, envelope_.sender, record.path, *record.treatment->policy, &services_.senders,
       services_.clock.wall(), Hits::are_not_counted, policy::Sparing::nobody},
      client_.inquiry.get());
  const auto* refusal = std::get_if<policy::Refuse>(&judged);
  if (!refusal) return;
  event.text("otherwise", name_of(judged)).number("otherwise_code", refusal->reply.code);
  event.text("otherwise_reply", refusal->reply.text);
}

// What only observes would have decided, where that is something else.
std::string Transaction::would_be(const RecipientRecord& record) const {
  std::string lists = watched_otherwise(record);
  if (lists == "accept") return lists;  // in spite of all others
  policy::add_observed(lists, record.would_be);
  if (!lists.empty()) return lists;
  if (!record.account.would_be.empty()) return record.account.would_be;
  if (record.greylist.observed) return "greylisted";
  if (record.reply.positive() && !record.role && !content_account_.would_be.empty())
    return content_account_.would_be;
  const bool malformed = headers_.malformed() && record.treatment->malformed_header == Mode::observe;
  if (malformed && record.reply.positive()) return mail::text_of(mail::Refusal::malformed_header).name;
  return would_be_by_evidence(record);
}

// By what the checks found. Where all are treated alike, the message says it.
std::string Transaction::would_be_by_evidence(const RecipientRecord& record) const {
  if (!client_.inquiry || record.role || record.allowed || !treatments_differ()) return {};
  const mail::Evidence& evidence = client_.inquiry->evidence(policy::View::would_be);
  policy::CheckSettings checks = record.treatment->policy->checks;
  checks.reject_at -= record.correspondent.score;
  const auto judged = [&](policy::View view) {
    const auto decision = policy::judge_known(evidence, checks, view);
    return decision.action == policy::ClientDecision::Action::accept
               ? "accept"
               : in_words(policy::refusal(decision, evidence, checks));
  };
  const std::string acting = judged(policy::View::acting), would_be = judged(policy::View::would_be);
  const bool decides = record.reply.positive() || record.judged == acting;
  return decides && would_be != acting ? would_be : std::string();
}

void Transaction::record_evidence_of(store::Event& event) const {
  if (upstream_inquiry_)
    event.text("taken_from", upstream_inquiry_->evidence().client.to_string()).flag("observed", true);
  if (const Inquiry* found = inquiry())
    record_evidence(event, found->evidence(policy::View::would_be), common_treatment().policy->checks);
}

void Transaction::record_times(store::Event& event) const {
  if (content_began_ && ended_) event.milliseconds("ms_content", *ended_ - *content_began_);
  if (delivery_) event.milliseconds("ms_next_hop", relayed_);
  event.milliseconds("ms", services_.clock.now() - began_);
}

}  // namespace sallyport::proxy
