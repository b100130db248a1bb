#include "proxy/relay/pool.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "proxy/relay/opening.h"

namespace sallyport::relay {
namespace {

bool fits(const void* wants, const Gift& gift) {
  return *static_cast<const HopSettings*>(wants) == static_cast<const Connection&>(gift).settings();
}

std::unique_ptr<Connection> as_connection(std::unique_ptr<Gift> gift) {
  return std::unique_ptr<Connection>(static_cast<Connection*>(gift.release()));
}

// Owns a core's idle connections and says QUIT to those whose time is over, or that another core needs
// more; ends with the last of them. A connection that is put back wakes it, but never puts off a look that
// is due: where routes are busy there is always one.
io::Task<> keep(std::shared_ptr<IdleConnections> idle) {
  auto look = TimePoint::max();
  while (!idle->empty()) {
    look = std::min(look, idle->next_look(std::chrono::steady_clock::now()));
    co_await idle->changed().wait(look);
    const auto now = std::chrono::steady_clock::now();
    if (now >= look) {
      idle->take_awaited();
      look = TimePoint::max();
    }
    while (auto expired = idle->take_expired(now)) co_await expired->quit();
  }
  idle->kept = false;
}

}  // namespace

std::shared_ptr<IdleConnections> Pool::idle_of(const io::Executor& executor) {
  const std::lock_guard lock(mutex_);
  for (const auto& core : cores_) {
    if (!core.idle.expired() && same_core(core.executor, executor)) return core.idle.lock();
  }
  return nullptr;
}

std::shared_ptr<IdleConnections> Pool::idle_or_new(const io::Executor& executor) {
  if (auto idle = idle_of(executor)) return idle;
  auto count = std::make_shared<std::atomic<std::size_t>>(0);
  auto idle = std::make_shared<IdleConnections>(executor, count);
  const std::lock_guard lock(mutex_);
  std::erase_if(cores_, [](const Core& core) { return core.idle.expired(); });
  cores_.push_back({executor, idle, std::move(count)});
  return idle;
}

io::Task<Pool::Opened> Pool::borrow(Order order, TimePoint deadline) {
  const auto host = environment_.hosts().of(order.settings.host);
  if (const auto idle = idle_of(co_await io::this_executor())) {
    if (order.fresh) idle->drop(order.settings);
    if (auto connection = idle->take(order.settings)) {
      connection->set_reused();
      co_return connection;
    }
  }
  if (host->shut(environment_.now()))
    co_return way_fault(Way::unreachable, "not tried: the host is down, and is asked every 5 s");
  std::unique_ptr<Connection> handed;
  auto permit = co_await admit(*host, order, deadline, handed);
  if (handed) co_return handed;
  if (!permit || environment_.now() >= deadline) co_return way_fault(Way::busy, "all connections in use");
  co_return co_await open(order, host, std::move(permit), deadline);
}

io::Task<Permit> Pool::admit(HostState& host, const Order& order, TimePoint deadline,
                             std::unique_ptr<Connection>& handed) {
  auto& permits = host.permits();
  if (auto permit = permits.try_take(order.limit)) co_return std::move(*permit);
  const auto executor = co_await io::this_executor();
  // Who wants a fresh one is handed no connection that somebody else has used: it may be as dead.
  auto place = permits.queue_up(executor, order.limit, order.fresh ? nullptr : &order.settings);
  if (!make_room_here(order.settings.host, executor) && !others_with_idle(executor).empty()) {
    const auto patient_until = std::min(deadline, std::chrono::steady_clock::now() + Permits::kGrace);
    if (!co_await place.wait_a_while(patient_until))
      shed_one(environment_.tasks(), order.settings.host, others_with_idle(executor));
  }
  co_await place.wait(deadline);
  if (auto gift = place.take_gift()) {
    handed = as_connection(std::move(gift));
    handed->set_reused();
  }
  co_return place.take_permit();
}

// By a connection with other settings: one with these would have been taken.
bool Pool::make_room_here(const Host& host, const io::Executor& own) {
  const auto idle = idle_of(own);
  return idle && idle->take_oldest(host);
}

std::vector<Pool::Core> Pool::others_with_idle(const io::Executor& own) {
  std::vector<Core> others;
  const std::lock_guard lock(mutex_);
  std::ranges::copy_if(cores_, std::back_inserter(others), [&](const Core& core) {
    return core.count->load(std::memory_order_relaxed) != 0 && !same_core(core.executor, own);
  });
  return others;
}

// Core after core, until one has an idle connection to give up: one who waits needs no more.
void Pool::shed_one(io::TaskGroup& tasks, const Host& host, std::vector<Core> cores) {
  while (!cores.empty() && cores.back().idle.expired()) cores.pop_back();
  if (cores.empty()) return;
  const auto executor = cores.back().executor;
  tasks.spawn(executor, "make room", shed_here(tasks, host, std::move(cores)));
}

// On the last of `cores`; destroying the connection passes its permit on.
io::Task<> Pool::shed_here(io::TaskGroup& tasks, Host host, std::vector<Core> cores) {
  if (const auto idle = cores.back().idle.lock()) {
    if (idle->take_oldest(host)) co_return;
  }
  cores.pop_back();
  shed_one(tasks, host, std::move(cores));
}

namespace {

// A try to connect must end in one of HostState's three ways, even if its task is torn down.
class Try {
 public:
  explicit Try(HostState& host) : host_(host) {}
  ~Try() {
    if (open_) host_.gave_up();
  }
  bool connected() { return end() && host_.connected(); }
  bool failed(TimePoint now) { return end() && host_.failed(now); }

