// The listening sockets of a gateway, which all live on its first core, and how they change with the
// settings: one that stays in its place stays open. Used by the one thread that runs the program.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/io/acceptor.h"
#include "base/store/event_log.h"
#include "proxy/cores.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

class Listeners {
 public:
  // A listening socket that systemd passed, by the name in FileDescriptorName=.
  using PassedSockets = std::multimap<std::string, int>;

  struct Open {
    std::string name;
    Endpoint wanted;  // as configured: port 0 asks the system for one
    std::unique_ptr<io::Listener> listener;

    // By address: a reload may have given it another name. Null: these settings have it no more.
    const ListenerSettings* settings_in(const Settings& settings) const;
  };

  // On the first core.
  using OnConnection =
      std::function<void(const Open&, std::unique_ptr<io::Stream>, const io::Executor& placed)>;

  Listeners(Cores& cores, io::TaskGroup& tasks, store::EventLog& events, OnConnection on_connection);

  // Opens what these settings name and is not open yet; an error changes nothing. Then settle(): accepts on
  // what was opened, and closes what is named no more.
  Result<> open(const Settings& settings, PassedSockets passed = {});
  void settle();
  void close();

  std::vector<std::pair<std::string, Endpoint>> listening() const;

 private:
  using OpenPtr = std::shared_ptr<Open>;

  Result<OpenPtr> open_one(const ListenerSettings& listener, const Endpoint& endpoint,
                           PassedSockets& passed);
  OpenPtr find(const Endpoint& wanted) const;
  void accept_on(const OpenPtr& open);
  void close(const OpenPtr& open);

  Cores& cores_;
  io::TaskGroup& tasks_;
  store::EventLog& events_;
  OnConnection on_connection_;
  std::vector<OpenPtr> open_;
  std::vector<OpenPtr> accepting_;
};

}  // namespace sallyport::proxy
