// The idle connections of one core, most recently used last.
//
// Thread rule: its own core only.
#pragma once

#include <memory>
#include <vector>

#include "proxy/relay/connection.h"

namespace sallyport::relay {

class IdleConnections {
 public:
  explicit IdleConnections(const io::Executor& executor) : changed_(executor) {}

  void put(std::unique_ptr<Connection> connection, TimePoint expires);
  // One with these settings that still stands; those found dead on the way are dropped.
  std::unique_ptr<Connection> take(const HopSettings& settings);
  // Drops those with these settings: one of them has been found dead behind its back.
  void drop(const HopSettings& settings);
  // The one to this host that has been idle longest, to make room.
  std::unique_ptr<Connection> take_oldest(const Host& host);
  std::unique_ptr<Connection> take_expired(TimePoint now);
  std::unique_ptr<Connection> take_any();

  bool empty() const { return idle_.empty(); }
  TimePoint next_expiry() const;
  io::Signal& changed() { return changed_; }
  bool kept = false;  // a task sees to it that they expire

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    TimePoint expires;
  };
  template <class Matches>
  std::unique_ptr<Connection> take_if(Matches matches);

  std::vector<Idle> idle_;  // bounded by the hosts' limits: each holds a permit
  io::Signal changed_;
};

}  // namespace sallyport::relay
