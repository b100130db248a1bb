#include "proxy/serve.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <new>

#include "base/faults.h"
#include "base/io/event_loop.h"
#include "base/needed_memory.h"
#include "proxy/exit_status.h"
#include "proxy/gateway.h"
#include "proxy/machine_lint.h"
#include "proxy/reloading.h"
#include "proxy/session_tests.h"
#include "proxy/settings.h"
#include "proxy/trimming.h"
#include "proxy/watchdog.h"

namespace sallyport::proxy {
namespace {

int complain(const Error& error, int status) {
  fmt::print(stderr, "sallyport: {}\n", error.detail);
  return status;
}

std::shared_ptr<const Settings> load_or_complain(const std::string& directory) {
  config::Diagnostics diagnostics;
  auto settings = load(directory, {}, diagnostics);
  // Mail must flow after a power cut: what was meant otherwise is told, and no reason not to start.
  if (settings) run_session_tests(directory, settings, diagnostics);
  if (!diagnostics.all().empty()) fmt::print(stderr, "{}\n", diagnostics.to_string());
  if (settings && diagnostics.has_errors())
    fmt::print(
        stderr,
        "sallyport: starts all the same, for mail must flow; a reload is refused until the sessions of "
        "*.test.json end as stated\n");
  return settings;
}

Gateway::PassedSockets passed_sockets() {
  Gateway::PassedSockets sockets;
  char** names = nullptr;
  int count = sd_listen_fds_with_names(1, &names);
  for (int i = 0; i < count; ++i) {
    sockets.emplace(names[i], SD_LISTEN_FDS_START + i);
    std::free(names[i]);
  }
  std::free(names);
  return sockets;
}

io::Task<> obey_signals(io::SignalSet& signals, Reloading& reloading) {
  for (;;) {
    try {
      if (co_await signals.wait() != SIGHUP) co_return;
    } catch (const std::bad_alloc&) {
      continue;  // signals are kept between two waits
    }
    reloading.ask();
  }
}

}  // namespace

void open_standard_descriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor)
    if (fcntl(descriptor, F_GETFD) == -1) (void)!open("/dev/null", O_RDWR);
}

int serve(const ServeOptions& options) {
  open_standard_descriptors();
  wait_for_needed_memory();
  io::ignore_sigpipe();
  std::signal(SIGXFSZ, SIG_IGN);  // a file too large for the system is an error of write(), not our end
  auto settings = load_or_complain(options.directory);
  if (!settings) return EX_CONFIG;
  if (auto fit = usable(*settings); !fit) return complain(fit.error(), EX_CANTCREAT);

  store::EventLog events(STDOUT_FILENO, options.log_format, system_clock());
  if (!settings->events.directory.empty())
    events.keep_in(std::make_unique<store::EventStore>(settings->events, system_clock()));
  io::TaskGroup care([&events](std::string_view task, std::string_view what) {
    events.note("error", fmt::format("{} ended by an exception: {}", task, what));
  });
  io::EventLoop loop;
  io::SignalSet signals(loop.executor(), {SIGHUP, SIGTERM, SIGINT, SIGQUIT});
  Gateway gateway(events, system_clock());
  if (auto started = gateway.start(std::move(settings), passed_sockets()); !started)
    return complain(started.error(), exit_status_of_start(started.error().code));
  Reloading reloading(options, gateway, events, loop.executor());
  if (geteuid() == 0) events.note("warning", "running as root: use a user of its own (docs/install.md)");
  sd_notify(0, "READY=1");
  care.spawn(loop.executor(), "watchdog", keep_watchdog(gateway, events));
  care.spawn(loop.executor(), "trimming", trim_memory(gateway));
  care.spawn(loop.executor(), "reload", reloading.obey());
  care.spawn(loop.executor(), "lists", reloading.watch_lists());
  loop.run(obey_signals(signals, reloading));
  sd_notify(0, "STOPPING=1");
  faults::crash_point("stop.signal");
  gateway.stop();
  events.write(store::Event("stop"));
  faults::crash_point("stop.recorded");
  events.flush(std::chrono::seconds(1));
  return EX_OK;
}

}  // namespace sallyport::proxy
