#include "proxy/greylist_verdict.h"

#include <fmt/format.h>

#include <utility>

#include "base/store/event_text.h"
#include "policy/client.h"
#include "policy/greylist.h"
#include "proxy/recipient_verdict.h"
#include "proxy/treated_verdict.h"

namespace sallyport::proxy {
namespace {

using Kind = policy::GreylistStep::Kind;
using policy::Mode;

const char* word_for(const GreylistStanding& standing) {
  if (standing.known) return "known";
  if (standing.unread) return "state is still read";
  switch (standing.step.kind) {
    case Kind::begins:
      return "begins";
    case Kind::waits:
      return "waits";
    case Kind::came_back:
      return "came back";
    case Kind::passes:
      return "passes";
  }
  std::unreachable();
}

policy::Refuse deferral(Duration wait) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  return {mail::Refusal::greylisted,
          mail::reply(mail::Refusal::greylisted, fmt::format("{}", seconds)),
          {},
          true};
}

std::string because(const policy::CheckSettings& checks) {
  switch (checks.greylist.apply) {
    case policy::GreylistApply::all:
      return "every stranger";
    case policy::GreylistApply::unknown:
      return "no mail delivered lately";
    case policy::GreylistApply::doubtful:
      return fmt::format("points from {} on", checks.doubtful_at);
  }
  std::unreachable();
}

// What the lists say now; nullopt: nothing against it.
io::Task<std::optional<policy::Refuse>> refused_by_lists(const GreylistQuestion& question) {
  question.inquiry->ask_lists_anew();
  auto verdict = co_await judge_treated(question.client, question.inquiry, question.sender,
                                        question.recipient, question.treated, question.book, question.now);
  if (auto* refusal = std::get_if<policy::Refuse>(&verdict)) co_return std::move(*refusal);
  co_return std::nullopt;
}

}  // namespace

void record_greylist(store::Event& event, const GreylistVerdict& verdict) {
  if (verdict.word.empty()) return;
  event.text("greylist", verdict.word).text("greylist_for", verdict.because);
  event.text("identity", verdict.identity);
  if (verdict.first_seen) event.text("first_seen", store::time_stamp(*verdict.first_seen));
}

ComesAgain comes_again(const policy::RecipientVerdict& verdict, const policy::ClientFacts& client,
                       const Inquiry* inquiry, const policy::Settings& settings) {
  const auto* accept = std::get_if<policy::Accept>(&verdict);
  if (!inquiry || !accept || accept->role || !accept->rule.empty() ||
      !accept->correspondent.domain.empty() ||
      policy::relay_right(client, settings) != policy::RelayRight::none)
    return ComesAgain::no;
  const auto judged = policy::is_greylisted(inquiry->evidence(), settings.checks, false);
  const bool* waits = std::get_if<bool>(&judged);
  if (!waits || !*waits) return ComesAgain::no;
  return settings.checks.greylist.mode == Mode::observe ? ComesAgain::only_observed : ComesAgain::yes;
}

io::Task<bool> is_asked(GreylistQuestion question) {
  if (!question.inquiry) co_return false;
  if (policy::relay_right(question.client, question.settings()) != policy::RelayRight::none)
    co_return false;
  while (true) {
    auto judged = policy::is_greylisted(question.inquiry->evidence(question.view),
                                        question.settings().checks, question.seen_lately);
    if (const bool* decided = std::get_if<bool>(&judged)) co_return *decided;
    co_await question.inquiry->settle_any(std::get<policy::Need>(std::move(judged)).facts);
  }
}

io::Task<std::optional<policy::Refuse>> watch_greylist(Greylist& greylist, GreylistQuestion question,
                                                       bool remembers) {
  if (!co_await is_asked(question)) co_return std::nullopt;
  const policy::GreylistSettings& settings = question.settings().checks.greylist;
  const GreylistCase one{question.inquiry->who().client, question.sender, question.recipient, true};
  const GreylistStanding standing = greylist.look(one, settings);
  if (remembers) greylist.keep(one, standing, settings);
  if (!standing.defers() || settings.mode == Mode::observe) co_return std::nullopt;
  co_return deferral(standing.step.wait);
}

io::Task<GreylistVerdict> judge_by_greylist(Greylist& greylist, GreylistQuestion question) {
  const policy::GreylistSettings& settings = question.settings().checks.greylist;
  if (!co_await is_asked(question)) co_return GreylistVerdict{};
  const bool observed = settings.mode == Mode::observe;
  const GreylistCase one{question.inquiry->who().client, question.sender, question.recipient, observed};
  const GreylistStanding standing = greylist.look(one, settings);
  GreylistVerdict verdict{std::nullopt,
                          word_for(standing),
                          one.identity.name,
                          std::nullopt,
                          false,
                          because(question.settings().checks)};
  if (!standing.known && !standing.unread) verdict.first_seen = standing.step.record.first;
  // Who only observes delays nobody, and refuses nobody who was not.
  if (!observed && !standing.known && standing.step.kind == Kind::came_back)
    if (verdict.refusal = co_await refused_by_lists(question); verdict.refusal) {
      verdict.word = "came back, refused";
      co_return verdict;
    }
  greylist.keep(one, standing, settings);
  if (!standing.defers()) co_return verdict;
  verdict.observed = observed;
  if (!observed) verdict.refusal = deferral(standing.step.wait);
  co_return verdict;
}

}  // namespace sallyport::proxy
