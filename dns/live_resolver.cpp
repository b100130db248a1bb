#include "dns/live_resolver.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "base/io/await.h"
#include "base/needed_memory.h"
#include "dns/datagrams.h"
#include "dns/resolv_conf.h"
#include "dns/upstream.h"

namespace sallyport::dns {
namespace {

// An answer that is lost, or a server that is dead, is noticed long before the time that a slow one may
// take is over: a list's own time must hold a second try.
constexpr int kAskedAnew = 4;
constexpr int kServersAreDead = 5;
constexpr auto kBetweenWarnings = std::chrono::minutes(1);
const Endpoint kLocal{IpAddress::v4(0x7f000001), 53};  // resolv.conf(5): if no server is named

AnswerPtr failure(const Question& question, Status status) {
  return std::make_shared<Answer>(answer_without_records(status, question.name));
}

// Who waits for an answer, on its own core.
struct Waiter {
  explicit Waiter(const io::Executor& core) : patience(core) {}
  void hear(AnswerPtr said) {
    answer = std::move(said);
    patience.cancel();
  }
  io::SteadyTimer patience;
  AnswerPtr answer;
};

using WaiterPtr = std::shared_ptr<Waiter>;

void wake(WaiterPtr waiter, AnswerPtr answer) {
  const io::Executor executor = waiter->patience.get_executor();
  if (executor.running_in_this_thread()) return waiter->hear(std::move(answer));
  boost::asio::post(executor,
                    [waiter = std::move(waiter), answer = std::move(answer)] { waiter->hear(answer); });
}

struct Core {
  io::Executor executor;
  std::shared_ptr<Upstream> upstream;           // touched on the core's own thread
  unsigned generation = 0;                      // of the servers it was made for
  std::vector<std::weak_ptr<Upstream>> former;  // with questions in flight

  void abandon() {
    upstream->abandon();
    for (const auto& one : former)
      if (const auto held = one.lock()) held->abandon();
  }
};

}  // namespace

struct LiveResolver::Impl {
  Impl(LiveSettings given, const Clock& time, OnNews news)
      : settings(std::move(given)),
        resolv_conf(settings.resolv_conf),
        clock(time),
        on_news(std::move(news)),
        cache(settings.cache_bytes, time) {
    servers = settings.servers;
    refresh_servers();
  }

  // Under the lock. True: there are others now, and what those before have said is to be forgotten.
  bool refresh_servers() {
    const bool changed = settings.servers.empty() && resolv_conf.refresh(clock.now(), servers);
    if (servers.empty()) servers = {kLocal};
    if (!changed) return false;
    ++generation;
    flights.clear();
    return true;
  }

  // First the answers: whoever looks up by the new epoch finds none of before.
  void forget() {
    cache.clear();
    ++epoch;
  }

  Result<> connect(Core& core);
  std::shared_ptr<Upstream> upstream(const io::Executor& executor);
  struct Flight;
  using FlightPtr = std::shared_ptr<Flight>;
  void start(const FlightPtr& flight, const io::Executor& executor);
  void warn_of_forger(const Endpoint& server);
  void watch_servers(Status status);
  void land(Flight& flight, const AnswerPtr& answer, bool kept);

  struct ByQuestion {
    using is_transparent = void;
    std::size_t operator()(const Question& question) const { return std::hash<Question>{}(question); }
    std::size_t operator()(const FlightPtr& flight) const;
  };
  struct SameQuestion {
    using is_transparent = void;
    bool operator()(const FlightPtr& flight, const FlightPtr& other) const;
    bool operator()(const Question& question, const FlightPtr& flight) const;
    bool operator()(const FlightPtr& flight, const Question& question) const;
  };

  std::mutex mutex;  // of the following; held for moments, never while a cache shard's is wanted twice
  LiveSettings settings;
  ResolvConf resolv_conf;
  std::vector<Endpoint> servers;
  unsigned generation = 1;
  std::vector<std::shared_ptr<Core>> cores;
  std::unordered_set<FlightPtr, ByQuestion, SameQuestion> flights;  // asked of the servers of now
  TimePoint next_warning = TimePoint::min();

