// The running gateway: cores, listeners, sessions, reload, and the way down.
//
// All functions are called from the one thread that runs the program (serve, demo).
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/store/in_flight.h"
#include "base/store/state_store.h"
#include "proxy/control_server.h"
#include "proxy/cores.h"
#include "proxy/listeners.h"
#include "proxy/services.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

class Gateway {
 public:
  using PassedSockets = Listeners::PassedSockets;

  // `resolver` is asked instead of DNS servers (the demo's); it outlives the gateway.
  Gateway(store::EventLog& events, const Clock& clock, dns::Resolver* resolver = nullptr);
  ~Gateway();

  // Errors: refused (address in use, state in use by another instance), io. Nothing runs then.
  Result<> start(std::shared_ptr<const Settings> settings, const PassedSockets& passed = {});
  // New sessions use the new settings. Listeners are opened and closed as they changed; if one cannot be
  // opened nothing changes and the error says why.
  Result<> reload(std::shared_ptr<const Settings> settings);
  // Lists have changed and nothing else: all sessions use them from their next mail on.
  void renew_lists(std::shared_ptr<const Settings> settings);
  std::shared_ptr<const Settings> settings() const;  // what new sessions use
  // Closes the listeners, lets running messages finish for timeouts.drain at most, ends the rest.
  void stop();

  std::vector<std::pair<std::string, Endpoint>> listening() const { return listeners_.listening(); }
  int sessions() const { return limits_.sessions(); }
  bool crowd_has_gone() { return limits_.crowd_has_gone(); }  // see SessionLimits
  // A core that has not answered since the last call, if there is one; asks all others again.
  std::optional<int> silent_core() { return cores_.silent(tasks_); }

 private:
  // What a new session gets: settings, and the lists that they name.
  struct Running {
    std::shared_ptr<const Settings> settings;
    std::shared_ptr<dns::ListWatch> lists;
  };

  void on_connection(const Listeners::Open& listener, std::unique_ptr<io::Stream> stream,
                     const io::Executor& executor);
  Result<> open_state(const std::string& file);
  void open_register(const std::string& file);
  void open_control(const std::string& file);
  Result<> attach_resolver();
  void adopt(std::shared_ptr<const Settings> settings);
  dns::OnNews dns_news();
  std::shared_ptr<dns::ListWatch> watched(const Settings& settings);
  void learn(Duration at_most);
  void announce() const;
  void on_every_core(const char* name, io::Task<> (*task)(Gateway*, Cores::Core*));
  bool wait_until_empty(TimePoint deadline) const;
  Running running() const;

  const Clock& clock_;
  store::EventLog& events_;
  io::TaskGroup tasks_;
  io::WorkerPool files_;
  io::WorkerPool passwords_;
  SessionLimits limits_;
  KnownGood known_good_;
  FactMemory facts_;
  std::unique_ptr<store::StateStore> state_;
  std::unique_ptr<SenderBook> senders_;
  std::optional<Greylist> greylist_;
  std::optional<Rates> rates_;
  std::optional<Penalties> penalties_;
  std::unique_ptr<store::InFlight> in_flight_;
  std::unique_ptr<relay::Relay> relay_;
  std::unique_ptr<dns::LiveResolver> resolver_;
  dns::Resolver* asked_;  // that one, or another in its place
  std::unique_ptr<Services> services_;
  Control control_;
  std::unique_ptr<ControlServer> control_server_;

  mutable std::mutex settings_mutex_;
  Running running_;
  Listeners listeners_;
  Cores cores_;  // last: their loops destroy tasks that use all the rest
};

}  // namespace sallyport::proxy
