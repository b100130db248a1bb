#include "proxy/try_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "base/config/units.h"
#include "base/text.h"
#include "policy/client.h"
#include "proxy/dns_report.h"
#include "proxy/evidence_event.h"
#include "proxy/fact_words.h"
#include "proxy/recipient_verdict.h"

namespace sallyport::proxy {
namespace {

using policy::Mode;

std::string line(std::string_view name, std::string_view value) {
  return value.empty() ? std::string() : fmt::format("  {:<13}{}\n", name, printable(value, 2048));
}

std::string written(const mail::Path& path) { return path.is_null() ? "<>" : path.address(); }

std::string_view why_nothing_is_asked(Spared spared) {
  switch (spared) {
    case Spared::nobody:
      return "";
    case Spared::submission:
      return "every listener requires AUTH";
    case Spared::trusted:
      return "it is in trusted_networks";
    case Spared::upstream:
      return "it is in upstream";
    case Spared::internal:
      return "its address is private, loopback, or our own";
  }
  std::unreachable();
}

// -- one fact ---------------------------------------------------------------------------------------------

std::string counts(const policy::Outcome& outcome, Mode mode) {
  const bool nothing = outcome.kind == policy::Outcome::Kind::ignore;
  const std::string word = nothing ? "nothing" : word_for(outcome);
  return mode == Mode::observe ? word + ", and is only observed" : word;
}

std::string subject_of(const mail::Fact& fact) {
  if (fact.key.check != mail::Check::dnsbl) return fact.subject;
  return fmt::format("{}, of {}", fact.subject, to_string(fact.key.of));
}

std::string fact_as_text(const mail::Fact& fact, const policy::CheckSettings& checks) {
  std::string out = fmt::format("{}: {} ({} ms)\n", to_string(fact.key.check), to_string(fact.finding),
                                milliseconds(fact.took));
  out += line("subject", subject_of(fact));
  out += line("detail", fact.detail);
  for (const IpAddress& code : fact.codes) out += line("code", code.to_string());
  out += line("counts", counts(checks.outcome_of(fact), checks.mode_of(fact.key)));
  for (const mail::Asked& asked : fact.asked)
    out += line("asked",
                fmt::format("{} -> {} ({} ms)", asked.question, asked.answer, milliseconds(asked.took)));
  return out;
}

// -- the whole --------------------------------------------------------------------------------------------

// By check and list: they became known in the order of their answers.
std::string facts_as_text(const mail::Facts& known, const policy::CheckSettings& checks) {
  std::vector<mail::Fact> facts(known.begin(), known.end());
  std::ranges::sort(facts, {}, [](const mail::Fact& fact) {
    return std::tuple(fact.key.check, fact.key.list, fact.key.of);
  });
  std::string out;
  for (const mail::Fact& fact : facts) out += fact_as_text(fact, checks);
  return out;
}

std::string score_as_text(const mail::Evidence& evidence, const policy::CheckSettings& checks) {
  const auto acting = policy::judge_known(evidence, checks, policy::View::acting);
  const auto would_be = policy::judge_known(evidence, checks, policy::View::would_be);
  std::string out = fmt::format("score: {} (refused from {} on)\n", acting.score, checks.reject_at);
  const bool own_sender = std::ranges::any_of(acting.contributions, &policy::Contribution::own_sender);
  if (own_sender)
    out += line("own sender", fmt::format("{}: our own domain, from outside, without an SPF pass",
                                          word_for(checks.own_sender)));
  if (would_be.action != acting.action)
    out += line("observed", fmt::format("what is only observed would make it {} (score {})",
                                        word_for(would_be.action), would_be.score));
  return out;
}

// The last that is asked, of whom all else would take.
std::string greylist_as_text(ComesAgain comes_again, const mail::Evidence& evidence,
                             const policy::CheckSettings& checks) {
  if (comes_again == ComesAgain::no) return {};
  return fmt::format("greylist: {} {}, as {}, unless it has come before\n",
                     comes_again == ComesAgain::yes ? "it waits" : "only observed: it would wait",
                     config::format_duration(checks.greylist.delay), policy::identify(evidence).name);
}

const char* word_for(ComesAgain comes_again) {
  switch (comes_again) {
    case ComesAgain::no:
      return "";
    case ComesAgain::only_observed:
      return "observed";
    case ComesAgain::yes:
      return "waits";
  }
  std::unreachable();
}

const char* refused_how(const policy::Refuse& refuse) {
  return refuse.reply.transient() ? "deferred" : "refused";
}

std::string with_entry(const std::string& rule, const std::string& entry) {
  return entry.empty() ? rule : fmt::format("{} ({})", entry, rule);
}

// Of the rules that only observe.
std::vector<policy::MatchedRule> observed_rules(const TrialResult& result) {
  const auto& acting = result.treatments.front();
  const auto& watched = result.watched.front();
  return proxy::observed_rules({.acting = acting, .would_be = watched ? watched : acting, .otherwise = {}});
}

// "" = the same.
std::string would_be(const TrialResult& result) {
  std::string watched = in_words(result.would_be.front());
  return watched == in_words(result.verdicts.front()) ? std::string() : watched;
}

std::string rules_as_text(const std::vector<policy::MatchedRule>& rules, std::string_view is,
                          std::string_view behind) {
  std::string out;
  for (const policy::MatchedRule& rule : rules)
    out += line("rule", fmt::format("{} {} {}: {} ({}){}", rule.path, is, rule.value, rule.condition,
                                    rule.place, behind));
  return out;
}

// What would have held, could the sender prove who he is.
std::string want_of_proof(const mail::Evidence& evidence) {
  return ", but it does not hold without an SPF pass: " +
         spf_in_words(evidence.find({mail::Check::spf_mailfrom}));
}

std::string unheld_as_text(const TrialResult& result) {
  const auto& unheld = unheld_of(result.verdicts.front());
  if (!unheld) return {};
  const std::string entry = unheld->entry.empty() ? "somebody here has written to this sender"
                                                  : with_entry(unheld->rule, unheld->entry);
  return line("would allow", entry + want_of_proof(result.evidence));
}

std::string verdict_as_text(const policy::RecipientVerdict& verdict, bool waits) {
  if (const auto* accept = std::get_if<policy::Accept>(&verdict))
    return fmt::format("verdict: accepted{}\n{}{}{}", waits ? ", when it has come again" : "",
                       line("route", accept->route),
                       line("allowed", with_entry(accept->rule, accept->entry)),
                       line("would be", accept->observed));
  const auto& refuse = std::get<policy::Refuse>(verdict);
  return fmt::format("verdict: {} ({})\n{}{}\n", refused_how(refuse), mail::text_of(refuse.why).name,
                     line("rule", with_entry(refuse.rule, refuse.entry)), reply_as_text(refuse));
}

void record_unheld(store::Event& event, const policy::RecipientVerdict& verdict) {
  if (const auto& unheld = unheld_of(verdict))
    event.text("unheld", unheld->rule).text("unheld_entry", unheld->entry);
}

}  // namespace

std::string as_text(const Trial& trial, const TrialResult& result, bool assumed_recipient) {
  const Treatment& treatment = *result.treatments.front();
  const policy::CheckSettings& checks = treatment.policy->checks;
  std::string out = "try\n" + line("client", trial.client.to_string()) + line("helo", trial.helo) +
                    line("from", written(trial.sender)) + line("to", written(trial.recipients.front()));
  if (assumed_recipient) out += line("", "assumed, in the first of our domains: --to names another");
  out += rules_as_text(treatment.matched, "is", "");
  out += rules_as_text(observed_rules(result), "would be", ", only observed");
  out += rules_as_text(result.unproven.front(), "would be", want_of_proof(result.evidence));
  const ComesAgain comes_again = result.comes_again.front();
  if (result.spared == Spared::nobody) {
    out += facts_as_text(result.evidence.known, checks) + score_as_text(result.evidence, checks);
    out += greylist_as_text(comes_again, result.evidence, checks);
  } else {
    out += fmt::format("nothing is asked about this client: {}\n", why_nothing_is_asked(result.spared));
  }
  out += verdict_as_text(result.verdicts.front(), comes_again == ComesAgain::yes);
  if (result.next_hop_decides.front())
    out += line("recipient",
                "whether there is one is not asked here; a session asks (`recipients` of the route)");
  return out + unheld_as_text(result) + line("would be", would_be(result));
}

store::Event as_event(const Trial& trial, const TrialResult& result, bool assumed_recipient) {
  const Treatment& treatment = *result.treatments.front();
  store::Event event("try");
  event.text("client", trial.client.to_string()).text("helo", trial.helo);
  event.text("from", written(trial.sender)).text("to", written(trial.recipients.front()));
  if (assumed_recipient) event.flag("assumed_recipient", true);
  event.text("spared", to_string(result.spared));
  event.text("rules", in_words(treatment.matched));
  std::vector<policy::MatchedRule> rules = treatment.matched;
  std::ranges::copy(result.unproven.front(), std::back_inserter(rules));
  record_rules(event, "rule_texts", rules);
  event.text("observed_rules", in_words(observed_rules(result)));
  event.text("unproven_rules", in_words(result.unproven.front()));
  if (result.spared == Spared::nobody) record_evidence(event, result.evidence, treatment.policy->checks);
  if (const auto* accept = std::get_if<policy::Accept>(&result.verdicts.front())) {
    event.text("verdict", "accepted").text("route", accept->route);
    event.text("rule", accept->rule).text("entry", accept->entry);
    event.text("would_be", would_be(result).empty() ? accept->observed : would_be(result));
    event.text("greylist", word_for(result.comes_again.front()));
  } else {
    const auto& refuse = std::get<policy::Refuse>(result.verdicts.front());
    event.text("verdict", refused_how(refuse)).text("why", mail::text_of(refuse.why).name);
    event.text("rule", refuse.rule).text("entry", refuse.entry).text("reply", reply_as_text(refuse));
    event.text("would_be", would_be(result));
  }
  record_unheld(event, result.verdicts.front());
  if (result.next_hop_decides.front()) event.flag("recipient_not_asked", true);
  return event;
}

}  // namespace sallyport::proxy
