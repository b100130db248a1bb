#include "proxy/evidence_event.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/store/evidence_record.h"
#include "proxy/verdict_words.h"

namespace sallyport::proxy {
namespace {

using policy::ClientDecision;
using policy::Mode;

void record_fact(store::Event& event, const mail::Fact& fact, const policy::CheckSettings& checks) {
  const policy::Outcome outcome = policy::acted_on(checks.outcome_of(fact), may_change(fact));
  event.begin_item();
  if (fact.written.empty())
    store::write_fact(event, fact);
  else
    event.members(fact.written);
  if (outcome.kind != policy::Outcome::Kind::ignore) event.text("counts", word_for(outcome));
  if (checks.mode_of(fact.key) == Mode::observe) event.flag("observed", true);
  if (checks.mode_of(fact.key) == Mode::off) event.flag("off", true);
  event.end_item();
}

// Why nothing is known of it.
const char* why_not_asked(const mail::FactKey& key, const mail::Evidence& evidence,
                          const policy::CheckSettings& checks) {
  const bool pending = std::ranges::find(evidence.pending, key) != evidence.pending.end();
  if (pending) return "unanswered";
  return checks.mode_of(key) == Mode::off ? "off" : "nothing to ask";
}

void record_not_asked(store::Event& event, const mail::Evidence& evidence,
                      const policy::CheckSettings& checks) {
  event.begin_list("not_asked");
  const auto record = [&](const mail::FactKey& key, std::string_view list) {
    if (evidence.find(key)) return;
    event.begin_item();
    store::write_key(event, key, list);
    event.text("why", why_not_asked(key, evidence, checks)).end_item();
  };
  for (std::size_t check = 0; check < mail::kChecks; ++check)
    if (static_cast<mail::Check>(check) != mail::Check::dnsbl)
      record({static_cast<mail::Check>(check)}, {});
  for (std::size_t list = 0; list < checks.lists.size(); ++list)
    for (const mail::Listed of : checks.lists[list].of)
      record({mail::Check::dnsbl, static_cast<int>(list), of}, checks.lists[list].name);
  event.end_list();
}

// Points that no finding alone comes to: our own domain as the sender, without a pass.
void record_own_sender(store::Event& event, const ClientDecision& decision) {
  const auto own = std::ranges::find(decision.contributions, true, &policy::Contribution::own_sender);
  if (own != decision.contributions.end()) event.text("own_sender", word_for(own->outcome));
}

}  // namespace

std::string written(const mail::Fact& fact) {
  store::Event event("");
  store::write_fact(event, fact);
  return std::move(event).take_members();
}

std::string in_words(const std::vector<policy::MatchedRule>& rules) {
  std::string out;
  for (const policy::MatchedRule& rule : rules)
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", rule.path, rule.place);
  return out;
}

void record_rules(store::Event& event, const char* key, const std::vector<policy::MatchedRule>& rules) {
  if (rules.empty()) return;
  event.begin_list(key);
  for (const policy::MatchedRule& rule : rules)
    event.begin_item()
        .text("value", rule.path)
        .text("use", rule.value)
        .text("if", rule.condition)
        .text("at", rule.place)
        .end_item();
  event.end_list();
}

std::string word_for(const policy::Outcome& outcome) {
  switch (outcome.kind) {
    case policy::Outcome::Kind::ignore:
      return "ignore";
    case policy::Outcome::Kind::score:
      return fmt::format("{:+}", outcome.score);
    case policy::Outcome::Kind::defer:
      return verdict::kDefer;
    case policy::Outcome::Kind::reject:
      return verdict::kReject;
  }
  return {};
}

const char* word_for(ClientDecision::Action action) {
  switch (action) {
    case ClientDecision::Action::accept:
      return verdict::kAccept;
    case ClientDecision::Action::defer:
      return verdict::kDefer;
    case ClientDecision::Action::reject:
      return verdict::kReject;
  }
  std::unreachable();
}

void record_evidence(store::Event& event, const mail::Evidence& evidence,
                     const policy::CheckSettings& checks) {
  event.number("evidence_form", store::kEvidenceForm);
  if (evidence.sender_is_ours) event.flag("sender_is_ours", true);
  const ClientDecision acting = policy::judge_known(evidence, checks, policy::View::acting);
  const ClientDecision would_be = policy::judge_known(evidence, checks, policy::View::would_be);
  event.number("score", acting.score).number("reject_at", checks.reject_at);
  record_own_sender(event, would_be);
  if (would_be.action != acting.action) event.text("would_be", word_for(would_be.action));
  if (would_be.score != acting.score) event.number("would_be_score", would_be.score);
  event.begin_list("evidence");
  for (const mail::Fact& fact : evidence.known) record_fact(event, fact, checks);
  event.end_list();
  record_not_asked(event, evidence, checks);
}

void record_score(store::Event& event, const mail::Evidence& evidence, const policy::CheckSettings& checks,
                  int of_correspondent) {
  const auto is_observed = [&](const mail::Fact& fact) {
    return checks.mode_of(fact.key) == policy::Mode::observe;
  };
  const ClientDecision acting = policy::judge_known(evidence, checks, policy::View::acting);
  const bool observes = std::ranges::any_of(evidence.known, is_observed);
  const ClientDecision would_be =
      observes ? policy::judge_known(evidence, checks, policy::View::would_be) : acting;
  std::string counts, observed;
  for (const policy::Contribution& one : would_be.contributions) {
    const bool of_fact = one.fact < evidence.known.size();
    std::string& words = of_fact && is_observed(evidence.known.at(one.fact)) ? observed : counts;
    words += fmt::format("{}{} {}", words.empty() ? "" : ", ", word_for(one.outcome),
                         one.own_sender ? "the sender's domain is ours"
                                        : policy::describe(evidence.known.at(one.fact), checks));
  }
  if (of_correspondent != 0)
    counts += fmt::format("{}{:+} somebody of its domain has written to the sender",
                          counts.empty() ? "" : ", ", of_correspondent);
  event.number("score", acting.score + of_correspondent).number("reject_at", checks.reject_at);
  event.text("counts", counts);
  event.text("observed_counts", observed);
  if (would_be.score != acting.score) event.number("would_be_score", would_be.score + of_correspondent);
}

}  // namespace sallyport::proxy
