// The field table of `events`.
#include "proxy/settings_written.h"

namespace sallyport::proxy {

using config::choice;
using config::file_name;
using config::optional;
using config::size;
using config::Stage;
using config::Table;

const Table<EventsSection>& events_table() {
  static const auto table =
      Table<EventsSection>(
          "The event store: what happened to every session and message, for `sallyport explain` and "
          "`sallyport log`. What standard output gets does not depend on it.")
          .field("directory", &EventsSection::directory, optional(file_name()), Stage::start,
                 "where they are kept; not written, it is `events` beside the state; `\"\"` keeps none")
          .field("keep", &EventsSection::keep,
                 config::duration<Duration>(std::chrono::hours(1), std::chrono::hours(24 * 3660)),
                 Stage::start, "how long")
          .field("max_size", &EventsSection::max_size, size(1'000'000, 1'000'000'000'000), Stage::start,
                 "how much at most; the oldest go first")
          .field(
              "record", &EventsSection::record_all, choice<bool>({{"needed", false}, {"all", true}}),
              Stage::connect,
              "`all`: every question of every check is asked of a stranger, also of those that are off or "
              "that no decision needs, and the reply waits for the answers");
  return table;
}

}  // namespace sallyport::proxy
