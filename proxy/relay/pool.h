// Connections to next hops, kept open between messages.
//
// A connection belongs to the core that opened it and is lent to one task at a time. What is handed back
// in step with the next hop waits, idle, for the next task with the same settings on the same core, at
// most for the idle timeout. Each host has a limit over all cores: who comes when it is reached waits in
// turn, and gets a connection of its own core that is handed back. Where another core keeps connections
// idle, or its turns come sooner, one of those is closed after some milliseconds to make room.
//
// Idle connections are owned by a task on their core, so they go before its event loop does.
// Thread rule: every function from every core.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "proxy/relay/connection.h"
#include "proxy/relay/environment.h"
#include "proxy/relay/idle.h"
#include "proxy/relay/way.h"

namespace sallyport::relay {

class Pool {
 public:
  explicit Pool(Environment& environment) : environment_(environment) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  struct Order {
    HopSettings settings;
    HopTimeouts timeouts;
    int limit = 1;       // connections to this host, all cores together
    bool fresh = false;  // not one that was idle
    std::string route;   // for Trouble
  };

  io::Task<WayResult<std::unique_ptr<Connection>>> borrow(Order order, TimePoint deadline);

  // A connection that is not in step is closed; so is one that is just destroyed instead.
  io::Task<> hand_back(std::unique_ptr<Connection> connection, std::chrono::milliseconds idle);

  io::Task<> close_idle();  // of the calling core

 private:
  using Opened = WayResult<std::unique_ptr<Connection>>;
  // A core that has, or lately had, idle connections.
  struct Core {
    io::Executor executor;
    std::weak_ptr<IdleConnections> idle;  // locked on that core only
    IdleConnections::Count count;
  };

  std::shared_ptr<IdleConnections> idle_of(const io::Executor& executor);
  std::shared_ptr<IdleConnections> idle_or_new(const io::Executor& executor);
  io::Task<Permit> admit(HostState& host, const Order& order, TimePoint deadline,
                         std::unique_ptr<Connection>& handed);
  bool make_room_here(const Host& host, const io::Executor& own);
  // Those of the other cores that have idle connections.
  std::vector<Core> others_with_idle(const io::Executor& own);
  static void shed_one(io::TaskGroup& tasks, const Host& host, std::vector<Core> cores);
  static io::Task<> shed_here(io::TaskGroup& tasks, Host host, std::vector<Core> cores);
  io::Task<Opened> open(const Order& order, std::shared_ptr<HostState> host, Permit permit,
                        TimePoint deadline);

  Environment& environment_;
  std::mutex mutex_;
  std::vector<Core> cores_;
};

}  // namespace sallyport::relay
