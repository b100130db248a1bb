#include "proxy/settings_treatments.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/config/document.h"
#include "base/text.h"
#include "policy/rules_compiler.h"

namespace sallyport::proxy {
namespace {

// Rules that are as many as their recipients must not fill the memory.
constexpr std::size_t kMostTreatments = 8192;

// Null or empty where no file is named.
template <class List>
List list_of(const Located<std::string>& file, const ParsedLists::ByPath<List>& lists) {
  const auto found = lists.find(file.value);
  return found == lists.end() ? List() : found->second;
}

policy::Barring compose_barring(const BarringSection& written, const ParsedLists& lists) {
  const auto compose = [&](const BarringListSection& list) {
    return policy::BarringList{list_of(list.file, lists.barring), list.mode.value_or(written.mode),
                               list.star.value_or(written.star), list.reply.value_or(written.reply),
                               list.reply_id.value_or(written.reply_id)};
  };
  return {compose(written.senders), compose(written.recipients)};
}

policy::SenderLists compose_sender_lists(const SenderListsSection& written, const ParsedLists& files) {
  policy::SenderLists lists{list_of(written.allow, files.allow),
                            list_of(written.block, files.block),
                            written.allow_mode,
                            written.block_mode,
                            written.block_reply,
                            written.block_reply_id,
                            written.correspondents,
                            {},
                            {}};
  for (const auto& [path, list] : files.allow) lists.allow_files.push_back(list);
  for (const auto& [path, list] : files.block) lists.block_files.push_back(list);
  return lists;
}

void widen(policy::CheckSettings& reach, const policy::CheckSettings& other) {
  for (std::size_t check = 0; check < reach.modes.size(); ++check)
    reach.modes.at(check) = std::min(reach.modes.at(check), other.modes.at(check));
  for (std::size_t list = 0; list < reach.lists.size(); ++list)
    reach.lists[list].mode = std::min(reach.lists[list].mode, other.lists[list].mode);
}

// A rule that needs what a check finds has it asked, though it may never count.
void widen_for_rules(policy::CheckSettings& reach, const policy::Rules& rules, policy::View view) {
  for (const auto check : {mail::Check::rdns, mail::Check::spf_mailfrom})
    if (rules.needs(check, view)) reach.mode(check) = std::min(reach.mode(check), Mode::observe);
}

// Patterns for a role address alone, such as "postmaster@*": nothing bars them. One that means it among
// others is no mistake.
void tell_barred_roles(const policy::WildcardList& list, const config::Rule* rule, const Loading& loading) {
  const auto& patterns = list.patterns();
  for (policy::Place place = 1; place <= patterns.size(); ++place)
    if (!patterns.clears(place) && policy::is_role_entry(patterns[place], loading.written.role_names))
      loading.diagnostics.warning(
          {list.file(), patterns.line(place), 1},
          fmt::format(
              "{}: mail to role addresses is taken, whatever this line says{}",
              printable(patterns[place], 80),
              rule ? fmt::format(" (barring.recipients, by the rule at {})", rule->position.to_string())
                   : ""),
          "take it out; role_mailbox may be whoever is to read that mail");
}

}  // namespace

void lint_barred_roles(const Loading& loading) {
  const auto& lists = loading.lists.barring;
  std::set<std::string_view> told;
  for_each_variant(loading.written, loading.rulesets,
                   [&](const PolicySections& sections, const config::Rule* rule) {
                     const auto list = lists.find(sections.barring.recipients.file.value);
                     if (list != lists.end() && told.insert(list->first).second)
                       tell_barred_roles(list->second, rule, loading);
                   });
}

policy::Rules compose_rules(const Loading& loading, const policy::Domains& domains) {
  std::vector<std::string> listeners;
  for (const auto& listener : loading.written.listeners.value) listeners.push_back(listener.name);
  const auto read = [&](const std::string& file,
                        const config::Position& blame) -> std::optional<std::string> {
    auto text = read_list_file(file, blame, loading);
    if (text) loading.diagnostics.remember_source(file, *text);
    return text;
  };
  policy::RuleContext context{std::move(listeners), read, loading.diagnostics};
  context.lint = loading.options.lint;
  if (context.lint)
    context.site = {&domains, read_user_names(loading), loading.written.role_names,
                    !loading.written.outbound.route.value.empty()};
  return policy::compile_rules(loading.rulesets, context);
}

Treatment compose_treatment(const PolicySections& sections, const TreatmentSources& sources) {
  auto policy = std::make_shared<policy::Settings>(*sources.site);
  policy->barring = compose_barring(sections.barring, *sources.lists);
  policy->sender_lists = compose_sender_lists(sections.lists, *sources.lists);
  policy->checks = compose_checks(sections);
  if (const auto names = list_of(sections.checks.generic_names, sources.lists->generic_names))
    policy->generic_names = *names;
  policy->max_received = sections.limits.received;
  policy->max_received_by_us = sections.limits.received_by_us;
  Treatment treatment;
  treatment.policy = std::move(policy);
  treatment.limits = sections.limits;
  treatment.early_talkers = {sections.checks.early_talker.wait,
                             sections.checks.early_talker.mode == EarlyTalkerMode::enforce};
  treatment.malformed_header = sections.checks.malformed_header;
  return treatment;
}

Treatments::Treatments(PolicySections usual, TreatmentSources sources,
                       std::vector<config::Ruleset> rulesets, policy::Rules rules)
    : usual_(std::move(usual)),
      sources_(std::move(sources)),
      rulesets_(std::move(rulesets)),
      rules_(std::move(rules)) {}

std::size_t Treatments::Hash::operator()(const policy::Profile& profile) const {
  std::size_t hash = profile.size();
  for (const std::uint32_t place : profile) hash = (hash ^ place) * 0x9e3779b97f4a7c15;
  return hash ^ hash >> 32;
}

std::shared_ptr<const Treatment> Treatments::of(const policy::Profile& profile) const {
  {
    const std::scoped_lock lock(mutex_);
    if (const auto found = made_.find(profile); found != made_.end()) return found->second;
  }
  auto made = make(profile);
  const std::scoped_lock lock(mutex_);
  if (made_.size() >= kMostTreatments) made_.erase(made_.begin());
  return made_.emplace(profile, std::move(made)).first->second;
}

std::shared_ptr<const Treatment> Treatments::make(const policy::Profile& profile) const {
  PolicySections sections = usual_;
  for (std::size_t ruleset = 0; ruleset < profile.size(); ++ruleset)
    if (const auto& change = rulesets_[ruleset].rules.at(profile[ruleset]).value.change) change(&sections);
  auto treatment = std::make_shared<Treatment>(compose_treatment(sections, sources_));
  treatment->matched = rules_.matched(profile);
  return treatment;
}

Reach Treatments::reach() const {
  auto checks = std::make_shared<policy::CheckSettings>(compose_checks(usual_));
  auto acting = std::make_shared<policy::CheckSettings>(*checks);
  Reach reach;
  for_each_variant(usual_, rulesets_, [&](const PolicySections& sections, const config::Rule* rule) {
    const Mode mode = rule ? policy::mode_of(*rule) : Mode::enforce;
    if (mode == Mode::off) return;
    const policy::CheckSettings changed = compose_checks(sections);
    widen(*checks, changed);
    if (mode == Mode::observe) return;
    widen(*acting, changed);
    reach.message_size = std::max(reach.message_size, sections.limits.message_size);
    reach.recipients = std::max(reach.recipients, sections.limits.recipients);
  });
  widen_for_rules(*checks, rules_, policy::View::would_be);
  widen_for_rules(*acting, rules_, policy::View::acting);
  reach.checks = std::move(checks);
  reach.acting = std::move(acting);
  return reach;
}

// Without rules there is but one: these settings themselves.
std::shared_ptr<const Treatment> Settings::treatment(const policy::Profile& profile) const {
  if (treatments) return treatments->of(profile);
  return {std::shared_ptr<const Treatment>(), this};
}

}  // namespace sallyport::proxy
