// The gateway's side of the control socket: a thread that answers one client at a time.
//
// Only root and the gateway's own user are heard: the socket has mode 0600, and whoever connects is asked
// of the kernel. A client that has not said its request within 5 seconds is left, earlier where many are as
// silent, and holds nobody up meanwhile; so is one that does not read for 5 seconds. Destroying it
// ends the thread, also in the midst of an answer; a command that waits for the disk is waited for.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/io/local_socket.h"
#include "proxy/control.h"

namespace sallyport::proxy {

class ControlServer {
 public:
  using OnTrouble = std::function<void(std::string_view what)>;

  // `control` outlives it. The caller holds the lock of the state at whose side `path` is.
  static Result<std::unique_ptr<ControlServer>> open(const std::string& path, const Control& control,
                                                     OnTrouble on_trouble);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  ControlServer(io::LocalListener listener, const Control& control, OnTrouble on_trouble);
  void serve();
  void serve_one(io::LocalListener::Asked asked) const;

  io::LocalListener listener_;
  const Control& control_;
  OnTrouble on_trouble_;
  std::thread thread_;  // last: it uses all the rest
};

// Root, and whom the gateway runs as.
bool may_command(uid_t user);

}  // namespace sallyport::proxy
