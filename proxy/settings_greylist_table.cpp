// The field table of `checks.greylist`.
#include "proxy/settings_check_types.h"
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

const Table<GreylistSettings>& greylist_table() {
  static const auto table =
      Table<GreylistSettings>(
          "Greylisting: a stranger is asked to come again later (451), and passes when it does. Each "
          "client, "
          "sender and recipient is a case of its own. Never asked to wait are clients with negative "
          "points, "
          "those that are spared the `checks`, and mail to the `role_names`.")
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
          .field("delay", &GreylistSettings::delay, config::duration<Duration>(seconds(1), hours(24)),
                 Stage::rcpt, "that has to pass before it is taken")
          .field("window", &GreylistSettings::window,
                 config::duration<Duration>(minutes(10), hours(24 * 30)), Stage::rcpt,
                 "in which it has to come back; later it starts anew")
          .field("remember", &GreylistSettings::remember,
                 config::duration<Duration>(hours(1), hours(24 * 366)), Stage::rcpt,
                 "how long nobody waits again who has passed; renewed by every mail")
          .field("known_after", &GreylistSettings::known_after, integer<int>(0, 1'000), Stage::rcpt,
                 "passes after which a client waits no more, whoever the sender is; those within an hour "
                 "count once, 0: never");
  return table;
}

}  // namespace sallyport::proxy
