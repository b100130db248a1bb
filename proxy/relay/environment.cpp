#include "proxy/relay/environment.h"

#include <algorithm>

#include "base/text.h"

namespace sallyport::relay {

bool Ourselves::greets_as_us(std::string_view reply_line) const {
  const auto line = trim(reply_line);
  return !hostname.empty() && iequals(line.substr(0, line.find_first_of(" \t")), hostname);
}

bool Ourselves::listens_at(const Endpoint& to) const {
  return std::ranges::any_of(listeners, [&to](const Endpoint& listener) {
    return listener == to || (listener.port == to.port && listener.address.is_unspecified() &&
                              (to.address.is_loopback() || to.address.is_unspecified()));
  });
}

bool Ourselves::joined(const Endpoint& local, const Endpoint& peer) const {
  return local.address == peer.address && std::ranges::any_of(listeners, [&peer](const Endpoint& listener) {
           return listener.port == peer.port && listener.address.is_unspecified();
         });
}

std::shared_ptr<const Ourselves> Environment::ourselves() const {
  const std::lock_guard lock(mutex_);
  return ourselves_;
}

void Environment::set_ourselves(Ourselves ourselves) {
  auto replacement = std::make_shared<const Ourselves>(std::move(ourselves));
  const std::lock_guard lock(mutex_);
  ourselves_ = std::move(replacement);
}

void Environment::tell(const Trouble& trouble) const {
  if (services_.on_trouble) services_.on_trouble(trouble);
}

void Environment::tell_now_and_then(HostState& host, const Trouble& trouble) const {
  if (host.worth_telling(trouble.kind, now())) tell(trouble);
}

void Environment::tell_fault(HostState& host, const std::string& route, const WayFault& fault) const {
  if (fault.trouble) tell_now_and_then(host, {fault.trouble, route, host.name(), fault.detail, ""});
}

}  // namespace sallyport::relay
