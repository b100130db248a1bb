#include "proxy/reloading.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <ctime>
#include <new>

#include "base/config/document.h"
#include "base/faults.h"
#include "base/needed_memory.h"
#include "proxy/machine_lint.h"
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

void notify_reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
             static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000);
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

// Each on its own thread: nothing in it is anybody else's meanwhile.
struct Reloading::NewConfiguration {
  std::string directory;
  config::Diagnostics diagnostics{};
  std::shared_ptr<const Settings> settings{};

  Result<> read() {
    settings = load(directory, {}, diagnostics);
    if (settings) run_session_tests(directory, settings, diagnostics);
    faults::crash_point("reload.loaded");
    if (diagnostics.has_errors()) return fail(Errc::invalid, "the old configuration stays");
    if (auto fit = usable(*settings); !fit)
      return fail(fit.error().code, fit.error().detail + "; the old configuration stays");
    return {};
  }
};

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

Reloading::Reloading(const ServeOptions& options, Gateway& gateway, store::EventLog& events,
                     const io::Executor& loop)
    : options_(options), gateway_(gateway), events_(events), started_(gateway.settings()), asked_(loop) {}

// -- SIGHUP --------------------------------------------------------------------------------------------

io::Task<> Reloading::obey() {
  for (;;) {
    try {
      co_await asked_.wait(TimePoint::max());
    } catch (const std::bad_alloc&) {
      continue;  // what was asked is kept
    }
    notify_reloading();
    faults::crash_point("reload.signal");
    std::string failed;
    try {
      co_await run();
    } catch (const std::exception& error) {
      failed = error.what();
    }
    const NeededMemory needed;
    if (!failed.empty()) record_reload(events_, false, failed);
    sd_notify(0, "READY=1");
  }
}

io::Task<> Reloading::run() {
  auto configuration = std::make_shared<NewConfiguration>(options_.directory);
  auto result = co_await loader_.run([configuration] { return configuration->read(); });
  const NeededMemory needed;
  for (const auto& one : configuration->diagnostics.all()) note(events_, options_.log_format, one);
  if (result) result = adopt(configuration->settings);
  record_reload(events_, result.has_value(), result ? "" : result.error().detail);
  faults::crash_point("reload.done");
}

// A list that changed and was read by itself while all of this was read may be an older one here: what was
// tried of lists is forgotten, and the next look finds it.
Result<> Reloading::adopt(const std::shared_ptr<const Settings>& settings) {
  auto adopted = gateway_.reload(settings);
  if (!adopted) return adopted;
  changes_ = ListChanges();
  tell_what_needs_a_restart(*settings);
  return adopted;
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
  if (gateway_.settings() != lists->before)
    co_return;  // SIGHUP came meanwhile: the next look is at its lists
  if (result || result.error().code == Errc::invalid)
    changes_.tried(lists->now);  // else: no memory, by the next look
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
