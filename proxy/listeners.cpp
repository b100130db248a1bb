#include "proxy/listeners.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace sallyport::proxy {
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

}  // namespace

const ListenerSettings* Listeners::Open::settings_in(const Settings& settings) const {
  const auto found = std::ranges::find_if(settings.listeners, [&](const ListenerSettings& one) {
    return std::ranges::find(one.bind, wanted) != one.bind.end() && (wanted.port != 0 || one.name == name);
  });
  return found == settings.listeners.end() ? nullptr : &*found;
}

Listeners::Listeners(Cores& cores, io::TaskGroup& tasks, store::EventLog& events,
                     OnConnection on_connection)
    : cores_(cores), tasks_(tasks), events_(events), on_connection_(std::move(on_connection)) {}

Result<> Listeners::open(const Settings& settings, PassedSockets passed) {
  std::vector<OpenPtr> opened;
  for (const ListenerSettings& listener : settings.listeners)
    for (const Endpoint& endpoint : listener.bind) {
      auto open = find(endpoint);
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
  open_ = std::move(opened);
  return Result<>{};
}

Result<Listeners::OpenPtr> Listeners::open_one(const ListenerSettings& listener, const Endpoint& endpoint,
                                               PassedSockets& passed) {
  const io::Executor executor = cores_.first();
  auto socket = passed.extract(listener.name);  // each is taken once
  auto opened =
      socket ? io::Listener::adopt(executor, socket.mapped()) : io::Listener::bind(executor, endpoint);
  if (!opened) {
    Error error = opened.error();
    error.detail =
        fmt::format("listener \"{}\" on {}: {}", listener.name, endpoint.to_string(), error.detail);
    return error;
  }
  return std::make_shared<Open>(Open{listener.name, endpoint, std::move(*opened)});
}

Listeners::OpenPtr Listeners::find(const Endpoint& wanted) const {
  const auto found = std::ranges::find_if(
      open_, [&](const OpenPtr& open) { return wanted.port != 0 && open->wanted == wanted; });
  return found == open_.end() ? nullptr : *found;
}

void Listeners::settle() {
  const auto before = std::exchange(accepting_, open_);
  for (const OpenPtr& open : open_)
    if (std::ranges::find(before, open) == before.end()) accept_on(open);
  for (const OpenPtr& open : before)
    if (std::ranges::find(open_, open) == open_.end()) close(open);
}

void Listeners::accept_on(const OpenPtr& open) {
  auto place = [this](const Endpoint&) { return cores_.next(); };
  auto connected = [this, raw = open.get()](std::unique_ptr<io::Stream> stream,
                                            const io::Executor& placed) {
    on_connection_(*raw, std::move(stream), placed);
  };
  auto trouble = [this, name = open->name](const Error& error) {
    events_.note("error", fmt::format("listener \"{}\" cannot accept: {}", name, error.detail));
  };
  tasks_.spawn(cores_.first(), "listener",
               accept_until_closed(open, open->listener.get(), place, connected, trouble));
}

void Listeners::close(const OpenPtr& open) {
  tasks_.spawn(cores_.first(), "close listener", close_listener(open, open->listener.get()));
}

void Listeners::close() {
  for (const OpenPtr& open : open_) close(open);
  open_.clear();
  accepting_.clear();
}

std::vector<std::pair<std::string, Endpoint>> Listeners::listening() const {
  std::vector<std::pair<std::string, Endpoint>> all;
  for (const OpenPtr& open : open_) all.emplace_back(open->name, open->listener->local());
  return all;
}

}  // namespace sallyport::proxy
