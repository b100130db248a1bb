#include "proxy/trial.h"

#include <algorithm>
#include <utility>

#include "proxy/evidence_event.h"
#include "proxy/recipient_verdict.h"
#include "proxy/treated_verdict.h"
#include "proxy/treatment.h"

namespace sallyport::proxy {
namespace {

constexpr const char* kId = "try";  // stands where a session's id would

std::optional<mail::Path> read_path(std::string_view written, bool bare_name) {
  if (written.starts_with('<') && written.ends_with('>')) written = written.substr(1, written.size() - 2);
  mail::Path path;
  const mail::PathOptions reading{.smtputf8 = true, .allow_bare_name = bare_name};
  if (mail::parse_path(written, reading, path) != mail::PathFault::none) return std::nullopt;
  return path;
}

io::Task<std::shared_ptr<Inquiry>> inquire(const Trial& trial, std::shared_ptr<const Settings> settings,
                                           InquiryServices services) {
  const auto at_connect = treated_at_connect(*settings, trial.client, trial.listener->name).acting;
  const InquiryClient client{trial.client, trial.listener->bind.front().address, at_connect};
  auto inquiry =
      std::make_shared<Inquiry>(client, settings, std::move(services), co_await io::this_executor());
  inquiry->connected();
  if (at_connect->policy->checks.mode(mail::Check::early_talker) != Mode::off)
    inquiry->greeted(trial.talks_early, Duration::zero());
  inquiry->said_helo(trial.helo);
  inquiry->said_mail(trial.sender);
  co_await inquiry->settle_all(policy::View::would_be);
  co_return inquiry;
}

// In place of the greeting.
bool is_turned_away(const Trial& trial, const Settings& settings, const TrialResult& result) {
  return trial.talks_early && result.spared == Spared::nobody &&
         treated_at_connect(settings, trial.client, trial.listener->name).acting->early_talkers.turned_away;
}

// Whether there is such a recipient, it would be asked in a session.
bool next_hop_decides(const policy::RecipientVerdict& verdict, const Settings& settings) {
  const auto* accept = std::get_if<policy::Accept>(&verdict);
  if (!accept || accept->role || accept->outbound) return false;
  return settings.routes.at(accept->route)->recipients != relay::RecipientCheck::any;
}

}  // namespace

io::Task<TrialResult> attempt(const Trial& trial, std::shared_ptr<const Settings> settings,
                              InquiryServices services, SenderBook* book) {
  TrialResult result;
  const Clock& clock = services.clock;
  result.spared =
      spared(*trial.listener, trial.client, trial.listener->bind.front().address, *settings->policy);
  std::shared_ptr<Inquiry> inquiry;
  if (result.spared == Spared::nobody) {
    inquiry = co_await inquire(trial, settings, std::move(services));
    result.evidence = inquiry->evidence(policy::View::would_be);
  }
  policy::ClientFacts facts;
  facts.address = trial.client;
  facts.authenticated = trial.authenticated;
  const bool turned_away = is_turned_away(trial, *settings, result);
  const auto sized = [&](policy::RecipientVerdict verdict, const Treatment& treatment) {
    if (turned_away) return policy::RecipientVerdict(policy::refuse(mail::Refusal::talked_early));
    const bool accepted = std::holds_alternative<policy::Accept>(verdict);
    if (auto refusal = refuses_size(treatment.limits, trial.size); accepted && refusal)
      return policy::RecipientVerdict(*std::move(refusal));
    return verdict;
  };
  for (const mail::Path& recipient : trial.recipients) {
    const auto treated = co_await treatment_of(
        *settings, {facts, trial.listener->name, trial.helo, trial.sender, recipient}, inquiry.get());
    result.treatments.push_back(treated.acting);
    result.unproven.push_back(treated.unproven);
    auto verdict =
        co_await judge_treated(facts, inquiry.get(), trial.sender, recipient, treated, book, clock.wall());
    result.verdicts.push_back(sized(std::move(verdict), *treated.acting));
    const bool watched = treated.would_be != treated.acting;
    result.watched.push_back(watched ? treated.would_be : nullptr);
    result.would_be.push_back(result.verdicts.back());
    if (watched)
      result.would_be.back() =
          sized(judge_recipient_now(
                    {facts, trial.sender, recipient, *treated.would_be->policy, book, clock.wall(),
                     Hits::are_not_counted, policy::Sparing::as_configured, policy::View::would_be},
                    inquiry.get()),
                *treated.would_be);
    result.next_hop_decides.push_back(next_hop_decides(result.verdicts.back(), *settings));
    result.comes_again.push_back(
        comes_again(result.verdicts.back(), facts, inquiry.get(), *treated.acting->policy));
  }
  co_return result;
}

const ListenerSettings& listener_of_strangers(const Settings& settings) {
  const auto open = std::ranges::find(settings.listeners, false, &ListenerSettings::auth_required);
  return open == settings.listeners.end() ? settings.listeners.front() : *open;
}

std::optional<mail::Path> read_sender(std::string_view written) { return read_path(written, false); }

std::optional<mail::Path> read_recipient(std::string_view written) {
  auto path = read_path(written, true);
  return path && path->is_null() ? std::nullopt : path;
}

std::string reply_as_text(const policy::Refuse& refuse) {
  mail::Reply reply = refuse.reply;
  reply.with_id = refuse.reply_id;
  std::string wire = reply.wire(kId);
  std::erase(wire, '\r');
  if (wire.ends_with('\n')) wire.pop_back();
  return wire;
}

const char* word_for(const policy::RecipientVerdict& verdict) {
  using enum policy::ClientDecision::Action;
  const auto* refuse = std::get_if<policy::Refuse>(&verdict);
  if (!refuse) return word_for(accept);
  return word_for(refuse->reply.transient() ? defer : reject);
}

}  // namespace sallyport::proxy
