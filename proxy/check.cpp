#include "proxy/check.h"

#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/io/event_loop.h"
#include "base/text.h"
#include "dns/list_watch.h"
#include "proxy/asker.h"
#include "proxy/barred_users.h"
#include "proxy/machine_lint.h"
#include "proxy/own_names.h"
#include "proxy/role_probe.h"
#include "proxy/sender_list_lint.h"
#include "proxy/session_tests.h"

namespace sallyport::proxy {
namespace {

void append_text(std::string& out, const char* key, std::string_view value) {
  out += fmt::format("\"{}\": \"", key);
  append_json_escaped(out, value);
  out += "\", ";
}

std::string to_json(const config::Diagnostic& one) {
  std::string out = "{";
  append_text(out, "severity", one.severity == config::Severity::error ? "error" : "warning");
  append_text(out, "file", one.position.file);
  append_text(out, "message", one.message);
  append_text(out, "hint", one.hint);
  return out + fmt::format("\"line\": {}, \"column\": {}}}", one.position.line, one.position.column);
}

std::string to_json(const config::Diagnostics& diagnostics) {
  std::string out;
  for (const auto& one : diagnostics.all()) out += (out.empty() ? "" : ",\n ") + to_json(one);
  return "[" + out + "]\n";
}

constexpr auto kNamesTime = std::chrono::seconds(5);  // for all of them

void look_at_names(const Settings& settings, Asker& asker, config::Diagnostics& diagnostics) {
  const TimePoint deadline = system_clock().now() + kNamesTime;
  const auto faults = asker.run(look_at(own_names(settings), asker.resolver(), system_clock(), deadline));
  for (const NameFault& fault : faults) diagnostics.warning({}, fault.what, fault.publish);
}

io::Task<bool> test(dns::ListWatch& lists, dns::Resolver& resolver) {
  co_await lists.test(resolver);
  co_return true;
}

bool is_asked(const dns::ListWatch& lists, std::size_t list) {
  return std::ranges::any_of(
      std::array{dns::Family::ipv4, dns::Family::ipv6, dns::Family::domain},
      [&](dns::Family family) { return lists.standing(list, family) == dns::ListWatch::Standing::asked; });
}

// Those that are not off, by the entries that RFC 5782 5 wants, as a gateway tests them when it starts.
// "": there are none.
std::string look_at_lists(const Settings& settings, Asker& asker, config::Diagnostics& diagnostics) {
  std::vector<dns::WatchedList> wanted;
  for (std::size_t place = 0; place < settings.lists.size(); ++place)
    if (settings.policy->checks.mode_of({mail::Check::dnsbl, static_cast<int>(place)}) != Mode::off)
      wanted.push_back(settings.lists[place]);
  if (wanted.empty()) return {};
  dns::ListWatch lists(std::move(wanted), system_clock(),
                       [&](std::string_view level, std::string_view text) {
                         if (level != "info")
                           diagnostics.warning({}, fmt::format("checks.dnsbl: {}", text));
                       });
  asker.run(test(lists, asker.resolver()));
  std::string good;
  for (std::size_t list = 0; list < lists.lists().size(); ++list)
    if (is_asked(lists, list)) good += (good.empty() ? "" : ", ") + lists.lists()[list].shown;
  return good.empty() ? "DNS lists: none answers\n" : fmt::format("DNS lists that answer: {}\n", good);
}

void tell(const std::vector<SenderListFault>& faults, config::Diagnostics& diagnostics) {
  for (const SenderListFault& fault : faults) diagnostics.warning(fault.position, fault.what, fault.hint);
}

void look_at_allowed_senders(const std::shared_ptr<const Settings>& settings, Asker& asker,
                             config::Diagnostics& diagnostics) {
  const TimePoint deadline = system_clock().now() + kNamesTime;
  tell(asker.run(forgeable_entries(settings, asker.resolver(), system_clock(), deadline)), diagnostics);
}

constexpr auto kProbeTime = std::chrono::seconds(10);  // for all of them

// A next hop that is down while we look is no reason to doubt a configuration.
void look_at_roles(std::shared_ptr<const Settings> settings, Asker& asker,
                   config::Diagnostics& diagnostics) {
  const TimePoint deadline = system_clock().now() + kProbeTime;
  const auto faults = asker.run(probe_roles(std::move(settings), asker.tasks(), deadline));
  for (const RoleFault& fault : faults) diagnostics.warning({}, fault.what, fault.hint);
}

// Nor is a DNS that does not answer. What is to be told besides.
std::string look_at_network(const std::shared_ptr<const Settings>& settings,
                            config::Diagnostics& diagnostics) {
  const auto asker = Asker::open("check", {}, settings->dns.live);
  if (!asker) {
    diagnostics.warning({}, "DNS: " + asker.error().why);
    return {};
  }
  look_at_names(*settings, **asker, diagnostics);
  look_at_allowed_senders(settings, **asker, diagnostics);
  look_at_roles(settings, **asker, diagnostics);
  return look_at_lists(*settings, **asker, diagnostics);
}

void tell_verdict(const std::string& directory, const SessionTests& tests, const std::string& lists) {
  fmt::print("{}{}: the configuration is good\n", lists, directory);
  if (tests.sessions > 0) fmt::print("{} sessions of *.test.json end as stated\n", tests.sessions);
  if (geteuid() != 0) return;
  fmt::print(
      "checked as root, who may read every file; what the service may read, its own user tells: "
      "sudo -u sallyport sallyport check -c {}\n",
      directory);
}

}  // namespace

int check(const CheckOptions& options) {
  io::ignore_sigpipe();
  const auto& [directory, json, offline] = options;
  config::Diagnostics diagnostics;
  auto settings = load(directory, {.lint = true}, diagnostics);
  SessionTests tests;
  if (settings) tests = run_session_tests(directory, settings, diagnostics);
  if (settings) tell(idle_entries(*settings), diagnostics);
  if (settings) tell(surprising_entries(*settings, system_clock().wall()), diagnostics);
  if (settings) tell(barred_users(*settings), diagnostics);
  diagnostics.sort();
  if (settings) look_at_machine(*settings, diagnostics);
  std::string lists;
  if (settings && !offline) lists = look_at_network(settings, diagnostics);
  if (json)
    fmt::print("{}", to_json(diagnostics));
  else if (!diagnostics.all().empty())
    fmt::print(stderr, "{}\n", diagnostics.to_string());
  if (diagnostics.has_errors()) return EX_CONFIG;
  if (!json) tell_verdict(directory, tests, lists);
  return EX_OK;
}

}  // namespace sallyport::proxy
