#include "proxy/sender_list_command.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sysexits.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

#include "base/text.h"
#include "proxy/control.h"
#include "proxy/control_client.h"
#include "proxy/event_words.h"

namespace sallyport::proxy {
namespace {

constexpr std::size_t kMostShown = 2000;
constexpr std::uint64_t kMostDays = 36'500;

// Who is to be asked about an entry later.
std::string user_name() {
  if (const char* name = std::getenv("SUDO_USER")) return name;
  const passwd* user = ::getpwuid(::getuid());
  return user ? user->pw_name : fmt::format("{}", ::getuid());
}

// "30d" from today on, as a day; anything else as it is.
std::string expiry_day(const std::string& written, WallTime now) {
  if (!written.ends_with('d')) return written;
  const auto days = parse_unsigned(std::string_view(written).substr(0, written.size() - 1));
  if (!days || *days > kMostDays) return written;
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(now + std::chrono::days(*days)));
}

// `expires`: a day, or "".
config::Node request_of(const SenderListOptions& options, const std::string& expires) {
  config::Node request = config::Node::object();
  const auto text = [&](const char* key, const std::string& value) {
    if (!value.empty()) request.add(key, config::Node::text(value));
  };
  text("command", to_string(options.kind));
  text("action", options.action);
  text("pattern", options.pattern);
  text("for", options.recipient);
  if (options.action != "add") return request;
  text("owner", options.owner.empty() ? user_name() : options.owner);
  text("reason", options.reason);
  text("expires", expires);
  if (options.authenticated) request.add("authenticated", config::Node::boolean(true));
  return request;
}

void print(const config::Node& line) {
  const auto when = local_time_shown(text_of(line, "last_hit"));
  fmt::print("{:>8}  {:16}  {:20}  {}\n", number_of(line, "hits"), when, text_of(line, "where"),
             printable(text_of(line, "line"), kMostShown));
}

void show(const ControlAnswer& answer, bool json) {
  if (json) {
    for (const auto& line : answer.written) fmt::print("{}\n", line);
    return;
  }
  if (!answer.written.empty()) fmt::print("{:>8}  {:16}  {:20}  {}\n", "hits", "last", "where", "entry");
  for (const auto& line : answer.lines()) print(line);
}

void tell_correspondents(const SenderListOptions& options) {
  config::Node request = config::Node::object();
  request.add("command", config::Node::text("correspondents-count"));
  const auto answer = ask_gateway(options.directory, request);
  if (!answer || answer->written.empty()) return;
  fmt::print("and {} addresses that our users write to (sallyport correspondents)\n",
             number_of(answer->lines().front(), "correspondents"));
}

// Said on the command line, like any other option.
Taken<std::string> take_expiry(const SenderListOptions& options) {
  const WallTime now = system_clock().wall();
  std::string day = expiry_day(options.expires, now);
  if (day.empty()) return day;
  const auto expires = policy::parse_expiry_day(day);
  if (!expires) return usage_fault("--expires: " + expires.error().detail + ", or 30d");
  if (*expires > now) return day;
  return usage_fault(fmt::format("--expires: {} is over: the entry would never hold", day));
}

}  // namespace

int run_sender_list(const SenderListOptions& options) {
  const auto expires = take_expiry(options);
  if (!expires) return expires.error().tell(to_string(options.kind));
  const auto answer = ask_gateway(options.directory, request_of(options, *expires));
  if (!answer) return answer.error().tell(to_string(options.kind));
  const auto tell = [&](const char* what, const std::string& text) {
    fmt::print(stderr, "sallyport {}: {}{}\n", to_string(options.kind), what, printable(text, kMostShown));
  };
  if (options.action == "list") {
    show(*answer, options.json);
  } else {
    for (const auto& line : answer->lines()) {
      if (const auto warning = text_of(line, "warning"); !warning.empty()) tell("warning: ", warning);
      if (const auto before = text_of(line, "replaced"); !before.empty()) tell("replaced: ", before);
    }
  }
  if (!answer->error.empty()) {
    tell("", answer->error);
    return answer->status;
  }
  if (options.action == "list" && options.kind == SenderListKind::allow && !options.json)
    tell_correspondents(options);
  return EX_OK;
}

}  // namespace sallyport::proxy
