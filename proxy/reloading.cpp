#include "proxy/reloading.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <new>

#include "base/config/document.h"
#include "base/faults.h"
#include "proxy/check.h"
#include "proxy/session_tests.h"
#include "proxy/settings.h"

namespace sallyport::proxy {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(500);

// People read a diagnostic line by line, its caret below the fault; programs get it whole.
void note(store::EventLog& events, store::LogFormat format, const config::Diagnostic& one) {
  const auto* const level = one.severity == config::Severity::error ? "error" : "warning";
  const std::string text = one.to_string();
  if (format == store::LogFormat::json) return events.note(level, text);
  std::string_view rest = text;
  for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    events.note(level, rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  events.note(level, rest);
}

void record_reload(store::EventLog& events, bool good, std::string_view detail) {
  store::Event event("reload");
  event.flag("ok", good).text("detail", detail);
  events.write(event);
}

std::vector<ListFile> as_they_are_now(const std::vector<ListFile>& files) {
  std::vector<ListFile> now = files;
  for (ListFile& file : now) file.version = version_of(file.path);
  return now;
}

std::vector<ListFile> tests_in(const std::string& directory) {
  std::vector<ListFile> tests;
  for (const std::string& path : config::test_files(directory)) tests.push_back({path, version_of(path)});
  return tests;
}

// "conf.d/lists/allow, conf.d/lists/block"
std::string changed(const std::vector<ListFile>& before, const std::vector<ListFile>& now) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < now.size(); ++i)
    if (now[i] != before[i] && std::ranges::find(names, now[i].path) == names.end())
      names.push_back(now[i].path);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

// On the thread of their own: nothing in it is anybody else's meanwhile.
struct Reloading::NewLists {
  std::shared_ptr<const Settings> before;
  SeenLists now{};
  config::Diagnostics diagnostics{};
  std::shared_ptr<const Settings> settings{};

  Result<> look() {
    now.lists = as_they_are_now(before->list_files);
    if (now.lists != before->list_files) now.tests = tests_in(before->directory);
    return {};
  }
  Result<> read() {
    settings = load_lists(*before, diagnostics);
    if (settings) run_session_tests(settings->directory, settings, diagnostics);
    if (diagnostics.has_errors()) return fail(Errc::invalid, "the old lists stay");
    return {};
  }
  // What conf.d itself is warned of has been said when it was read.
  bool is_news(const config::Diagnostic& one) const {
    return one.severity == config::Severity::error ||
           std::ranges::find(now.lists, one.position.file, &ListFile::path) != now.lists.end();
  }
};

Reloading::Reloading(const ServeOptions& options, Gateway& gateway, store::EventLog& events)
    : options_(options), gateway_(gateway), events_(events), started_(gateway.settings()) {}

// -- SIGHUP --------------------------------------------------------------------------------------------

void Reloading::run() {
  faults::crash_point("reload.signal");
  try {
    const auto result = try_to();
    record_reload(events_, result.has_value(), result ? "" : result.error().detail);
    faults::crash_point("reload.done");
  } catch (const std::exception& error) {
    record_reload(events_, false, error.what());
  }
}

Result<> Reloading::try_to() {
  config::Diagnostics diagnostics;
  auto settings = load(options_.directory, {}, diagnostics);
  if (settings) run_session_tests(options_.directory, settings, diagnostics);
  for (const auto& one : diagnostics.all()) note(events_, options_.log_format, one);
  faults::crash_point("reload.loaded");
  if (diagnostics.has_errors()) return fail(Errc::invalid, "the old configuration stays");
  if (auto fit = usable(*settings); !fit)
    return fail(fit.error().code, fit.error().detail + "; the old configuration stays");
  auto reloaded = gateway_.reload(settings);
  if (reloaded) tell_what_needs_a_restart(*settings);
  return reloaded;
}

void Reloading::tell_what_needs_a_restart(const Settings& settings) const {
  const auto warn = [this](std::string_view key) {
    events_.note("warning",
                 fmt::format("{} has changed: this needs a restart, and does nothing until then", key));
  };
  if (settings.state_file != started_->state_file) warn("state.sqlite");
  if (settings.events != started_->events) warn("events");
  if (settings.workers != started_->workers) warn("workers");
}

// -- lists ---------------------------------------------------------------------------------------------

io::Task<> Reloading::watch_lists() {
  for (;;) {
    try {
      co_await io::sleep_for(kLook);
      co_await look_at_lists();
    } catch (const std::bad_alloc&) {
      // Then by the next look.
    }
  }
}

io::Task<> Reloading::look_at_lists() {
  auto lists = std::make_shared<NewLists>(gateway_.settings());
  if (lists->before->list_files.empty()) co_return;
  if (!co_await reader_.run([lists] { return lists->look(); })) co_return;
  if (changes_.are_due(lists->before->list_files, lists->now)) co_await renew_lists(std::move(lists));
}

io::Task<> Reloading::renew_lists(std::shared_ptr<NewLists> lists) {
  const auto result = co_await reader_.run([lists] { return lists->read(); });
  if (result || result.error().code == Errc::invalid)
    changes_.tried(lists->now);                         // else: no memory, by the next look
  if (gateway_.settings() != lists->before) co_return;  // SIGHUP came meanwhile, and read them too
  for (const auto& one : lists->diagnostics.all())
    if (lists->is_news(one)) note(events_, options_.log_format, one);
  if (result) gateway_.renew_lists(lists->settings);
  store::Event event("lists");
  event.flag("ok", result.has_value())
      .text("files", changed(lists->before->list_files, lists->now.lists))
      .text("detail", result ? "" : result.error().detail);
  events_.write(event);
}

}  // namespace sallyport::proxy
