#include "proxy/recipient_verdict.h"

#include "policy/client.h"
#include "proxy/sender_verdict.h"

namespace sallyport::proxy {
namespace {

// Whether what was found about the client counts for a recipient that would be accepted.
bool is_judged_by_client(const policy::RecipientVerdict& verdict, const policy::ClientFacts& client,
                         const policy::Settings& settings) {
  const auto* accept = std::get_if<policy::Accept>(&verdict);
  return accept && !accept->role && policy::relay_right(client, settings) == policy::RelayRight::none;
}

// What comes first of what only observes.
std::string observed_by(const policy::RecipientVerdict& barring, const SenderVerdict& listed) {
  const std::string& barred = std::get<policy::Accept>(barring).observed;
  return barred.empty() ? listed.observed : barred;
}

// Allowed: nothing more is looked at. Blocked: refused.
void apply(const SenderVerdict& listed, const mail::Path& recipient, policy::RecipientVerdict& verdict) {
  if (listed.kind == SenderVerdict::Kind::blocked) {
    verdict = policy::Refuse{mail::Refusal::blocked_sender, mail::reply(mail::Refusal::blocked_sender),
                             listed.rule, true, observed_by(verdict, listed)};
    return;
  }
  auto& accept = std::get<policy::Accept>(verdict);
  accept.observed = observed_by(verdict, listed);
  accept.rule = listed.rule;
  if (listed.known_in_domain) accept.correspondent = recipient.domain_ascii;
}

// Points that are the recipient's own count against those of the client.
class Checks {
 public:
  Checks(const policy::CheckSettings& usual, int score) : usual_(usual) {
    if (score == 0) return;
    own_ = usual;
    own_->reject_at -= score;
  }
  const policy::CheckSettings& get() const { return own_ ? *own_ : usual_; }

 private:
  const policy::CheckSettings& usual_;
  std::optional<policy::CheckSettings> own_;
};

policy::Refuse refused_by_client(const policy::ClientDecision& decision, const Inquiry& inquiry,
                                 const policy::CheckSettings& checks,
                                 const policy::RecipientVerdict& accepted) {
  auto refusal = policy::refusal(decision, inquiry.evidence(), checks);
  refusal.observed = std::get<policy::Accept>(accepted).observed;
  return refusal;
}

// An allow entry might decide, could it be known: nothing is refused for good before that.
policy::RecipientVerdict softened(policy::Refuse refusal, const SenderVerdict& listed,
                                  const IpAddress& client, const mail::Path& sender) {
  if (!listed.uncertain || refusal.reply.code < 500) return refusal;
  return put_off(listed.failed, refusal, client, sender);
}

}  // namespace

std::string name_of(const policy::RecipientVerdict& verdict) {
  const auto* refusal = std::get_if<policy::Refuse>(&verdict);
  return refusal ? mail::text_of(refusal->why).name : "accept";
}

policy::Refuse put_off(mail::Check failed, const policy::Refuse& refusal, const IpAddress& client,
                       const mail::Path& sender) {
  const std::string words = failed == mail::Check::rdns ? "the reverse name of " + client.address_literal()
                                                        : "SPF of " + sender.domain_ascii;
  return {mail::Refusal::dns_trouble, mail::reply(mail::Refusal::dns_trouble, words), refusal.rule, true,
          refusal.observed};
}

policy::Refuse too_many_questions(const IpAddress& client) {
  const std::string words =
      client.address_literal() + " deferred: it takes more look-ups than a session may ask for";
  return policy::refuse(mail::Refusal::client_later, words);
}

policy::RecipientVerdict judge_recipient_now(const policy::ClientFacts& client, const Inquiry* inquiry,
                                             const mail::Path& sender, const mail::Path& recipient,
                                             const policy::Settings& settings, SenderBook* book,
                                             WallTime now) {
  auto verdict = policy::judge_recipient(client, &sender, recipient, settings);
  if (!is_judged_by_client(verdict, client, settings)) return verdict;
  const auto listed = judge_sender_now({book, client.address, sender, recipient, settings, now}, inquiry);
  apply(listed, recipient, verdict);
  if (const auto* blocked = std::get_if<policy::Refuse>(&verdict))
    return softened(*blocked, listed, client.address, sender);
  if (listed.kind == SenderVerdict::Kind::allowed || !inquiry) return verdict;
  const Checks checks(settings.checks, listed.score);
  const auto decision = policy::judge_known(inquiry->evidence(), checks.get());
  if (decision.action == policy::ClientDecision::Action::accept) return verdict;
  return softened(refused_by_client(decision, *inquiry, checks.get(), verdict), listed, client.address,
                  sender);
}

// Lists, and what was found about the client, count for everybody but the role addresses (promise P4). A
// certificate that gives the right to relay speaks for itself.
io::Task<policy::RecipientVerdict> judge_recipient(const policy::ClientFacts& client, Inquiry* inquiry,
                                                   const mail::Path& sender, const mail::Path& recipient,
                                                   const policy::Settings& settings, SenderBook* book,
                                                   WallTime now) {
  auto verdict = policy::judge_recipient(client, &sender, recipient, settings);
  if (!is_judged_by_client(verdict, client, settings)) co_return verdict;
  const auto listed =
      co_await judge_sender({book, client.address, sender, recipient, settings, now}, inquiry);
  apply(listed, recipient, verdict);
  if (const auto* blocked = std::get_if<policy::Refuse>(&verdict))
    co_return softened(*blocked, listed, client.address, sender);
  if (listed.kind == SenderVerdict::Kind::allowed || !inquiry) co_return verdict;
  const Checks checks(settings.checks, listed.score);
  const auto decision = co_await inquiry->decide(checks.get());
  const bool accepted = decision.action == policy::ClientDecision::Action::accept;
  if (accepted && inquiry->overdrawn()) co_return too_many_questions(client.address);
  if (accepted) co_return verdict;
  co_return softened(refused_by_client(decision, *inquiry, checks.get(), verdict), listed, client.address,
                     sender);
}

}  // namespace sallyport::proxy
