#include "proxy/serve.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "base/io/event_loop.h"
#include "base/store/message_buffer.h"
#include "proxy/gateway.h"
#include "proxy/settings.h"

namespace sallyport::proxy {
namespace {

int exit_status(Errc code) {
  switch (code) {
    case Errc::refused:
      return EX_UNAVAILABLE;
    case Errc::no_space:
    case Errc::io:
      return EX_OSERR;
    default:
      return EX_CANTCREAT;
  }
}

int complain(const Error& error, int status) {
  fmt::print(stderr, "sallyport: {}\n", error.detail);
  return status;
}

std::shared_ptr<const Settings> load_or_complain(const std::string& directory) {
  config::Diagnostics diagnostics;
  auto settings = load(directory, {}, diagnostics);
  if (!diagnostics.all().empty()) fmt::print(stderr, "{}\n", diagnostics.to_string());
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

void record_reload(store::EventLog& events, bool good, std::string_view detail) {
  store::Event event("reload");
  event.flag("ok", good).text("detail", detail);
  events.write(event);
}

// A bad file never replaces a good configuration (promise P10).
void reload(Gateway& gateway, const std::string& directory, store::EventLog& events) {
  config::Diagnostics diagnostics;
  auto settings = load(directory, {}, diagnostics);
  for (const auto& one : diagnostics.all())
    events.note(one.severity == config::Severity::error ? "error" : "warning", one.to_string());
  if (!settings) return record_reload(events, false, "the old configuration stays");
  auto reloaded = gateway.reload(std::move(settings));
  record_reload(events, reloaded.has_value(), reloaded ? "" : reloaded.error().detail);
}

void notify_reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
             static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000);
}

io::Task<> obey_signals(io::SignalSet& signals, Gateway& gateway, const std::string& directory,
                        store::EventLog& events) {
  while (co_await signals.wait() == SIGHUP) {
    notify_reloading();
    reload(gateway, directory, events);
    sd_notify(0, "READY=1");
  }
}

}  // namespace

void open_standard_descriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor)
    if (fcntl(descriptor, F_GETFD) == -1) (void)!open("/dev/null", O_RDWR);
}

int serve(const ServeOptions& options) {
  open_standard_descriptors();
  io::ignore_sigpipe();
  auto settings = load_or_complain(options.directory);
  if (!settings) return EX_CONFIG;
  if (auto usable = store::check_directory(settings->temp_directory); !usable)
    return complain(usable.error(), EX_CANTCREAT);

  store::EventLog events(STDOUT_FILENO, options.log_format, system_clock());
  io::EventLoop loop;
  io::SignalSet signals(loop.executor(), {SIGHUP, SIGTERM, SIGINT, SIGQUIT});
  Gateway gateway(events, system_clock());
  if (auto started = gateway.start(std::move(settings), passed_sockets()); !started)
    return complain(started.error(), exit_status(started.error().code));
  if (geteuid() == 0) events.note("warning", "running as root: use a user of its own (docs/install.md)");
  sd_notify(0, "READY=1");
  loop.run(obey_signals(signals, gateway, options.directory, events));
  sd_notify(0, "STOPPING=1");
  gateway.stop();
  events.write(store::Event("stop"));
  events.flush(std::chrono::seconds(1));
  return EX_OK;
}

}  // namespace sallyport::proxy
