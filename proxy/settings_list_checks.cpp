// Mistakes in the lists, and what surprises: a list that is never asked, codes that mean something else.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/config/document.h"
#include "base/text.h"
#include "proxy/settings_check_types.h"
#include "proxy/settings_loading.h"

namespace sallyport::proxy {
namespace {

using Entry = Named<ListSection>;
using mail::Listed;

bool is_zone(std::string_view name) {
  const auto fits = [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; };
  return dns::Name::parse(name) && name.contains('.') && !name.ends_with('.') && !IpAddress::parse(name) &&
         std::ranges::all_of(name, fits);
}

// The zone of a secret list holds a key, and a diagnostic may go to a log.
std::string told(const Entry& list) {
  if (!list.value.secret) return printable(list.name, 80);
  const bool has_name = !list.value.name.empty() && !iequals(list.value.name, list.name);
  return has_name ? printable(list.value.name, 80) : "(hidden)";
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

void check_list(const Loading& loading, const Entry& list, const std::string& where) {
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
}

// -- never asked ------------------------------------------------------------------------------------------

bool has(const std::optional<FamilyChoice>& family, bool by_default) {
  return family ? family->has : by_default;
}

// What of it is written for nothing, "" if nothing.
std::string never_asked(const ListSection& list) {
  const bool of_client = list.is_asked_of(Listed::client), of_names = list.is_asked_of_names();
  const bool addresses = has(list.ipv4, true) || has(list.ipv6, false);
  if (of_client && !addresses) return R"("client" in "of" is never asked: "ipv4" and "ipv6" are false)";
  if (of_names && !has(list.domain, true)) return R"(names in "of" are never asked: "domain" is false)";
  for (const auto& [key, family] : {std::pair("ipv4", &list.ipv4), std::pair("ipv6", &list.ipv6)})
    if (has(*family, false) && !of_client)
      return fmt::format(R"("{}" without "client" in "of" is never asked)", key);
  if (has(list.domain, false) && !of_names) return R"("domain" without a name in "of" is never asked)";
  return {};
}

// -- codes ------------------------------------------------------------------------------------------------

// From one address to another, as people write a range, and not all that lies between: of 127.0.0.2 to
// 127.0.1.11 an octet by octet reading has no 127.0.0.12.
bool surprises(const Named<policy::CodeRange>& codes) {
  const policy::CodeRange& range = codes.value;
  const auto differs = std::ranges::mismatch(range.low, range.high);
  const bool rest_is_whole =
      differs.in1 == range.low.end() ||
      (std::all_of(differs.in1 + 1, range.low.end(), [](int octet) { return octet == 0; }) &&
       std::all_of(differs.in2 + 1, range.high.end(), [](int octet) { return octet == 255; }));
  const bool is_pair = std::ranges::count(codes.name, '.') > 3;
  return is_pair && !rest_is_whole;
}

void look_at_codes(const Loading& loading, const Entry& list, const std::string& where) {
  const bool as_written = !loading.diagnostics.has_errors();  // and not for want of one that can be read
  if (as_written && list.value.ranges.written() && list.value.ranges.value.empty())
    loading.diagnostics.warning(list.value.ranges.position,
                                where + ": \"codes\" is empty: no answer counts");
  for (const auto& codes : list.value.ranges.value)
    if (surprises(codes))
      loading.diagnostics.warning(
          codes.position,
          fmt::format("{}.codes: \"{}\" is read octet by octet, as {}", where, codes.name,
                      codes.value.to_string()),
          "write it so if it is meant, or a range for each value of the third octet");
}

// -- how much is asked ------------------------------------------------------------------------------------

constexpr int kOtherQuestions = 20;  // that a client costs who has an ordinary SPF record

void look_at_budget(const Loading& loading, const ListsSection& lists) {
  int questions = 0;
  for (const Entry& list : lists.zones)
    if (lists.mode != Mode::off && list.value.mode != Mode::off)
      questions += static_cast<int>(list.value.of.size());
  const int allowed = loading.written.dns.budget.questions;
  const int most = std::min(allowed, dns::Allowance::kMostInFlight);
  if (questions > 0 && questions + kOtherQuestions > most)
    loading.diagnostics.warning(
        {},
        fmt::format("checks.dnsbl: the lists are asked {} questions about a client, and some {} are asked "
                    "besides; a session may ask {} at once and {} in all, and more is deferred",
                    questions, kOtherQuestions, dns::Allowance::kMostInFlight, allowed),
        "fewer lists, fewer names in \"of\", or more of dns.questions");
}

// -- secret lists in the lines that diagnostics show ------------------------------------------------------

void collect_files(const config::Node& node, std::set<std::string>& files) {
  files.insert(node.position.file);
  if (const auto* members = node.as<config::Object>())
    for (const auto& member : *members) {
      files.insert(member.position.file);
      collect_files(member.value, files);
    }
}

void blot_out(std::string& text, std::string_view name) {
  std::string_view rest = text;
  for (auto found = std::ranges::search(rest, name, {}, lower, lower); !found.empty();
       found = std::ranges::search(rest, name, {}, lower, lower)) {
    const auto at = static_cast<std::size_t>(found.begin() - text.data());
    text.replace(at, name.size(), name.size(), '*');
    rest = std::string_view(text).substr(at + name.size());
  }
}

}  // namespace

bool ListSection::is_asked_of(Listed subject) const { return std::ranges::count(of, subject) > 0; }

bool ListSection::is_asked_of_names() const {
  return std::ranges::any_of(of, [](Listed subject) { return subject != Listed::client; });
}

void conceal_secret_lists(const config::Node& document, config::Diagnostics& diagnostics) {
  const config::Node* node = &document;
  for (const char* key : {"checks", "dnsbl", "zones"})
    if (node) node = node->find(key);
  const auto* zones = node ? node->as<config::Object>() : nullptr;
  if (!zones) return;
  std::vector<std::string_view> names;
  for (const auto& list : *zones)
    if (!list.key.empty() && is_secret_list(list.value)) names.push_back(list.key);
  if (names.empty()) return;
  std::set<std::string> files;
  collect_files(*node, files);
  for (const std::string& file : files) {
    config::Diagnostics ignored;  // it was read a moment ago
    auto text = config::read_file(file, {}, ignored);
    if (!text) continue;
    for (const std::string_view name : names) blot_out(*text, name);
    diagnostics.remember_source(file, std::move(*text));
  }
}

void check_lists(const Loading& loading) {
  const ListsSection& lists = loading.written.checks.dnsbl;
  for (const Entry& list : lists.zones) {
    const auto where = fmt::format("checks.dnsbl.zones.\"{}\"", told(list));
    check_list(loading, list, where);
    check_twice(loading, list);
    look_at_codes(loading, list, where);
    if (const auto what = never_asked(list.value); !what.empty())
      loading.diagnostics.warning(list.position, fmt::format("{}: {}", where, what));
  }
  look_at_budget(loading, lists);
}

}  // namespace sallyport::proxy