 private:
  bool end() {
    open_ = false;
    return true;
  }
  HostState& host_;
  bool open_ = true;
};

}  // namespace

io::Task<Pool::Opened> Pool::open(const Order& order, std::shared_ptr<HostState> host, Permit permit,
                                  TimePoint deadline) {
  if (!host->may_connect(environment_.now())) {
    co_return way_fault(Way::unreachable, "not tried: the host is down, and is asked every 5 s");
  }
  Try attempt(*host);
  auto opened = co_await open_connection(environment_, order, std::move(permit), host, deadline);
  if (opened) {
    if (attempt.connected()) environment_.tell({"host_up", order.route, host->name(), "", ""});
    co_return opened;
  }
  const auto& fault = opened.error();
  // A host that says no is up, and time that the caller did not have says nothing about it.
  const bool no_host = fault.way == Way::unreachable || fault.way == Way::lost;
  if (!no_host && attempt.connected()) environment_.tell({"host_up", order.route, host->name(), "", ""});
  if (const auto now = environment_.now(); no_host && now < deadline && attempt.failed(now)) {
    environment_.tell({"host_down", order.route, host->name(), fault.detail, ""});
  }
  environment_.tell_fault(*host, order.route, fault);
  co_return opened;
}

io::Task<> Pool::hand_back(std::unique_ptr<Connection> connection, std::chrono::milliseconds timeout) {
  if (!connection->in_step()) co_return;
  const auto executor = co_await io::this_executor();
  const auto host = connection->host();
  auto& permits = host->permits();
  if (permits.turn_of_another(executor)) co_return;
  connection = as_connection(permits.hand_over(executor, std::move(connection), fits));
  if (!connection || permits.awaited_on(executor)) co_return;
  const auto idle = idle_or_new(executor);
  idle->put(std::move(connection), environment_.now() + timeout);
  if (!std::exchange(idle->kept, true))
    environment_.tasks().spawn(executor, "idle connections", keep(idle));
}

io::Task<> Pool::close_idle() {
  const auto idle = idle_of(co_await io::this_executor());
  if (!idle) co_return;
  while (auto connection = idle->take_any()) co_await connection->quit();
  idle->changed().notify();
}

}  // namespace sallyport::relay
