// What all parts of a Relay share: the services given to it, who we are, and the hosts.
//
// Thread rule: every function from every core.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/relay/host_state.h"
#include "proxy/relay/relay.h"
#include "proxy/relay/way.h"

namespace sallyport::relay {

// Our own name and addresses: a next hop that has them is a loop.
struct Ourselves {
  std::string hostname;
  std::vector<Endpoint> listeners;

  bool greets_as_us(std::string_view reply_line) const;
  // A listener that `to` would reach, as far as it can be told without connecting.
  bool listens_at(const Endpoint& to) const;
  // Told by the connected socket: both ends have one address, and a listener of ours has the port.
  bool joined(const Endpoint& local, const Endpoint& peer) const;
};

class Environment {
 public:
  explicit Environment(RelayServices services) : services_(std::move(services)), hosts_(services_.tasks) {}

  const Clock& clock() const { return services_.clock; }
  TimePoint now() const { return services_.clock.now(); }
  io::TaskGroup& tasks() const { return services_.tasks; }
  store::StateStore& state() const { return services_.state; }
  HostTable& hosts() { return hosts_; }

  std::shared_ptr<const Ourselves> ourselves() const;
  void set_ourselves(Ourselves ourselves);

  void tell(const Trouble& trouble) const;
  // The same, but each kind at most once a minute for a host.
  void tell_now_and_then(HostState& host, const Trouble& trouble) const;
  // What of a fault the admin must know, now and then.
  void tell_fault(HostState& host, const std::string& route, const WayFault& fault) const;

 private:
  RelayServices services_;
  HostTable hosts_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Ourselves> ourselves_ = std::make_shared<const Ourselves>();
};

}  // namespace sallyport::relay
