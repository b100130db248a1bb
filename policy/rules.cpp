#include "policy/rules.h"

#include "policy/rule_matching.h"
#include "policy/rule_tables.h"

namespace sallyport::policy {

RuleMatch Rules::match(const RuleFacts& facts) const {
  if (empty()) return {};
  return RuleMatching(*tables_, facts).run();
}

OtherProfiles Rules::others(const RuleFacts& facts) const {
  if (empty() || !(facts.name_failed || facts.spf_failed)) return {};
  RuleFacts unknown = facts;
  if (facts.name_failed) unknown.reverse_name.reset();
  if (facts.spf_failed) unknown.vouching = Vouching::pending;
  return RuleMatching(*tables_, unknown).others(match(facts).profile);
}

std::vector<MatchedRule> Rules::matched(const Profile& profile) const {
  std::vector<MatchedRule> out;
  for (std::size_t ruleset = 0; ruleset < profile.size(); ++ruleset)
    if (profile[ruleset] != tables_->usual[ruleset])
      out.push_back(tables_->words[ruleset][profile[ruleset]]);
  return out;
}

std::vector<MatchedRule> Rules::unproven(const RuleMatch& match) const {
  std::vector<MatchedRule> out;
  for (const auto& [ruleset, place] : match.unproven) out.push_back(tables_->words[ruleset][place]);
  return out;
}

bool Rules::needs(mail::Check check, View view) const {
  if (empty()) return false;
  const RuleNeeds& needs = view == View::acting ? tables_->acting_needs : tables_->all_needs;
  return (check == mail::Check::rdns && needs.reverse_name) ||
         (check == mail::Check::spf_mailfrom && needs.sender);
}

}  // namespace sallyport::policy
