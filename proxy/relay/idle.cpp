#include "proxy/relay/idle.h"

#include <algorithm>

namespace sallyport::relay {

void IdleConnections::put(std::unique_ptr<Connection> connection, TimePoint expires) {
  idle_.push_back({std::move(connection), expires});
  counted();
  changed_.notify();
}

template <class Matches>
std::unique_ptr<Connection> IdleConnections::take_if(Matches matches) {
  const auto found = std::ranges::find_if(idle_, matches);
  if (found == idle_.end()) return nullptr;
  auto connection = std::move(found->connection);
  idle_.erase(found);
  counted();
  return connection;
}

std::unique_ptr<Connection> IdleConnections::take(const HopSettings& settings) {
  for (std::size_t i = idle_.size(); i-- > 0;) {
    if (idle_[i].connection->settings() != settings) continue;
    auto connection = std::move(idle_[i].connection);
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
    counted();
    if (connection->in_step()) return connection;
  }
  return nullptr;
}

void IdleConnections::drop(const HopSettings& settings) {
  std::erase_if(idle_, [&](const Idle& idle) { return idle.connection->settings() == settings; });
  counted();
}

std::unique_ptr<Connection> IdleConnections::take_oldest(const Host& host) {
  return take_if([&](const Idle& idle) { return idle.connection->settings().host == host; });
}

std::unique_ptr<Connection> IdleConnections::take_expired(TimePoint now) {
  return take_if([now](const Idle& idle) { return idle.expires <= now; });
}

std::unique_ptr<Connection> IdleConnections::take_awaited() {
  return take_if([](const Idle& idle) { return idle.connection->host()->permits().awaited(); });
}

std::unique_ptr<Connection> IdleConnections::take_any() {
  return take_if([](const Idle&) { return true; });
}

TimePoint IdleConnections::next_look(TimePoint now) const {
  const auto expires = std::ranges::min_element(idle_, {}, &Idle::expires)->expires;
  const bool awaited = std::ranges::any_of(
      idle_, [](const Idle& idle) { return idle.connection->host()->permits().awaited(); });
  return awaited ? std::min(expires, now + Permits::kGrace) : expires;
}

}  // namespace sallyport::relay
