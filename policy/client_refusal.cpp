// A refusal in words: every one says what was found, and names the list or the record that says so.
#include <fmt/format.h>

#include "base/text.h"
#include "policy/client.h"

namespace sallyport::policy {
namespace {

using mail::Check;
using mail::Fact;
using mail::Finding;

constexpr std::size_t kMaxWords = 600;   // of all findings together; a line of a reply holds 512
constexpr std::size_t kMaxListed = 255;  // a name
constexpr std::size_t kMaxDetail = 280;  // of a stranger's words: one line holds them, and what is around

// Cut behind a word, if it must be: half an address to write to, or half a link, leads nowhere.
std::string cut_to(std::size_t most, const std::string& words) {
  std::string whole = printable(words, 2048);
  if (whole.size() <= most) return whole;
  const std::size_t blank = whole.rfind(' ', most);
  if (blank == std::string::npos) return printable(words, most);
  return whole.substr(0, blank) + " ...";
}

std::string in_brackets(const std::string& detail) {
  return detail.empty() ? "" : fmt::format(" ({})", cut_to(kMaxDetail, detail));
}

std::string describe_list(const Fact& fact, const CheckSettings& settings) {
  const ListSettings& list = settings.lists.at(static_cast<std::size_t>(fact.key.list));
  return fmt::format("{}listed by {}{}",
                     fact.listed.empty() ? "" : printable(fact.listed, kMaxListed) + " is ", list.name,
                     list.secret ? "" : in_brackets(fact.detail));
}

std::string describe_spf(const Fact& fact) {
  const std::string domain =
      (fact.key.check == Check::spf_helo ? "HELO " : "") + printable(fact.subject, 255);
  switch (fact.finding) {
    case Finding::spf_fail:
      return fmt::format("SPF of {} does not permit this address{}", domain, in_brackets(fact.detail));
    case Finding::spf_softfail:
      return fmt::format("SPF of {} does not expect this address{}", domain, in_brackets(fact.detail));
    case Finding::spf_permerror:
      return fmt::format("the SPF record of {} is broken{}", domain, in_brackets(fact.detail));
    case Finding::spf_temperror:
      return fmt::format("the SPF record of {} cannot be read now", domain);
    default:
      return fmt::format("SPF of {} says {}", domain, to_string(fact.finding));
  }
}

std::string describe_helo(const Fact& fact) {
  const std::string name = printable(fact.subject, 255);
  switch (fact.finding) {
    case Finding::helo_syntax:
      return fmt::format("HELO {} is no host name", name);
    case Finding::helo_own_name:
      return fmt::format("HELO {} is our own name", name);
    case Finding::helo_literal:
      return fmt::format("HELO {} is another address", name);
    case Finding::helo_not_fqdn:
      return fmt::format("HELO {} is not fully qualified", name);
    case Finding::helo_unresolvable:
      return fmt::format("HELO {} has no address", name);
    case Finding::helo_mismatch:
      return fmt::format("HELO {} is another host", name);
    case Finding::helo_temporary:
      return fmt::format("HELO {} cannot be looked up now", name);
    default:
      return fmt::format("HELO {} is {}", name, to_string(fact.finding));
  }
}

std::string describe_sender(const Fact& fact) {
  const std::string domain = printable(fact.subject, 255);
  switch (fact.finding) {
    case Finding::sender_missing:
      return fmt::format("the domain {} does not exist", domain);
    case Finding::sender_no_mail:
      return fmt::format("the domain {} has neither MX nor address", domain);
    case Finding::sender_null_mx:
      return fmt::format("the domain {} takes no mail (null MX)", domain);
    case Finding::sender_private:
      return fmt::format("the mail servers of {} have private addresses", domain);
    case Finding::sender_temporary:
      return fmt::format("the domain {} cannot be looked up now", domain);
    default:
      return fmt::format("the domain {} is {}", domain, to_string(fact.finding));
  }
}

std::string describe_rdns(const Fact& fact) {
  switch (fact.finding) {
    case Finding::rdns_missing:
      return "no reverse name";
    case Finding::rdns_mismatch:
      return fmt::format("the reverse name {} has another address", printable(fact.detail, 255));
    case Finding::rdns_generic:
      return fmt::format("the reverse name {} is that of a pool", printable(fact.detail, 255));
    case Finding::rdns_temporary:
      return "the reverse name cannot be looked up now";
    default:
      return fmt::format("reverse name {}", printable(fact.detail, 255));
  }
}

Refusal reason_of(const ClientDecision& decision, const mail::Evidence& evidence) {
  const bool later = decision.action == ClientDecision::Action::defer;
  if (!decision.decisive || decision.decisive->own_sender)
    return later ? Refusal::client_later : Refusal::client;
  const Fact& fact = evidence.known.at(decision.decisive->fact);
  if (is_temporary(fact.finding)) return Refusal::dns_trouble;
  if (later) return Refusal::client_later;
  switch (fact.key.check) {
    case Check::rdns:
      return Refusal::reverse_name;
    case Check::sender_domain:
      return fact.finding == Finding::sender_null_mx ? Refusal::sender_null_mx : Refusal::sender_domain;
    case Check::spf_helo:
    case Check::spf_mailfrom:
      return fact.finding == Finding::spf_permerror ? Refusal::spf_broken : Refusal::spf_fail;
    default:
      return Refusal::client;
  }
}

std::string describe(const Contribution& contribution, const mail::Evidence& evidence,
                     const CheckSettings& settings) {
  if (contribution.fact == evidence.known.size())
    return "the sender's domain is one of ours, and nothing vouches for this address";
  const Fact& fact = evidence.known.at(contribution.fact);
  if (!contribution.own_sender) return describe(fact, settings);
  return fmt::format("{} is a domain of ours, and SPF does not vouch for this address",
                     printable(fact.subject, 255));
}

bool speaks_against(const Contribution& contribution) {
  return contribution.outcome.kind != Outcome::Kind::score || contribution.outcome.score > 0;
}

// By points: all that speaks against the client, the weightiest first, as far as a reply holds it.
std::string all_words(const ClientDecision& decision, const mail::Evidence& evidence,
                      const CheckSettings& settings) {
  std::string words;
  for (const Contribution& contribution : decision.contributions) {
    const bool known = contribution.fact != evidence.known.size();
    const bool passes = known && is_temporary(evidence.known.at(contribution.fact).finding);
    const bool for_good = decision.action == ClientDecision::Action::reject;
    if (!speaks_against(contribution) || (passes && for_good)) continue;
    const std::string more = describe(contribution, evidence, settings);
    if (!words.empty() && words.size() + more.size() > kMaxWords) break;
    words += (words.empty() ? "" : ", ") + more;
  }
  return words;
}

}  // namespace

std::string describe(const Fact& fact, const CheckSettings& settings) {
  switch (fact.key.check) {
    case Check::early_talker:
      return fact.finding == Finding::early_talked ? "talked before the greeting"
                                                   : "waited for the greeting";
    case Check::rdns:
      return describe_rdns(fact);
    case Check::helo:
      return describe_helo(fact);
    case Check::sender_domain:
      return describe_sender(fact);
    case Check::dnsbl:
      return describe_list(fact, settings);
    case Check::spf_helo:
    case Check::spf_mailfrom:
      return describe_spf(fact);
  }
  std::unreachable();
}

Refuse refusal(const ClientDecision& decision, const mail::Evidence& evidence,
               const CheckSettings& settings) {
  const Refusal why = reason_of(decision, evidence);
  const std::string words = decision.decisive ? describe(*decision.decisive, evidence, settings)
                                              : all_words(decision, evidence, settings);
  const std::string client = evidence.client.address_literal();
  switch (why) {
    case Refusal::sender_domain:
    case Refusal::sender_null_mx:
    case Refusal::dns_trouble:
      return refuse(why, words);
    case Refusal::client_later:
      return refuse(why, fmt::format("{} deferred: {}", client, words));
    default:
      return refuse(why, fmt::format("{} refused: {}", client, words));
  }
}

}  // namespace sallyport::policy
