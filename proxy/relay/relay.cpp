#include "proxy/relay/relay.h"

#include <utility>

#include "proxy/relay/delivered_memory.h"
#include "proxy/relay/delivery.h"
#include "proxy/relay/environment.h"
#include "proxy/relay/opening.h"
#include "proxy/relay/order.h"
#include "proxy/relay/pool.h"
#include "proxy/relay/recipient_memory.h"
#include "proxy/relay/recipients.h"

namespace sallyport::relay {
namespace {

constexpr Duration kKeptWithoutIdentity = std::chrono::minutes(30);

}  // namespace

class Relay::Impl {
 public:
  explicit Impl(RelayServices services)
      : environment(std::move(services)),
        pool(environment),
        memory(environment.state()),
        delivered(environment.state()),
        recipients(environment, pool, memory) {}

  // The capabilities are remembered where the connection is opened.
  io::Task<> learn_one(std::shared_ptr<const Route> route) {
    const auto deadline = environment.now() + route->connect_timeout + route->greeting_timeout;
    auto order = order_for(*route, route->hosts.front(), *environment.ourselves());
    auto hop = co_await pool.borrow(std::move(order), deadline);
    if (hop) co_await pool.hand_back(std::move(*hop), route->idle_timeout);
  }

  // Asked at every RCPT: the record of an earlier run is read but once.
  std::optional<HopCapabilities> last_known(const Host& host) {
    const auto state = environment.hosts().of(host);
    if (auto known = state->capabilities()) return known;
    const auto record = environment.state().get(kCapabilitiesKind, state->name());
    if (!record) return std::nullopt;
    state->offered(HopCapabilities::from_record(*record));
    return state->capabilities();
  }

  Environment environment;
  Pool pool;
  RecipientMemory memory;
  DeliveredMemory delivered;
  Recipients recipients;
};

Relay::Relay(RelayServices services) : impl_(std::make_unique<Impl>(std::move(services))) {}
Relay::~Relay() = default;

void Relay::set_ourselves(std::string hostname, std::vector<Endpoint> listeners) {
  impl_->environment.set_ourselves({std::move(hostname), std::move(listeners)});
}

bool Relay::may_have_refused(const mail::Path& sender, const mail::Path& recipient) const {
  return impl_->memory.may_have_refused(sender, recipient);
}

io::Task<RecipientAnswer> Relay::ask(std::shared_ptr<const Route> route, Asker asker, Recipient recipient,
                                     TimePoint deadline) {
  co_return co_await impl_->recipients.ask(*route, asker, recipient, deadline);
}

io::Task<Probe> Relay::probe(std::shared_ptr<const Route> route, mail::Path recipient, TimePoint deadline) {
  co_return co_await impl_->recipients.probe(*route, recipient, deadline);
}

io::Task<Delivery> Relay::deliver(std::shared_ptr<const Route> route, const Envelope& envelope,
                                  const std::string& trace, store::MessageBuffer& content,
                                  std::string role_mailbox, TimePoint give_up,
                                  std::function<bool()> still_there) {
  const Message message{envelope, trace, content};
  const Handover::Parts parts{impl_->environment, impl_->pool, impl_->memory, impl_->delivered};
  Handover handover(parts, *route, message, std::move(role_mailbox), give_up, still_there);
  co_return co_await handover.run();
}

void Relay::forget_earlier_tries(const Envelope& envelope, const Delivery& delivery) {
  if (delivery.earlier_digest.empty()) return;
  for (const auto& recipient : envelope.recipients)
    impl_->delivered.forget(envelope.sender, recipient.path, delivery.earlier_digest);
}

io::Task<bool> Relay::remember_unconfirmed(const Envelope& envelope, store::MessageBuffer& content,
                                           bool identified) {
  const auto digest = co_await digest_of(content);
  if (!digest) co_return false;
  std::vector<mail::Path> recipients;
  for (const auto& recipient : envelope.recipients) recipients.push_back(recipient.path);
  // A state store that cannot write reports itself.
  const auto kept = identified ? DeliveredMemory::kKept : kKeptWithoutIdentity;
  const auto kept_safe = co_await impl_->delivered.remember(envelope.sender, recipients, *digest, kept);
  co_return kept_safe.has_value();
}

Relay::Capabilities Relay::capabilities(const Route& route) const {
  for (const auto& host : route.hosts) {
    const auto known = impl_->last_known(host);
    if (!known) continue;
    return {.known = true,
            .smtputf8 = known->smtputf8,
            .dsn = known->dsn,
            .eight_bit = known->eight_bit,
            .size = known->size};
  }
  return {};
}

Relay::Offers Relay::offers(const std::vector<std::shared_ptr<const Route>>& routes) const {
  Offers offers{.smtputf8 = false, .dsn = !routes.empty()};
  for (const auto& route : routes) {
    const auto known = capabilities(*route);
    offers.smtputf8 = offers.smtputf8 || known.smtputf8;
    offers.dsn = offers.dsn && known.dsn;
  }
  return offers;
}

namespace {

// Counts tasks that were begun together; the last one wakes who waits for them.
struct Countdown {
  Countdown(const io::Executor& executor, std::size_t count) : left(count), done(executor) {}
  std::size_t left;
  io::Signal done;
};

io::Task<> count(io::Task<> task, std::shared_ptr<Countdown> countdown) {
  co_await std::move(task);
  if (--countdown->left == 0) countdown->done.notify();
}

}  // namespace

io::Task<> Relay::learn(std::vector<std::shared_ptr<const Route>> routes) {
  std::erase_if(routes, [](const auto& route) { return route->hosts.empty(); });
  if (routes.empty()) co_return;
  const auto executor = co_await io::this_executor();
  const auto countdown = std::make_shared<Countdown>(executor, routes.size());
  auto latest = impl_->environment.now();
  for (auto& route : routes) {
    latest = std::max(latest, impl_->environment.now() + route->connect_timeout + route->greeting_timeout);
    impl_->environment.tasks().spawn(executor, "learn", count(impl_->learn_one(route), countdown));
  }
  (void)co_await countdown->done.wait(latest);
}

io::Task<> Relay::close_idle() { return impl_->pool.close_idle(); }

}  // namespace sallyport::relay
