// What is known of a next hop's host, by all cores: whether it is worth connecting to, how many
// connections it may still get, and what the admin has been told of it lately.
//
// After three failed connects in a row the host is left alone but for one probe every 5 s: a connect costs
// it nothing, and mail must not wait for a server that is back. Thread rule: every function from every
// core.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "proxy/relay/capabilities.h"
#include "proxy/relay/permits.h"
#include "proxy/relay/route.h"

namespace sallyport::relay {

class HostState {
 public:
  HostState(std::string name, io::TaskGroup& tasks)
      : name_(std::move(name)),
        permits_(std::make_shared<Permits>(tasks)),
        asking_(std::make_shared<Permits>(tasks)) {}

  const std::string& name() const { return name_; }
  Permits& permits() { return *permits_; }
  // Questions about recipients: fewer than connections, so that a flood of them never starves deliveries.
  Permits& asking() { return *asking_; }

  // Whether a connect may be tried. True makes the caller owe one of the three below, in the time after
  // failures as the only one.
  bool may_connect(TimePoint now);
  bool connected();            // true: it was down and is up again
  bool failed(TimePoint now);  // true: it is down from now on
  void gave_up();              // the try ended without telling anything about the host
  bool shut(TimePoint now) const;

  // What it offered when a connection was last opened; nothing before the first.
  std::optional<HopCapabilities> capabilities() const;
  void offered(const HopCapabilities& capabilities);

  // At most once a minute for each kind of trouble; the rest is not worth a line.
  bool worth_telling(const std::string& kind, TimePoint now);

 private:
  std::string name_;
  std::shared_ptr<Permits> permits_;
  std::shared_ptr<Permits> asking_;
  mutable std::mutex mutex_;
  int failures_ = 0;
  bool probing_ = false;
  TimePoint shut_until_{};
  std::map<std::string, TimePoint> told_;
  std::optional<HopCapabilities> capabilities_;
};

// The hosts of all routes of all configurations so far.
class HostTable {
 public:
  explicit HostTable(io::TaskGroup& tasks) : tasks_(tasks) {}
  std::shared_ptr<HostState> of(const Host& host);

 private:
  io::TaskGroup& tasks_;
  std::mutex mutex_;
  std::map<Host, std::shared_ptr<HostState>> hosts_;
};

}  // namespace sallyport::relay
