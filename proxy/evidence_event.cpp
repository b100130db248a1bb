#include "proxy/evidence_event.h"

#include <fmt/format.h>

namespace sallyport::proxy {
namespace {

using policy::ClientDecision;
using policy::Mode;

// Longer ones are those of SPF records that send for many; the text of an event is cut at 2 KiB anyway.
std::string asked_in_words(const mail::Fact& fact) {
  std::string out;
  for (const mail::Asked& asked : fact.asked) {
    if (!out.empty()) out += "; ";
    out.append(asked.question).append(" -> ").append(asked.answer);
  }
  return out;
}

void record_fact(store::Event& event, const mail::Fact& fact, const policy::CheckSettings& checks) {
  event.begin_item().members(fact.written.empty() ? written(fact) : fact.written);
  const policy::Outcome outcome = checks.outcome_of(fact);
  if (outcome.kind != policy::Outcome::Kind::ignore) event.text("counts", word_for(outcome));
  if (checks.mode_of(fact.key) == Mode::observe) event.flag("observed", true);
  event.milliseconds("ms", fact.took).end_item();
}

}  // namespace

std::string written(const mail::Fact& fact) {
  store::Event event("");
  event.text("check", to_string(fact.key.check)).text("found", to_string(fact.finding));
  if (fact.key.check == mail::Check::dnsbl) event.text("of", to_string(fact.key.of));
  event.text("subject", fact.subject)
      .text("listed", fact.listed)
      .text("detail", fact.detail)
      .text("codes", in_words(fact.codes))
      .text("asked", asked_in_words(fact));
  return std::move(event).take_members();
}

std::string in_words(const std::vector<IpAddress>& codes) {
  std::string out;
  for (const IpAddress& code : codes) out += (out.empty() ? "" : " ") + code.to_string();
  return out;
}

std::string in_words(const std::vector<policy::MatchedRule>& rules) {
  std::string out;
  for (const policy::MatchedRule& rule : rules)
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", rule.path, rule.place);
  return out;
}

std::string word_for(const policy::Outcome& outcome) {
  switch (outcome.kind) {
    case policy::Outcome::Kind::ignore:
      return "ignore";
    case policy::Outcome::Kind::score:
      return fmt::format("{:+}", outcome.score);
    case policy::Outcome::Kind::defer:
      return "defer";
    case policy::Outcome::Kind::reject:
      return "reject";
  }
  return {};
}

const char* word_for(ClientDecision::Action action) {
  switch (action) {
    case ClientDecision::Action::accept:
      return "accept";
    case ClientDecision::Action::defer:
      return "defer";
    case ClientDecision::Action::reject:
      return "reject";
  }
  return "accept";
}

void record_evidence(store::Event& event, const mail::Evidence& evidence,
                     const policy::CheckSettings& checks) {
  if (evidence.known.empty()) return;
  const ClientDecision acting = policy::judge_known(evidence, checks, policy::View::acting);
  const ClientDecision would_be = policy::judge_known(evidence, checks, policy::View::would_be);
  event.number("score", acting.score);
  if (would_be.action != acting.action) event.text("would_be", word_for(would_be.action));
  event.begin_list("evidence");
  for (const mail::Fact& fact : evidence.known) record_fact(event, fact, checks);
  event.end_list();
}

}  // namespace sallyport::proxy
