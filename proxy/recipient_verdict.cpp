#include "proxy/recipient_verdict.h"

#include <fmt/format.h>

#include <utility>
#include <variant>
#include <vector>

#include "policy/client.h"
#include "policy/observed.h"
#include "proxy/sender_verdict.h"

namespace sallyport::proxy {
namespace {

// Whether what was found about the client counts for a recipient that would be accepted.
bool is_judged_by_client(const policy::RecipientVerdict& verdict, const policy::ClientFacts& client,
                         const policy::Settings& settings, policy::Sparing sparing) {
  const auto* accept = std::get_if<policy::Accept>(&verdict);
  const bool spared = accept && accept->role && sparing == policy::Sparing::as_configured;
  return accept && !spared && policy::relay_right(client, settings) == policy::RelayRight::none;
}

// All that only observes.
std::string observed_by(const policy::RecipientVerdict& barring, const SenderVerdict& listed) {
  std::string all = std::get<policy::Accept>(barring).observed;
  policy::add_observed(all, listed.observed);
  return all;
}

const std::string& observed_of(const policy::RecipientVerdict& verdict) {
  return std::visit([](const auto& one) -> const auto& { return one.observed; }, verdict);
}

// Allowed: nothing more is looked at. Blocked: refused.
void apply(const SenderVerdict& listed, const policy::SenderLists& lists,
           policy::RecipientVerdict& verdict) {
  if (listed.kind == SenderVerdict::Kind::blocked) {
    verdict = policy::Refuse{mail::Refusal::blocked_sender,
                             mail::reply(mail::Refusal::blocked_sender, lists.block_reply),
                             listed.rule,
                             lists.block_reply_id,
                             observed_by(verdict, listed),
                             listed.entry};
    return;
  }
  auto& accept = std::get<policy::Accept>(verdict);
  accept.observed = observed_by(verdict, listed);
  accept.rule = listed.rule;
  accept.entry = listed.entry;
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

// Step by step: the right to relay, lists, what was found about the client. Lists and the client count for
// everybody but the role addresses (promise P4); a certificate that gives the right to relay speaks for
// itself.
class RecipientJudgement {
 public:
  RecipientJudgement(const RecipientQuestion& question, const Inquiry* inquiry)
      : asked_(question),
        inquiry_(inquiry),
        verdict_(policy::judge_recipient(question.client, &question.sender, question.recipient,
                                         question.settings, question.sparing)),
        barred_(sender_barred()),
        next_(is_judged_by_client(verdict_, question.client, question.settings, question.sparing)
                  ? Step::lists
                  : Step::none) {}

  // As far as is known, or (`known_decides`) to the end by what is: the facts that the next step waits for.
  std::vector<mail::FactKey> go_on(bool known_decides) {
    if (next_ == Step::lists)
      if (auto missing = ask_lists(known_decides); !missing.empty()) return missing;
    if (next_ == Step::client) return ask_client(known_decides);
    return {};
  }

  policy::RecipientVerdict verdict() && {
    std::visit([this](auto& verdict) { add_lists_to(verdict); }, verdict_);
    return std::move(verdict_);
  }

 private:
  enum class Step : std::uint8_t { lists, client, none };

  // What is told of them whatever became of it.
  void add_lists_to(auto& verdict) {
    if (listed_.unheld) verdict.unheld = std::move(listed_.unheld);
    if (listed_.known_in_domain) verdict.correspondent = {asked_.recipient.domain_ascii, listed_.score};
  }

  // A sender who is both barred and allowed is allowed: what its recipient would be without that line.
  std::optional<policy::Refuse> sender_barred() {
    const auto* refusal = std::get_if<policy::Refuse>(&verdict_);
    if (!refusal || refusal->why != mail::Refusal::barred_sender) return std::nullopt;
    auto unbarred =
        policy::judge_recipient(asked_.client, nullptr, asked_.recipient, asked_.settings, asked_.sparing);
    if (!is_judged_by_client(unbarred, asked_.client, asked_.settings, asked_.sparing)) return std::nullopt;
    auto barred = *refusal;
    verdict_ = std::move(unbarred);
    return barred;
  }

  std::vector<mail::FactKey> ask_lists(bool known_decides) {
    const auto& [client, sender, recipient, settings, book, now, hits, sparing, view] = asked_;
    SenderLook look =
        look_at_sender({book, client.address, sender, recipient, settings, now, sparing, view}, inquiry_);
    if (!known_decides && !look.missing.empty()) return std::move(look.missing);
    listed_ = std::move(look.verdict);
    apply(listed_, settings.sender_lists, verdict_);
    next_ = listed_.kind == SenderVerdict::Kind::allowed || !inquiry_ ? Step::none : Step::client;
    if (barred_ && listed_.kind != SenderVerdict::Kind::allowed) {
      barred_->observed = observed_of(verdict_);
      refuse(*barred_);
    } else if (const auto* blocked = std::get_if<policy::Refuse>(&verdict_)) {
      refuse(*blocked);
    }
    if (!known_decides && book && hits == Hits::are_counted)
      for (const auto& [kind, entry] : look.hits) book->count_hit(kind, entry);
    return {};
  }

  std::vector<mail::FactKey> ask_client(bool known_decides) {
    const Checks checks(asked_.settings.checks, listed_.score);
    const mail::Evidence& evidence = inquiry_->evidence(asked_.view);
    auto judged = judge(evidence, checks.get(), known_decides);
    if (auto* need = std::get_if<policy::Need>(&judged)) return std::move(need->facts);
    next_ = Step::none;
    const auto& decision = std::get<policy::ClientDecision>(judged);
    if (decision.action != policy::ClientDecision::Action::accept) {
      auto refusal = policy::refusal(decision, evidence, checks.get());
      refusal.observed = std::get<policy::Accept>(verdict_).observed;
      refuse(refusal);
    } else if (inquiry_->overdrawn()) {
      verdict_ = too_many_questions(asked_.client.address);
    }
    return {};
  }

  static std::variant<policy::ClientDecision, policy::Need> judge(const mail::Evidence& evidence,
                                                                  const policy::CheckSettings& checks,
                                                                  bool known_decides) {
    if (known_decides) return policy::judge_known(evidence, checks);
    return policy::judge_client(evidence, checks);
  }

  // An allow entry might decide, could it be known: nothing is refused for good before that.
  void refuse(const policy::Refuse& refusal) {
    const bool softened = listed_.uncertain && refusal.reply.code >= 500;
    verdict_ = softened ? put_off(listed_.failed, refusal, asked_.client.address, asked_.sender) : refusal;
    next_ = Step::none;
  }

  const RecipientQuestion& asked_;
  const Inquiry* inquiry_;
  policy::RecipientVerdict verdict_;
  std::optional<policy::Refuse> barred_;  // its sender, unless a list allows it
  SenderVerdict listed_;
  Step next_;
};

}  // namespace

std::string name_of(const policy::RecipientVerdict& verdict) {
  const auto* refusal = std::get_if<policy::Refuse>(&verdict);
  return refusal ? mail::text_of(refusal->why).name : "accept";
}

std::string in_words(const policy::Refuse& refusal) {
  const char* name = mail::text_of(refusal.why).name;
  return refusal.rule.empty() ? name : fmt::format("{} {}", name, refusal.rule);
}

std::string in_words(const policy::RecipientVerdict& verdict) {
  const auto* refusal = std::get_if<policy::Refuse>(&verdict);
  return refusal ? in_words(*refusal) : "accept";
}

const policy::KnownInDomain& correspondent_of(const policy::RecipientVerdict& verdict) {
  return std::visit([](const auto& one) -> const auto& { return one.correspondent; }, verdict);
}

const std::optional<policy::Unheld>& unheld_of(const policy::RecipientVerdict& verdict) {
  return std::visit([](const auto& one) -> const auto& { return one.unheld; }, verdict);
}

policy::Refuse put_off(mail::Check failed, const policy::Refuse& refusal, const IpAddress& client,
                       const mail::Path& sender) {
  const std::string words = failed == mail::Check::rdns ? "the reverse name of " + client.address_literal()
                                                        : "SPF of " + sender.domain_ascii;
  return {mail::Refusal::dns_trouble,
          mail::reply(mail::Refusal::dns_trouble, words),
          refusal.rule,
          true,
          refusal.observed,
          refusal.entry,
          refusal.unheld};
}

policy::Refuse too_many_questions(const IpAddress& client) {
  const std::string words =
      client.address_literal() + " deferred: it takes more look-ups than a session may ask for";
  return policy::refuse(mail::Refusal::client_later, words);
}

policy::RecipientVerdict judge_recipient_now(const RecipientQuestion& question, const Inquiry* inquiry) {
  RecipientJudgement judgement(question, inquiry);
  judgement.go_on(true);
  return std::move(judgement).verdict();
}

io::Task<policy::RecipientVerdict> judge_recipient(RecipientQuestion question, Inquiry* inquiry) {
  RecipientJudgement judgement(question, inquiry);
  for (auto missing = judgement.go_on(false); !missing.empty(); missing = judgement.go_on(false))
    co_await inquiry->settle_any(std::move(missing));
  co_return std::move(judgement).verdict();
}

}  // namespace sallyport::proxy
