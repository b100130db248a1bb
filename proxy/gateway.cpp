#include "proxy/gateway.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <future>

#include "base/faults.h"
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

Gateway::Gateway(store::EventLog& events, const Clock& clock, dns::Resolver* resolver)
    : clock_(clock),
      events_(events),
      tasks_([&events](std::string_view task, std::string_view what) {
        events.note("error", fmt::format("{} ended by an exception: {}", task, what));
      }),
      files_("files", kFileThreads, kMostFileWork),
      passwords_("passwords", kPasswordThreads, kMostPasswordWork),
      asked_(resolver),
      listeners_(cores_, tasks_, events_,
                 [this](const Listeners::Open& listener, std::unique_ptr<io::Stream> stream,
                        const io::Executor& core) { on_connection(listener, std::move(stream), core); }) {}

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
  services_ = std::make_unique<Services>(Services{
      clock_, events_, tasks_, files_, passwords_, *relay_, *asked_, limits_, known_good_, facts_,
      *greylist_, *in_flight_, *senders_, *rates_, *penalties_, [this] { return this->settings(); }});
  cores_.start(settings->workers);
  if (auto attached = attach_resolver(); !attached) return attached;
  if (auto opened = listeners_.open(*settings, passed); !opened) return opened;
  faults::crash_point("start.listening");
  open_control(settings->state_file);
  adopt(std::move(settings));
  learn(kLearnAtStart);
  listeners_.settle();
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
  for (const auto& core : cores_.all()) {
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
  const io::Executor first = cores_.first();
  if (before) tasks_.spawn(first, "stop lists", stop_lists(before));
  auto lists = std::make_shared<dns::ListWatch>(settings.lists, clock_, dns_news());
  if (!settings.lists.empty()) tasks_.spawn(first, "lists", keep_lists(lists, asked_));
  return lists;
}

void Gateway::adopt(std::shared_ptr<const Settings> settings) {
  std::vector<Endpoint> ours;
  for (const auto& [name, endpoint] : listeners_.listening()) ours.push_back(endpoint);
  relay_->set_ourselves(settings->policy->hostname, std::move(ours));
  auto lists = watched(*settings);
  const auto before = this->settings();
  if (!before || before->fact_scope != settings->fact_scope) facts_.clear();  // of no more use
  std::scoped_lock lock(settings_mutex_);
  running_ = {std::move(settings), std::move(lists)};
}

std::shared_ptr<const Settings> Gateway::settings() const { return running().settings; }

Gateway::Running Gateway::running() const {
  std::scoped_lock lock(settings_mutex_);
  return running_;
}

// -- sessions ------------------------------------------------------------------------------------------

namespace {

io::Task<> learn_routes(relay::Relay* relay, std::vector<std::shared_ptr<const relay::Route>> routes,
                        std::shared_ptr<std::promise<void>> done) {
  co_await relay->learn(std::move(routes));
  done->set_value();
}

}  // namespace

void Gateway::on_connection(const Listeners::Open& listener, std::unique_ptr<io::Stream> stream,
                            const io::Executor& executor) {
  auto [snapshot, lists] = running();
  const ListenerSettings* configured = listener.settings_in(*snapshot);
  Cores::Core* core = cores_.find(executor);
  if (!configured || !core) return;  // closed by a reload this very moment
  tasks_.spawn(executor, "session",
               Session::serve(std::move(stream), snapshot, configured, std::move(lists), *services_,
                              core->registry));
}

void Gateway::learn(Duration at_most) {
  auto done = std::make_shared<std::promise<void>>();
  auto learned = done->get_future();
  tasks_.spawn(cores_.first(), "learn", learn_routes(relay_.get(), settings()->all_routes(), done));
  learned.wait_for(at_most);
}

void Gateway::announce() const {
  store::Event event("start");
  event.text("version", kVersion)
      .number("pid", getpid())
      .number("cores", static_cast<int>(cores_.all().size()));
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
  if (auto opened = listeners_.open(*settings); !opened) return opened;
  faults::crash_point("reload.opened");
  resolver_->reload(settings->dns.live);  // first: new lists are tested at once
  adopt(std::move(settings));
  faults::crash_point("reload.adopted");
  learn(Duration::zero());
  listeners_.settle();
  return Result<>{};
}

void Gateway::renew_lists(std::shared_ptr<const Settings> settings) { adopt(std::move(settings)); }

// -- the way down --------------------------------------------------------------------------------------

void Gateway::on_every_core(const char* name, io::Task<> (*task)(Gateway*, Cores::Core*)) {
  for (const auto& core : cores_.all()) tasks_.spawn(core->loop.executor(), name, task(this, core.get()));
}

bool Gateway::wait_until_empty(TimePoint deadline) const {
  while (limits_.sessions() > 0 && clock_.now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return limits_.sessions() == 0;
}

void Gateway::stop() {
  control_server_.reset();
  if (cores_.empty()) return;
  listeners_.close();
  faults::crash_point("stop.listeners");
  on_every_core("drain", [](Gateway*, Cores::Core* core) -> io::Task<> {
    core->registry.drain();
    co_return;
  });
  if (auto running = settings(); running && !wait_until_empty(clock_.now() + running->timeouts.drain)) {
    on_every_core("abort", [](Gateway*, Cores::Core* core) -> io::Task<> {
      core->registry.abort();
      co_return;
    });
    (void)wait_until_empty(clock_.now() + kFarewell);
  }
  faults::crash_point("stop.drained");
  if (auto lists = running().lists)
    tasks_.spawn(cores_.first(), "stop lists", stop_lists(std::move(lists)));
  on_every_core("detach resolver", [](Gateway* gateway, Cores::Core* core) -> io::Task<> {
    gateway->resolver_->detach(core->loop.executor());
    co_return;
  });
  on_every_core("close idle", [](Gateway* gateway, Cores::Core*) -> io::Task<> {
    co_await gateway->relay_->close_idle();
  });
  TimePoint until = clock_.now() + kFarewell;
  while (tasks_.running() > 0 && clock_.now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  faults::crash_point("stop.idle");
  cores_.stop();
  faults::crash_point("stop.cores");
  if (state_) (void)state_->flush();
  faults::crash_point("stop.state");
}

}  // namespace sallyport::proxy
