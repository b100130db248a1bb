// Listening sockets that survive every errno.
//
// accept() failures never end the loop: out of descriptors or memory it backs off (100 to 500 ms) and
// tells the observer once per episode; the rest it retries, in the end at the same pace. A reserve of
// descriptors is kept for next hops, DNS and logs: accepting stops first.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/io/stream.h"
#include "base/io/task.h"

namespace sallyport::io {

class Listener {
 public:
  // Binds and listens. Errors: refused (in use: another instance?), unreachable (not an address of
  // this machine), io. A second instance on the same port fails to bind: no SO_REUSEPORT. "[::]" takes
  // IPv4 too, and IPv4 alone on a machine without IPv6.
  static Result<std::unique_ptr<Listener>> bind(const Executor& executor, const Endpoint& endpoint);
  // Takes over a listening socket that systemd passed (sd_listen_fds). Error: invalid.
  static Result<std::unique_ptr<Listener>> adopt(const Executor& executor, int descriptor);
  virtual ~Listener() = default;
  virtual Endpoint local() const = 0;

  // Given each new connection, already placed on the executor that `place` chose for its peer.
  // Both run on the listener's thread: on_connection spawns, it never waits.
  using Place = std::function<Executor(const Endpoint& peer)>;
  using OnConnection = std::function<void(std::unique_ptr<Stream>, const Executor&)>;
  using OnTrouble = std::function<void(const Error&)>;  // once per episode
  virtual Task<> run(Place place, OnConnection on_connection, OnTrouble on_trouble) = 0;
  virtual void close() = 0;  // run() returns; usable from the listener's own thread
};

}  // namespace sallyport::io
