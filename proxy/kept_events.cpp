#include "proxy/kept_events.h"

#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "proxy/event_words.h"
#include "proxy/settings.h"

namespace sallyport::proxy {
namespace {

Taken<std::string> by_configuration(const std::string& directory) {
  config::Diagnostics diagnostics;
  const auto settings = load(directory, {.open_files = false}, diagnostics);
  if (!settings)
    return std::unexpected(CommandFault{
        EX_CONFIG, fmt::format("{}\n(--events DIR names the events without it)", diagnostics.to_string())});
  if (settings->events.directory.empty())
    return std::unexpected(CommandFault{EX_CONFIG, "events are not kept: events.directory is \"\""});
  return settings->events.directory;
}

}  // namespace

Taken<std::string> event_directory(const EventSource& source) {
  auto directory = source.events.empty() ? by_configuration(source.directory) : source.events;
  if (!directory) return directory;
  if (::access(directory->c_str(), R_OK | X_OK) == 0) return directory;
  const int why = errno;
  std::string words = fmt::format("{}: {}", *directory, std::strerror(why));
  if (why == ENOENT) words += "; the gateway makes it when it starts";
  if (why == EACCES) words += "; its owner may read it: " + as_owner_of(*directory);
  return std::unexpected(CommandFault{why == EACCES ? EX_NOPERM : EX_NOINPUT, words});
}

std::string what_is_kept(const std::string& directory, const store::EventReader& reader) {
  const auto kept = reader.kept();
  if (!kept) return fmt::format("{} has no events.", directory);
  return fmt::format("{} has {} events, from {} to {} UTC.", directory, kept->events,
                     time_shown(kept->from), time_shown(kept->to));
}

void tell_passed_over(const char* command, const store::EventReader& reader) {
  for (const std::string& other : reader.passed_over())
    fmt::print(stderr, "sallyport {}: {} is no file, so nothing was read of it\n", command,
               printable(other));
}

}  // namespace sallyport::proxy
