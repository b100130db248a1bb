#include "proxy/recipient_verdict.h"

#include "policy/client.h"

namespace sallyport::proxy {
namespace {

policy::Refuse too_many_questions(const IpAddress& client) {
  const std::string words =
      client.address_literal() + " deferred: it takes more look-ups than a session may ask for";
  return {policy::Refusal::client_later, mail::reply(policy::Refusal::client_later, words), {}, true};
}

// Whether what was found about the client counts for a recipient that would be accepted.
bool is_judged_by_client(const policy::RecipientVerdict& verdict, const policy::ClientFacts& client,
                         const policy::Settings& settings) {
  const auto* accept = std::get_if<policy::Accept>(&verdict);
  return accept && !accept->role && policy::relay_right(client, settings) == policy::RelayRight::none;
}

}  // namespace

policy::RecipientVerdict judge_recipient_now(const policy::ClientFacts& client, const Inquiry* inquiry,
                                             const mail::Path& sender, const mail::Path& recipient,
                                             const policy::Settings& settings) {
  auto verdict = policy::judge_recipient(client, &sender, recipient, settings);
  if (!inquiry || !is_judged_by_client(verdict, client, settings)) return verdict;
  const auto decision = policy::judge_known(inquiry->evidence(), settings.checks);
  if (decision.action == policy::ClientDecision::Action::accept) return verdict;
  return policy::refusal(decision, inquiry->evidence(), settings.checks);
}

// What was found about the client counts for everybody but the role addresses (promise P4). A certificate
// that gives the right to relay speaks for itself.
io::Task<policy::RecipientVerdict> judge_recipient(const policy::ClientFacts& client, Inquiry* inquiry,
                                                   const mail::Path& sender, const mail::Path& recipient,
                                                   const policy::Settings& settings) {
  auto verdict = policy::judge_recipient(client, &sender, recipient, settings);
  if (!inquiry || !is_judged_by_client(verdict, client, settings)) co_return verdict;
  const auto decision = co_await inquiry->decide(settings.checks);
  const bool accepted = decision.action == policy::ClientDecision::Action::accept;
  if (accepted && inquiry->overdrawn()) co_return too_many_questions(client.address);
  if (accepted) co_return verdict;
  co_return policy::refusal(decision, inquiry->evidence(), settings.checks);
}

}  // namespace sallyport::proxy
