#include "policy/rule_facts.h"

#include <algorithm>

namespace sallyport::policy {
namespace {

using mail::Check;
using mail::Finding;

bool is_pending(const mail::Evidence& evidence, Check check) {
  return std::ranges::find(evidence.pending, mail::FactKey{check}) != evidence.pending.end();
}

}  // namespace

void add_evidence(RuleFacts& facts, const mail::Evidence& evidence) {
  if (const mail::Fact* rdns = evidence.find({Check::rdns})) {
    const bool confirmed =
        rdns->finding == Finding::rdns_confirmed || rdns->finding == Finding::rdns_generic;
    facts.reverse_name = confirmed ? rdns->detail : std::string();
    facts.name_failed = mail::is_temporary(rdns->finding);
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
