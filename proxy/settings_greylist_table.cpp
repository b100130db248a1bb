// The field table of `checks.greylist`, and what has to hold between its fields.
#include <fmt/format.h>

#include <limits>

#include "proxy/settings_check_types.h"
#include "proxy/settings_treatments.h"
#include "proxy/settings_types.h"

namespace sallyport::proxy {

using config::choice;
using config::integer;
using config::Stage;
using config::Table;
using policy::GreylistApply;
using policy::GreylistSettings;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

// Nobody is ever known at 0.
config::Type<int> known_after() {
  auto type = integer<int>(0, 1'000);
  type.strictness = [](const int& one, const int& other) -> std::partial_ordering {
    const auto passes = [](int value) { return value == 0 ? std::numeric_limits<int>::max() : value; };
    return passes(one) <=> passes(other);
  };
  return type;
}

const Table<GreylistSettings>& greylist_table() {
  static const auto table =
      Table<GreylistSettings>(
          "Greylisting: a stranger is asked to come again later (451), and passes when it does. Each "
          "client, "
          "sender and recipient is a case of its own. Never asked to wait are clients with negative "
          "points, "
          "those that are spared the `checks`, and mail to the `role_names`.")
          .ruled()
          .field("mode", &GreylistSettings::mode, mode(), Stage::rcpt,
                 "`enforce`, `observe` (remembered and recorded, nobody waits) or `off`")
          .field(
              "apply", &GreylistSettings::apply,
              choice<GreylistApply>({{"all", GreylistApply::all},
                                     {"unknown", GreylistApply::unknown},
                                     {"doubtful", GreylistApply::doubtful}}),
              Stage::rcpt,
              "to `all` strangers, to those that are `unknown` (no mail delivered in the last 24 hours), "
              "or to `doubtful` ones (whose points reach `thresholds.doubtful`)")
          .field("delay", &GreylistSettings::delay,
                 more_is_stricter(config::duration<Duration>(seconds(0), hours(24))), Stage::rcpt,
                 "that has to pass before it is taken")
          .field("window", &GreylistSettings::window,
                 config::duration<Duration>(seconds(2), hours(24 * 30)), Stage::rcpt,
                 "in which it has to come back; later it starts anew")
          .field("remember", &GreylistSettings::remember,
                 config::duration<Duration>(minutes(1), hours(24 * 366)), Stage::rcpt,
                 "how long nobody waits again who has passed; renewed by every mail")
          .field("known_after", &GreylistSettings::known_after, known_after(), Stage::rcpt,
                 "passes after which a client waits no more, whoever the sender is; those within an hour "
                 "count once, 0: never");
  return table;
}

constexpr const char* kImpossible = "\"delay\" is not shorter than \"window\"";
constexpr const char* kImpossibleHint =
    "whoever comes back after the delay would come too late, and nobody would ever pass";

bool is_possible(const GreylistSettings& settings) { return settings.delay < settings.window; }

}  // namespace

config::Type<GreylistSettings> greylist_settings() {
  auto type = section(greylist_table());
  type.read = [read = type.read](const config::Node& node, GreylistSettings& out, config::Reader& reader) {
    if (!read(node, out, reader)) return false;
    if (is_possible(out)) return true;
    const auto* window = node.find("window");
    return reader.error((window ? *window : node).position, kImpossible, kImpossibleHint);
  };
  return type;
}

void check_greylist_rules(const Loading& loading) {
  if (!is_possible(loading.written.checks.greylist)) return;  // told already
  for_each_variant(
      loading.written, loading.rulesets, [&](const PolicySections& sections, const config::Rule* rule) {
        if (rule && !is_possible(sections.checks.greylist))
          loading.diagnostics.error(rule->position, fmt::format("checks.greylist: {}", kImpossible),
                                    kImpossibleHint);
      });
}

}  // namespace sallyport::proxy
