#include "proxy/gateway.h"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <future>

#include "base/faults.h"
#include "base/needed_memory.h"
#include "proxy/control_commands.h"
#include "proxy/session.h"
#include "proxy/version.h"

namespace sallyport::proxy {
namespace {

constexpr int kFileThreads = 4;
constexpr int kPasswordThreads = 2;
constexpr std::size_t kMostFileWork = 4096;
constexpr std::size_t kMostPasswordWork = 64;

// What EHLO offers depends on the next hops; a first start waits this long for what they say.
constexpr Duration kLearnAtStart = std::chrono::seconds(1);
constexpr Duration kFarewell = std::chrono::milliseconds(500);

store::Event trouble_event(const relay::Trouble& trouble) {
  store::Event event(trouble.kind);
  event.text("id", trouble.id)
      .text("route", trouble.route)
      .text("host", trouble.host)
      .text("detail", trouble.detail);
  return event;
}

store::Event left_event(const store::InFlight::Left& left) {
  store::Event event(left.answered ? "ack_unconfirmed" : "ambiguous");
  event.text("id", left.id)
      .text("from", left.sender.empty() ? "<>" : left.sender)
      .text("route", left.route);
  event.text("detail", left.answered ? "the gateway ended before the client was known to have read our 250"
                                     : "the gateway ended before the next hop's answer was known");
  if (left.answered) event.flag("remembered", false);
  return event;
}

}  // namespace

struct Gateway::Core {
  SessionRegistry registry;
  std::atomic<bool> answered{true};
  io::EventLoop loop;
  std::thread thread;
};

struct Gateway::OpenListener {
  std::string name;
  Endpoint wanted;  // as configured: port 0 asks the system for one
  std::unique_ptr<io::Listener> listener;
};

Gateway::Gateway(store::EventLog& events, const Clock& clock, dns::Resolver* resolver)
    : clock_(clock),
      events_(events),
      tasks_([&events](std::string_view task, std::string_view what) {
        events.note("error", fmt::format("{} ended by an exception: {}", task, what));
      }),
      files_("files", kFileThreads, kMostFileWork),
      passwords_("passwords", kPasswordThreads, kMostPasswordWork),
      asked_(resolver) {}

Gateway::~Gateway() { stop(); }

// -- start ---------------------------------------------------------------------------------------------

Result<> Gateway::start(std::shared_ptr<const Settings> settings, const PassedSockets& passed) {
  if (auto opened = open_state(settings->state_file); !opened) return opened;
  open_register(settings->state_file);
  faults::crash_point("start.state");
  relay_ = std::make_unique<relay::Relay>(relay::RelayServices{
      clock_, tasks_, *state_,
      [this](const relay::Trouble& trouble) { events_.write(trouble_event(trouble)); }});
  resolver_ = std::make_unique<dns::LiveResolver>(settings->dns.live, clock_, dns_news());
  if (!asked_) asked_ = resolver_.get();
  services_ = std::make_unique<Services>(Services{clock_, events_, tasks_, files_, passwords_, *relay_,
                                                  *asked_, limits_, known_good_, facts_, *greylist_,
                                                  *in_flight_, *senders_, *rates_, *penalties_});
  start_cores(settings->workers);
  if (auto attached = attach_resolver(); !attached) return attached;
  auto listeners = open(*settings, passed);
  if (!listeners) return listeners.error();
  listeners_ = *listeners;
  faults::crash_point("start.listening");
  open_control(settings->state_file);
  adopt(std::move(settings));
  learn(kLearnAtStart);
  run(listeners_);
  announce();
  faults::crash_point("start.announced");
  return Result<>{};
}

Result<> Gateway::open_state(const std::string& file) {
  auto opened =
      store::StateStore::open(file, clock_, [this](std::string_view what) { events_.note("error", what); });
  if (!opened) return opened.error();
  state_ = std::move(*opened);
  senders_ = std::make_unique<SenderBook>(*state_, clock_);
  greylist_.emplace(*state_);
  rates_.emplace(*state_);
  penalties_.emplace(*state_);
  return Result<>{};
}

// What the process before this one could not say any more.
void Gateway::open_register(const std::string& file) {
  in_flight_ = store::InFlight::open(file.empty() ? "" : file + ".inflight",
                                     [this](std::string_view what) { events_.note("error", what); });
  const auto torn =
      in_flight_->take_left([this](const store::InFlight::Left& left) { events_.write(left_event(left)); });
  if (torn > 0) {
    events_.note("warning", fmt::format("{} messages were in flight when the gateway ended, and what was "
                                        "noted of them cannot be read: each may arrive twice",
                                        torn));
  }
}

// Without it mail flows all the same. A file of a killed process is in nobody's use: the state's lock is
// ours.
void Gateway::open_control(const std::string& file) {
  if (file.empty()) return;
  add_commands(control_, {*state_, clock_, *senders_, [this] {
                            const auto now = settings();
                            return now ? now->policy : nullptr;
                          }});
  const auto trouble = [this](std::string_view what) { events_.note("error", what); };
  auto opened = ControlServer::open(control_path(file), control_, trouble);
  if (!opened) return trouble("no control socket, so no commands: " + opened.error().detail);
  control_server_ = std::move(*opened);
}

void Gateway::start_cores(int count) {
  if (count <= 0) count = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  for (int i = 0; i < count; ++i) {
    cores_.push_back(std::make_unique<Core>());
    Core& core = *cores_.back();
    core.thread = std::thread([&core] { core.loop.run(); });
    pthread_setname_np(core.thread.native_handle(), fmt::format("core {}", i).c_str());
  }
}

namespace {

// Each core makes its own channels.
io::Task<> attach(dns::LiveResolver* resolver, std::shared_ptr<std::promise<Result<>>> done) {
  done->set_value(resolver->attach(co_await io::this_executor()));
}

io::Task<> keep_lists(std::shared_ptr<dns::ListWatch> lists, dns::Resolver* resolver) {
  co_await lists->keep(*resolver);
}

io::Task<> stop_lists(std::shared_ptr<dns::ListWatch> lists) {
  lists->stop();
  co_return;
}

}  // namespace

Result<> Gateway::attach_resolver() {
  for (auto& core : cores_) {
    auto done = std::make_shared<std::promise<Result<>>>();
    auto attached = done->get_future();
    tasks_.spawn(core->loop.executor(), "attach resolver", attach(resolver_.get(), done));
    if (auto result = attached.get(); !result) return result;
  }
  return Result<>{};
}

dns::OnNews Gateway::dns_news() {
  return [this](std::string_view level, std::string_view text) { events_.note(level, text); };
}

// The lists that stay the same stay watched; what was learnt of others is forgotten.
std::shared_ptr<dns::ListWatch> Gateway::watched(const Settings& settings) {
  const auto [old, before] = running();
  const bool same_servers = old && old->dns.live.servers == settings.dns.live.servers;
  if (before && same_servers && before->lists() == settings.lists) return before;
  const io::Executor first = cores_.front()->loop.executor();
  if (before) tasks_.spawn(first, "stop lists", stop_lists(before));
  auto lists = std::make_shared<dns::ListWatch>(settings.lists, clock_, dns_news());
  if (!settings.lists.empty()) tasks_.spawn(first, "lists", keep_lists(lists, asked_));
  return lists;
}

Result<Gateway::Listeners> Gateway::open(const Settings& settings, PassedSockets passed) {
  Listeners opened;
  for (const ListenerSettings& listener : settings.listeners)
    for (const Endpoint& endpoint : listener.bind) {
      auto open = find_open(endpoint);
      if (!open) {
        auto fresh = open_one(listener, endpoint, passed);
        if (!fresh) return fresh.error();
        open = *fresh;
      }
      opened.push_back(std::move(open));
    }
  for (const auto& [name, socket] : passed) {
    events_.note("warning",
                 fmt::format("a socket named \"{}\" was passed, and no listener has that name", name));
    ::close(socket);
  }
  return opened;
}

Result<std::shared_ptr<Gateway::OpenListener>> Gateway::open_one(const ListenerSettings& listener,
                                                                 const Endpoint& endpoint,
                                                                 PassedSockets& passed) {
  io::Executor executor = cores_.front()->loop.executor();
  auto socket = passed.extract(listener.name);  // each is taken once
  auto opened =
      socket ? io::Listener::adopt(executor, socket.mapped()) : io::Listener::bind(executor, endpoint);
  if (!opened) {
    Error error = opened.error();
    error.detail =
        fmt::format("listener \"{}\" on {}: {}", listener.name, endpoint.to_string(), error.detail);
    return error;
  }
  return std::make_shared<OpenListener>(OpenListener{listener.name, endpoint, std::move(*opened)});
}

std::shared_ptr<Gateway::OpenListener> Gateway::find_open(const Endpoint& wanted) const {
  auto found = std::ranges::find_if(
      listeners_, [&](const auto& open) { return wanted.port != 0 && open->wanted == wanted; });
  return found == listeners_.end() ? nullptr : *found;
}

void Gateway::adopt(std::shared_ptr<const Settings> settings) {
  std::vector<Endpoint> ours;
  for (const auto& open : listeners_) ours.push_back(open->listener->local());
  relay_->set_ourselves(settings->policy->hostname, std::move(ours));
  auto lists = watched(*settings);
  std::scoped_lock lock(settings_mutex_);
  running_ = {std::move(settings), std::move(lists)};
  facts_.clear();  // found under other settings: of no more use
}

std::shared_ptr<const Settings> Gateway::settings() const { return running().settings; }

Gateway::Running Gateway::running() const {
  std::scoped_lock lock(settings_mutex_);
  return running_;
}

// -- listeners and sessions ----------------------------------------------------------------------------

namespace {

// Keeps what the loop uses alive until it has returned.
io::Task<> accept_until_closed(std::shared_ptr<void> keep, io::Listener* listener,
                               io::Listener::Place place, io::Listener::OnConnection on_connection,
                               io::Listener::OnTrouble on_trouble) {
  co_await listener->run(std::move(place), std::move(on_connection), std::move(on_trouble));
}

io::Task<> close_listener(std::shared_ptr<void> keep, io::Listener* listener) {
  listener->close();
  co_return;
}

io::Task<> answer(std::atomic<bool>* answered) {
  answered->store(true);
  co_return;
}

io::Task<> learn_routes(relay::Relay* relay, std::vector<std::shared_ptr<const relay::Route>> routes,
                        std::shared_ptr<std::promise<void>> done) {
  co_await relay->learn(std::move(routes));
  done->set_value();
}

}  // namespace

void Gateway::run(Listeners listeners) {
  for (auto& open : listeners) {
    auto place = [this](const Endpoint&) {
      return cores_[next_core_.fetch_add(1, std::memory_order_relaxed) % cores_.size()]->loop.executor();
    };
    auto connected = [this, raw = open.get()](std::unique_ptr<io::Stream> stream,
                                              const io::Executor& executor) {
      on_connection(*raw, std::move(stream), executor);
    };
    auto trouble = [this, name = open->name](const Error& error) {
      events_.note("error", fmt::format("listener \"{}\" cannot accept: {}", name, error.detail));
    };
    io::Listener* raw = open->listener.get();
    tasks_.spawn(cores_.front()->loop.executor(), "listener",
                 accept_until_closed(open, raw, place, connected, trouble));
  }
}

void Gateway::on_connection(const OpenListener& listener, std::unique_ptr<io::Stream> stream,
                            const io::Executor& executor) {
  auto [snapshot, lists] = running();
  // By address: a reload may have given it another name.
  auto configured = std::ranges::find_if(snapshot->listeners, [&](const ListenerSettings& one) {
    return std::ranges::find(one.bind, listener.wanted) != one.bind.end() &&
           (listener.wanted.port != 0 || one.name == listener.name);
  });
  if (configured == snapshot->listeners.end()) return;  // closed by a reload this very moment
  auto core =
      std::ranges::find_if(cores_, [&](const auto& one) { return one->loop.executor() == executor; });
  if (core == cores_.end()) return;
  tasks_.spawn(executor, "session",
               Session::serve(std::move(stream), snapshot, &*configured, std::move(lists), *services_,
                              (*core)->registry));
}

void Gateway::close(const Listeners& listeners) {
  for (const auto& open : listeners)
    tasks_.spawn(cores_.front()->loop.executor(), "close listener",
                 close_listener(open, open->listener.get()));
}

void Gateway::learn(Duration at_most) {
  auto done = std::make_shared<std::promise<void>>();
  auto learned = done->get_future();
  tasks_.spawn(cores_.front()->loop.executor(), "learn",
               learn_routes(relay_.get(), settings()->all_routes(), done));
  learned.wait_for(at_most);
}

std::vector<std::pair<std::string, Endpoint>> Gateway::listening() const {
  std::vector<std::pair<std::string, Endpoint>> all;
  for (const auto& open : listeners_) all.emplace_back(open->name, open->listener->local());
  return all;
}

std::optional<int> Gateway::silent_core() {
  const NeededMemory needed;
  std::optional<int> silent;
  for (std::size_t i = 0; i < cores_.size(); ++i) {
    Core& core = *cores_[i];
    if (core.answered.exchange(false))
      tasks_.spawn(core.loop.executor(), "answer", answer(&core.answered));
    else if (!silent)
      silent = static_cast<int>(i);
  }
  return silent;
}

void Gateway::announce() const {
  store::Event event("start");
  event.text("version", kVersion).number("pid", getpid()).number("cores", static_cast<int>(cores_.size()));
  event.begin_list("listeners");
  for (const auto& [name, endpoint] : listening())
    event.begin_item().text("name", name).text("address", endpoint.to_string()).end_item();
  event.end_list();
  events_.write(event);
}

// -- reload --------------------------------------------------------------------------------------------

namespace {

bool has_expired(const Settings& settings, WallTime now) {
  return settings.tls && settings.tls->expires() <= now;
}

}  // namespace

Result<> Gateway::reload(std::shared_ptr<const Settings> settings) {
  // What is worth serving when there is nothing better never replaces something better.
  if (has_expired(*settings, clock_.wall()) && !has_expired(*this->settings(), clock_.wall()))
    return fail(Errc::invalid, "the new certificate has expired: the old configuration stays");
  auto opened = open(*settings, {});
  if (!opened) return opened.error();
  faults::crash_point("reload.opened");
  auto is_in = [](const Listeners& list, const auto& open) {
    return std::ranges::find(list, open) != list.end();
  };
  Listeners fresh, stale;
  std::ranges::copy_if(*opened, std::back_inserter(fresh),
                       [&](auto& open) { return !is_in(listeners_, open); });
  std::ranges::copy_if(listeners_, std::back_inserter(stale),
                       [&](auto& open) { return !is_in(*opened, open); });
  listeners_ = *opened;
  resolver_->reload(settings->dns.live);  // first: new lists are tested at once
  adopt(std::move(settings));
  faults::crash_point("reload.adopted");
  known_good_.clear();
  learn(Duration::zero());
  run(fresh);
  close(stale);
  return Result<>{};
}

// -- the way down --------------------------------------------------------------------------------------

void Gateway::on_every_core(const char* name, io::Task<> (*task)(Gateway*, Core*)) {
  for (auto& core : cores_) tasks_.spawn(core->loop.executor(), name, task(this, core.get()));
}

bool Gateway::wait_until_empty(TimePoint deadline) const {
  while (limits_.sessions() > 0 && clock_.now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return limits_.sessions() == 0;
}

void Gateway::stop() {
  control_server_.reset();
  if (cores_.empty()) return;
  close(listeners_);
  listeners_.clear();
  faults::crash_point("stop.listeners");
  on_every_core("drain", [](Gateway*, Core* core) -> io::Task<> {
    core->registry.drain();
    co_return;
  });
  if (auto running = settings(); running && !wait_until_empty(clock_.now() + running->timeouts.drain)) {
    on_every_core("abort", [](Gateway*, Core* core) -> io::Task<> {
      core->registry.abort();
      co_return;
    });
    (void)wait_until_empty(clock_.now() + kFarewell);
  }
  faults::crash_point("stop.drained");
  if (auto lists = running().lists)
    tasks_.spawn(cores_.front()->loop.executor(), "stop lists", stop_lists(std::move(lists)));
  on_every_core("detach resolver", [](Gateway* gateway, Core* core) -> io::Task<> {
    gateway->resolver_->detach(core->loop.executor());
    co_return;
  });
  on_every_core("close idle",
                [](Gateway* gateway, Core*) -> io::Task<> { co_await gateway->relay_->close_idle(); });
  TimePoint until = clock_.now() + kFarewell;
  while (tasks_.running() > 0 && clock_.now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  faults::crash_point("stop.idle");
  for (auto& core : cores_) core->loop.stop();
  for (auto& core : cores_) core->thread.join();
  cores_.clear();
  faults::crash_point("stop.cores");
  if (state_) state_->flush();
  faults::crash_point("stop.state");
}

}  // namespace sallyport::proxy
