// What is asked about clients, and of whom.
#include <fmt/format.h>

#include <algorithm>

#include "base/mail/address.h"
#include "base/text.h"
#include "proxy/settings_loading.h"

namespace sallyport::proxy {
namespace {

using Entry = Named<ListSection>;
using dns::Family;
using mail::Check;
using mail::Listed;

bool is_asked_of(const ListSection& list, Listed of) { return std::ranges::count(list.of, of) > 0; }

bool is_asked_of_names(const ListSection& list) {
  return std::ranges::any_of(list.of, [](Listed of) { return of != Listed::client; });
}

bool is_good(const ListSection& list) {
  const auto speaks_for = [](const policy::CodeRange& range) { return range.weight < 0; };
  return !list.ranges.value.empty() && std::ranges::all_of(list.ranges.value, speaks_for);
}

bool is_zone(std::string_view name) {
  const auto fits = [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; };
  return dns::Name::parse(name) && name.contains('.') && !name.ends_with('.') && !IpAddress::parse(name) &&
         std::ranges::all_of(name, fits);
}

// The zone of a secret list holds a key, and a diagnostic may go to a log.
std::string told(const Entry& list) {
  return printable(list.value.secret ? list.value.name : list.name, 80);
}

void check_twice(const Loading& loading, const Entry& list) {
  const auto& zones = loading.written.checks.dnsbl.zones;
  const auto first =
      std::ranges::find_if(zones, [&](const Entry& other) { return iequals(other.name, list.name); });
  if (first->position.line != list.position.line || first->position.file != list.position.file)
    loading.diagnostics.error(
        list.position,
        fmt::format("checks.dnsbl.zones: \"{}\" is the same list as an earlier one", told(list)),
        "the first is at " + first->position.to_string());
}

std::string shown(const Entry& list) {
  return list.value.name.empty() ? to_lower(list.name) : list.value.name;
}

void check_list(const Loading& loading, const Entry& list) {
  const auto where = fmt::format("checks.dnsbl.zones.\"{}\"", told(list));
  if (!is_zone(list.name))
    loading.diagnostics.error(list.position, where + ": this is no name of a zone",
                              "a list is named by its zone, such as \"bl.example.org\"");
  if (list.value.secret && list.value.name.empty())
    loading.diagnostics.error(list.position, where + ": a secret list needs a \"name\"",
                              "it stands in replies and events for the zone, which holds the key");
  if (list.value.secret && iequals(list.value.name, list.name))
    loading.diagnostics.error(list.position,
                              where + ": the \"name\" of a secret list is its zone, with the key",
                              "a name for people, such as \"zen (paid)\"");
  if (!list.value.ranges.written())
    loading.diagnostics.error(list.position, where + ": \"codes\" is missing: no answer would count",
                              R"("codes": {"127.0.0.2-127.0.0.11": 5}; the list's own pages say which)");
  if (list.value.ipv6 && list.value.ipv6->has && !is_asked_of(list.value, Listed::client))
    loading.diagnostics.warning(list.position,
                                where + ": \"ipv6\" without \"client\" in \"of\" is never asked");
}

policy::ListSettings compose_list(const Entry& list) {
  const policy::ListSettings& written = list.value;
  policy::ListSettings settings = written;
  settings.zone = to_lower(list.name);
  settings.codes = list.value.ranges.value;
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
  const Duration usual = is_good(written) ? lists.good_timeout : lists.timeout;
  return {dns::Name::parse(list.name).value_or(dns::Name()),
          shown(list),
          {points(written.ipv4, is_asked_of(written, Listed::client), Family::ipv4),
           points(written.ipv6, false, Family::ipv6),
           points(written.domain, is_asked_of_names(written), Family::domain)},
          written.timeout.value_or(usual)};
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

void check_lists(const Loading& loading) {
  for (const Entry& list : loading.written.checks.dnsbl.zones) {
    check_list(loading, list);
    check_twice(loading, list);
  }
}

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
  for (const Entry& list : written.dnsbl.zones) settings.lists.push_back(compose_list(list));
  return settings;
}

std::vector<dns::WatchedList> compose_watched_lists(const Loading& loading) {
  std::vector<dns::WatchedList> lists;
  for (const Entry& list : loading.written.checks.dnsbl.zones)
    lists.push_back(watched(list, loading.written.checks.dnsbl));
  return lists;
}

}  // namespace sallyport::proxy
