// What rulesets come to: from the rules that hold for somebody to the values that he is treated by.
//
// A treatment is made when its profile is first met: the sections as they are for whoever no rule holds
// for, the changes of the rules that hold, and then what is made of the sections as at load. Equal profiles
// share one. For any thread.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proxy/settings_loading.h"

namespace sallyport::proxy {

struct TreatmentSources {
  std::shared_ptr<const policy::Settings> site;
  std::shared_ptr<const ParsedLists> lists;
};
Treatment compose_treatment(const PolicySections& sections, const TreatmentSources& sources);

class Treatments {
 public:
  Treatments(PolicySections usual, TreatmentSources sources, std::vector<config::Ruleset> rulesets,
             policy::Rules rules);

  std::shared_ptr<const Treatment> of(const policy::Profile& profile) const;
  // The furthest that any rule goes.
  Reach reach() const;

 private:
  struct Hash {
    std::size_t operator()(const policy::Profile& profile) const;
  };
  std::shared_ptr<const Treatment> make(const policy::Profile& profile) const;

  PolicySections usual_;
  TreatmentSources sources_;
  std::vector<config::Ruleset> rulesets_;
  policy::Rules rules_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<policy::Profile, std::shared_ptr<const Treatment>, Hash> made_;
};

// The sections as they may be: the usual ones, with no rule, and those when one rule holds and no other.
// use(const PolicySections&, const config::Rule*)
template <class Use>
void for_each_variant(const PolicySections& usual, const std::vector<config::Ruleset>& rulesets, Use use) {
  use(usual, static_cast<const config::Rule*>(nullptr));
  for (const config::Ruleset& ruleset : rulesets)
    for (const config::Rule& rule : ruleset.rules) {
      if (!rule.value.change) continue;
      PolicySections changed = usual;
      rule.value.change(&changed);
      use(std::as_const(changed), &rule);
    }
}

}  // namespace sallyport::proxy
