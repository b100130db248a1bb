// What is asked about clients, and of whom.
#include <algorithm>

#include "base/text.h"
#include "proxy/settings_loading.h"

namespace sallyport::proxy {
namespace {

using Entry = Named<ListSection>;
using dns::Family;
using mail::Check;
using mail::Listed;

bool is_good(const ListSection& list) {
  const auto speaks_for = [](const Named<policy::CodeRange>& range) { return range.value.weight < 0; };
  return !list.ranges.value.empty() && std::ranges::all_of(list.ranges.value, speaks_for);
}

std::string shown(const Entry& list) {
  return list.value.name.empty() ? to_lower(list.name) : list.value.name;
}

Duration timeout_of(const ListSection& list, const ListsSection& lists) {
  return list.own_timeout.value_or(is_good(list) ? lists.good_timeout : lists.timeout);
}

policy::ListSettings compose_list(const Entry& list, const ListsSection& lists) {
  const policy::ListSettings& written = list.value;
  policy::ListSettings settings = written;
  settings.timeout = timeout_of(list.value, lists);
  for (const auto& range : list.value.ranges.value) settings.codes.push_back(range.value);
  settings.name = shown(list);
  return settings;
}

std::optional<dns::TestPoints> points(const std::optional<FamilyChoice>& written, bool by_default,
                                      Family family) {
  if (!(written ? written->has : by_default)) return std::nullopt;
  return written && written->points ? *written->points : dns::usual_test_points(family);
}

dns::WatchedList watched(const Entry& list, const ListsSection& lists) {
  const ListSection& written = list.value;
  return {dns::Name::parse(list.name).value_or(dns::Name()),
          shown(list),
          {points(written.ipv4, written.is_asked_of(Listed::client), Family::ipv4),
           points(written.ipv6, false, Family::ipv6),
           points(written.domain, written.is_asked_of_names(), Family::domain)},
          timeout_of(written, lists)};
}

Mode judged(EarlyTalkerMode mode) {
  switch (mode) {
    case EarlyTalkerMode::enforce:
    case EarlyTalkerMode::score:
      return Mode::enforce;
    case EarlyTalkerMode::observe:
      return Mode::observe;
    case EarlyTalkerMode::off:
      return Mode::off;
  }
  return Mode::off;
}

}  // namespace

policy::CheckSettings compose_checks(const PolicySections& sections) {
  const ChecksSection& written = sections.checks;
  const policy::CheckSettings& judged_by = written;
  policy::CheckSettings settings = judged_by;
  settings.mode(Check::early_talker) = judged(written.early_talker.mode);
  settings.outcome(Check::early_talker, mail::Finding::early_talked) = written.early_talker.outcome;
  settings.mode(Check::dnsbl) = written.dnsbl.mode;
  settings.mode(Check::spf_helo) = settings.mode(Check::spf_mailfrom);  // one key for both
  settings.reject_at = sections.thresholds.reject;
  settings.doubtful_at = sections.thresholds.doubtful;
  // Each is possible by itself (check_greylist_rules); rules that hold together make it so.
  settings.greylist.window = std::max(settings.greylist.window, 2 * settings.greylist.delay);
  for (const Entry& list : written.dnsbl.zones) settings.lists.push_back(compose_list(list, written.dnsbl));
  return settings;
}

std::vector<dns::WatchedList> compose_watched_lists(const Loading& loading) {
  std::vector<dns::WatchedList> lists;
  for (const Entry& list : loading.written.checks.dnsbl.zones)
    lists.push_back(watched(list, loading.written.checks.dnsbl));
  return lists;
}

}  // namespace sallyport::proxy