  const Clock& clock;
  OnNews on_news;
  Cache cache;
  std::atomic<std::uint64_t> asked = 0, hits = 0, shared = 0, failed = 0;
  std::atomic<unsigned> epoch = 0;
  std::atomic<int> unanswered = 0;  // questions in a row
};

// A question, and all who wait for its answer. It goes on when they have given up: the next ones find the
// answer in the cache.
struct LiveResolver::Impl::Flight : Upstream::Flight {
  Flight(Impl& by, Question question) : Upstream::Flight(std::move(question)), impl(by) {}
  void landed(Answer answer) override {
    impl.watch_servers(answer.status);
    answer.until = impl.clock.now() + lifetime(answer);
    impl.land(*this, std::make_shared<Answer>(std::move(answer)), true);
  }

  Impl& impl;
  std::vector<WaiterPtr> waiters;  // under the lock
};

std::size_t LiveResolver::Impl::ByQuestion::operator()(const FlightPtr& flight) const {
  return (*this)(flight->asked);
}
bool LiveResolver::Impl::SameQuestion::operator()(const FlightPtr& flight, const FlightPtr& other) const {
  return flight->asked == other->asked;
}
bool LiveResolver::Impl::SameQuestion::operator()(const Question& question, const FlightPtr& flight) const {
  return question == flight->asked;
}
bool LiveResolver::Impl::SameQuestion::operator()(const FlightPtr& flight, const Question& question) const {
  return flight->asked == question;
}

Result<> LiveResolver::Impl::connect(Core& core) {
  std::vector<Endpoint> now;
  Duration timeout;
  int tries = 0;
  unsigned made_for = 0;
  bool changed = false;
  {
    const std::lock_guard lock(mutex);
    changed = refresh_servers();
    if (core.generation == generation) return {};
    now = servers;
    timeout = settings.timeout / kAskedAnew;
    tries = settings.tries * kAskedAnew / 2;
    made_for = generation;
  }
  if (changed) forget();
  auto opened = Upstream::open(core.executor, clock, now, timeout, tries,
                               [this](const Endpoint& server) { warn_of_forger(server); });
  if (!opened) return std::move(opened.error());
  std::erase_if(core.former, [](const auto& one) { return one.expired(); });
  if (core.upstream) core.former.push_back(core.upstream);
  core.upstream = std::move(*opened);
  core.generation = made_for;
  return {};
}

std::shared_ptr<Upstream> LiveResolver::Impl::upstream(const io::Executor& executor) {
  std::shared_ptr<Core> core;
  {
    const std::lock_guard lock(mutex);
    const auto found =
        std::ranges::find(cores, executor, [](const auto& known) { return known->executor; });
    if (found != cores.end()) core = *found;
  }
  if (!core) return nullptr;
  const auto connected = connect(*core);  // if it fails the old servers serve on
  return core->upstream;
}

void LiveResolver::Impl::start(const FlightPtr& flight, const io::Executor& executor) {
  const NeededMemory needed;  // whoever has a flight in the table starts it
  const auto servers_here = upstream(executor);
  if (!servers_here) return land(*flight, failure(flight->asked, Status::timeout), false);
  asked.fetch_add(1, std::memory_order_relaxed);
  servers_here->ask(flight);
}

// One question without an answer is its domain's affair; several in a row are ours.
void LiveResolver::Impl::watch_servers(Status status) {
  if (status != Status::timeout && status != Status::unreachable && status != Status::refused) {
    if (unanswered.load(std::memory_order_relaxed) == 0) return;
    if (unanswered.exchange(0) >= kServersAreDead) on_news("info", "the DNS servers answer again");
    return;
  }
  if (++unanswered != kServersAreDead) return;
  std::string names;
  {
    const std::lock_guard lock(mutex);
    for (const Endpoint& server : servers) names += (names.empty() ? "" : ", ") + server.to_string();
  }
  on_news(
      "error",
      fmt::format("no DNS server answers us ({}): strangers are looked up in vain, and deferred", names));
}

// The question is not told: it may be of a list whose zone is secret.
void LiveResolver::Impl::warn_of_forger(const Endpoint& server) {
  {
    const std::lock_guard lock(mutex);
    if (clock.now() < next_warning) return;
    next_warning = clock.now() + kBetweenWarnings;
  }
  on_news("warning",
          fmt::format("somebody forges DNS answers of {}: {} with wrong ids came for a question, which was "
                      "then asked by TCP. Is that server reached by ways that others can write to?",
                      server.to_string(), Datagrams::kMostForged));
}

// An answer of servers that are no longer asked is for those who wait for it alone.
void LiveResolver::Impl::land(Flight& flight, const AnswerPtr& answer, bool kept) {
  const bool temporary = is_temporary(answer->status);
  if (temporary) failed.fetch_add(1, std::memory_order_relaxed);
  std::vector<WaiterPtr> waiters;
  {
    const std::lock_guard lock(mutex);
    waiters = std::move(flight.waiters);
    const auto place = flights.find(flight.asked);
    const bool of_now = place != flights.end() && place->get() == &flight;
    // A failure outdates no knowledge.
    if (of_now && kept && (!temporary || !cache.find(flight.asked))) cache.put(flight.asked, answer);
    if (of_now) flights.erase(place);
  }
  for (WaiterPtr& waiter : waiters) wake(std::move(waiter), answer);
}

LiveResolver::LiveResolver(LiveSettings settings, const Clock& clock, OnNews on_news)
    : impl_(std::make_unique<Impl>(std::move(settings), clock, std::move(on_news))) {}
LiveResolver::~LiveResolver() = default;

Result<> LiveResolver::attach(const io::Executor& core) {
  auto made = std::make_shared<Core>(Core{core, nullptr, 0, {}});
  auto connected = impl_->connect(*made);
  if (!connected) return connected;
  const std::lock_guard lock(impl_->mutex);
  impl_->cores.push_back(std::move(made));
  return {};
}

void LiveResolver::detach(const io::Executor& core) {
  std::shared_ptr<Core> gone;
  {
    const std::lock_guard lock(impl_->mutex);
    const auto found =
        std::ranges::find(impl_->cores, core, [](const auto& known) { return known->executor; });
    if (found == impl_->cores.end()) return;
    gone = std::move(*found);
    impl_->cores.erase(found);
  }
  gone->abandon();
}

void LiveResolver::reload(LiveSettings settings) {
  bool changed = false;
  {
    const std::lock_guard lock(impl_->mutex);
    const std::vector<Endpoint> before = impl_->servers;
    if (settings.resolv_conf != impl_->settings.resolv_conf ||
        settings.servers != impl_->settings.servers) {
      impl_->resolv_conf = ResolvConf(settings.resolv_conf);
      impl_->servers = settings.servers;
    }
    impl_->settings = std::move(settings);
    ++impl_->generation;
    impl_->refresh_servers();
    changed = impl_->servers != before;
    if (changed) impl_->flights.clear();
  }
  if (changed) impl_->forget();
}

unsigned LiveResolver::epoch() const { return impl_->epoch.load(); }

AnswerPtr LiveResolver::at_hand(const Question& question) {
  AnswerPtr answer = impl_->cache.find(question);
  if (answer) impl_->hits.fetch_add(1, std::memory_order_relaxed);
  return answer;
}

io::Task<AnswerPtr> LiveResolver::ask(Question question, Asking asking) {
  const io::Executor executor = co_await boost::asio::this_coro::executor;  // not a task of its own
  WaiterPtr waiter;
  Impl::FlightPtr flight;
  bool first = false;
  {
    const NeededMemory needed;  // until the flight is started
    const std::lock_guard lock(impl_->mutex);
    // Under the lock: a flight that has just landed is not in the table, but in the cache.
    if (!asking.fresh)
      if (AnswerPtr answer = at_hand(question)) co_return answer;
    if (impl_->clock.now() >= asking.deadline) co_return failure(question, Status::timeout);
    const auto place = impl_->flights.find(question);
    first = place == impl_->flights.end();
    if (first && impl_->flights.size() >= static_cast<std::size_t>(impl_->settings.max_in_flight))
      co_return failure(question, Status::exhausted);
    flight = first ? std::make_shared<Impl::Flight>(*impl_, std::move(question)) : *place;
    if (first) impl_->flights.insert(flight);
    waiter = flight->waiters.emplace_back(std::make_shared<Waiter>(executor));
  }
  if (first)
    impl_->start(flight, executor);
  else
    impl_->shared.fetch_add(1, std::memory_order_relaxed);
  if (!waiter->answer) {
    waiter->patience.expires_at(asking.deadline);
    co_await waiter->patience.async_wait(io::kAwait);
  }
  co_return waiter->answer ? waiter->answer : failure(flight->asked, Status::timeout);
}

LiveResolver::Counts LiveResolver::counts() const {
  const MemorySize size = impl_->cache.size();
  return {impl_->asked, impl_->hits, impl_->shared, impl_->failed, size.bytes, size.entries};
}

}  // namespace sallyport::dns
