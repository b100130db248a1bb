#include "policy/rule_facts.h"

#include <algorithm>
#include <utility>

namespace sallyport::policy {
namespace {

using mail::Check;
using mail::Finding;

bool is_pending(const mail::Evidence& evidence, Check check) {
  return std::ranges::find(evidence.pending, mail::FactKey{check}) != evidence.pending.end();
}

}  // namespace

void add_evidence(RuleFacts& facts, const mail::Evidence& evidence) {
  facts.name_is_asked = true;
  if (const mail::Fact* rdns = evidence.find({Check::rdns})) {
    facts.more_names = evidence.reverse_names();
    facts.reverse_name.emplace();
    if (!facts.more_names.empty()) {
      facts.reverse_name = std::move(facts.more_names.front());
      facts.more_names.erase(facts.more_names.begin());
    }
    facts.name_failed = mail::may_change(*rdns);
  } else if (is_pending(evidence, Check::rdns)) {
    facts.reverse_name.reset();
  }
  if (facts.vouching == Vouching::own) return;
  if (const mail::Fact* spf = evidence.find({Check::spf_mailfrom})) {
    facts.vouching = mail::vouches(*spf)                 ? Vouching::spf
                     : spf->finding == Finding::spf_none ? Vouching::none
                                                         : Vouching::against;
    facts.spf_failed = mail::is_temporary(spf->finding);
  } else if (is_pending(evidence, Check::spf_mailfrom)) {
    facts.vouching = Vouching::pending;
  }
}

}  // namespace sallyport::policy
