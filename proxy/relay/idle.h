// The idle connections of one core, most recently used last.
//
// Thread rule: its own core only.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "proxy/relay/connection.h"

namespace sallyport::relay {

class IdleConnections {
 public:
  // How many there are, for other cores to read.
  using Count = std::shared_ptr<std::atomic<std::size_t>>;
  IdleConnections(const io::Executor& executor, Count count)
      : count_(std::move(count)), changed_(executor) {}

  void put(std::unique_ptr<Connection> connection, TimePoint expires);
  // One with these settings that still stands; those found dead on the way are dropped.
  std::unique_ptr<Connection> take(const HopSettings& settings);
  // Drops those with these settings: one of them has been found dead behind its back.
  void drop(const HopSettings& settings);
  // The one to this host that has been idle longest, to make room.
  std::unique_ptr<Connection> take_oldest(const Host& host);
  std::unique_ptr<Connection> take_expired(TimePoint now);
  // One whose host somebody waits for: it must be on another core.
  std::unique_ptr<Connection> take_awaited();
  std::unique_ptr<Connection> take_any();

  bool empty() const { return idle_.empty(); }
  // When the next one expires, or may be wanted elsewhere.
  TimePoint next_look(TimePoint now) const;
  io::Signal& changed() { return changed_; }
  bool kept = false;  // a task sees to it that they expire

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    TimePoint expires;
  };
  template <class Matches>
  std::unique_ptr<Connection> take_if(Matches matches);
  void counted() { count_->store(idle_.size(), std::memory_order_relaxed); }

  Count count_;
  std::vector<Idle> idle_;  // bounded by the hosts' limits: each holds a permit
  io::Signal changed_;
};

}  // namespace sallyport::relay
