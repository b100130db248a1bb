#include "proxy/recipient_verdict.h"

#include "policy/client.h"

namespace sallyport::proxy {
namespace {

policy::Refuse too_many_questions(const IpAddress& client) {
  const std::string words =
      client.address_literal() + " deferred: it takes more look-ups than a session may ask for";
  return {policy::Refusal::client_later, mail::reply(policy::Refusal::client_later, words), {}, true};
}

}  // namespace

// What was found about the client counts for everybody but the role addresses (promise P4). A certificate
// that gives the right to relay speaks for itself.
io::Task<policy::RecipientVerdict> judge_recipient(const policy::ClientFacts& client, Inquiry* inquiry,
                                                   const mail::Path& sender, const mail::Path& recipient,
                                                   const policy::Settings& settings) {
  auto verdict = policy::judge_recipient(client, &sender, recipient, settings);
  const auto* accept = std::get_if<policy::Accept>(&verdict);
  if (!accept || accept->role || !inquiry) co_return verdict;
  if (policy::relay_right(client, settings) != policy::RelayRight::none) co_return verdict;
  const auto decision = co_await inquiry->decide();
  const bool accepted = decision.action == policy::ClientDecision::Action::accept;
  if (accepted && inquiry->overdrawn()) co_return too_many_questions(client.address);
  if (accepted) co_return verdict;
  co_return policy::refusal(decision, inquiry->evidence(), settings.checks);
}

}  // namespace sallyport::proxy
