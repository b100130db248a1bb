#include "proxy/watchdog.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <new>

#include "proxy/gateway.h"

namespace sallyport::proxy {
namespace {

constexpr int kQuestions = 4;  // in the time after which systemd ends us

std::string told(int core) {
  return fmt::format("core {} does not answer: without it there is no beat, and systemd's watchdog ends us",
                     core);
}

}  // namespace

io::Task<> keep_watchdog(Gateway& gateway, store::EventLog& events) {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) co_return;
  const Duration pause = std::chrono::microseconds(microseconds / kQuestions);
  std::optional<int> silent;
  for (;;) {
    const auto before = std::exchange(silent, gateway.silent_core());
    if (silent && silent != before) {
      events.note("error", told(*silent));
      sd_notifyf(0, "STATUS=core %d does not answer", *silent);
    }
    if (!silent && before) sd_notify(0, "STATUS=");
    if (!silent) sd_notify(0, "WATCHDOG=1");
    try {
      co_await io::sleep_for(pause);
    } catch (const std::bad_alloc&) {
      // No memory to wait in: the cores are asked at once.
    }
  }
}

}  // namespace sallyport::proxy
