#include "proxy/relay/opening.h"

#include <algorithm>
#include <utility>

#include "base/faults.h"
#include "base/text.h"
#include "proxy/relay/authentication.h"
#include "proxy/relay/command.h"

namespace sallyport::relay {
namespace {

constexpr std::size_t kMaxAddresses = 5;
// A next hop is configured for good; what it offered is worth remembering as long.
constexpr auto kRemembered = std::chrono::hours(24 * 365);

using Opened = WayResult<std::unique_ptr<Connection>>;

class Opener {
 public:
  Opener(const Environment& environment, const Pool::Order& order, std::shared_ptr<HostState> host,
         TimePoint deadline)
      : environment_(environment),
        route_(order.route),
        settings_(order.settings),
        timeouts_(order.timeouts),
        host_(std::move(host)),
        deadline_(deadline),
        ourselves_(environment.ourselves()) {}

  io::Task<Opened> open();

 private:
  io::Task<Opened> attempt(bool with_tls);
  io::Task<WayResult<std::unique_ptr<io::Stream>>> reach();
  io::Task<WayResult<>> greet(Connection& hop);
  io::Task<WayResult<>> introduce(Connection& hop);
  io::Task<WayResult<>> secure(Connection& hop);
  io::Task<WayResult<>> handshake(Connection& hop);
  io::Task<WayResult<>> prove(Connection& hop);

  bool must_encrypt() const {
    return settings_.tls == TlsPolicy::required || settings_.tls == TlsPolicy::verified;
  }
  TimePoint within(std::chrono::milliseconds timeout) const {
    return std::min(deadline_, environment_.now() + timeout);
  }
  std::unexpected<WayFault> loop() const {
    return way_fault(Way::loop, "the next hop is this server itself", "loop");
  }
  void remember(const HopCapabilities& capabilities) const;
  void tell_fallback(const std::string& why) const;

  const Environment& environment_;
  const std::string& route_;
  const HopSettings& settings_;
  const HopTimeouts& timeouts_;
  std::shared_ptr<HostState> host_;
  TimePoint deadline_;
  std::shared_ptr<const Ourselves> ourselves_;
};

io::Task<Opened> Opener::open() {
  const bool with_tls = settings_.tls != TlsPolicy::never || settings_.host.implicit_tls;
  auto opened = co_await attempt(with_tls);
  if (opened || opened.error().way != Way::insecure) co_return opened;
  if (settings_.tls != TlsPolicy::opportunistic || settings_.host.implicit_tls) co_return opened;
  tell_fallback(opened.error().detail);
  co_return co_await attempt(false);
}

io::Task<Opened> Opener::attempt(bool with_tls) {
  auto stream = co_await reach();
  if (!stream) co_return std::unexpected(std::move(stream.error()));
  faults::crash_point("relay.connected");
  auto hop = std::make_unique<Connection>(settings_, host_, std::move(*stream));
  if (ourselves_->joined(hop->local(), hop->peer())) co_return loop();
  if (settings_.host.implicit_tls) {
    if (auto done = co_await handshake(*hop); !done) co_return std::unexpected(done.error());
  }
  if (auto done = co_await greet(*hop); !done) co_return std::unexpected(done.error());
  faults::crash_point("relay.greeted");
  if (auto done = co_await introduce(*hop); !done) co_return std::unexpected(done.error());
  faults::crash_point("relay.introduced");
  if (with_tls && !hop->encrypted()) {
    if (auto done = co_await secure(*hop); !done) co_return std::unexpected(done.error());
  }
  if (settings_.credentials) {
    if (auto done = co_await prove(*hop); !done) co_return std::unexpected(done.error());
  }
  remember(hop->capabilities());
  co_return std::move(hop);
}

io::Task<WayResult<std::unique_ptr<io::Stream>>> Opener::reach() {
  const auto deadline = within(timeouts_.connect);
  auto addresses = co_await io::resolve(settings_.host.name, deadline);
  if (!addresses) co_return way_fault(Way::unreachable, "no address: " + addresses.error().detail);
  Error last = fail(Errc::unreachable, "no address");
  for (std::size_t i = 0; i < std::min(addresses->size(), kMaxAddresses); ++i) {
    const Endpoint to{(*addresses)[i], settings_.host.port};
    if (ourselves_->listens_at(to)) co_return loop();
    faults::crash_point("relay.before-connect");
    auto stream = co_await io::connect(to, {settings_.source, within(timeouts_.connect)});
    if (stream) co_return std::move(*stream);
    last = fail(stream.error().code, to.to_string() + ": " + stream.error().detail);
  }
  const auto way = last.code == Errc::timeout ? Way::lost : Way::unreachable;
  co_return way_fault(way, "cannot connect to " + last.detail);
}

io::Task<WayResult<>> Opener::greet(Connection& hop) {
  hop.owe(1);
  auto greeting = co_await hop.receive(within(timeouts_.greeting));
  if (!greeting) co_return std::unexpected(fault_of(greeting.error()));
  if (greeting->code != 220) {
    co_return way_fault(Way::refusing, "greeting: " + one_line(*greeting), "way_refused");
  }
  if (!hop.lines().empty() && ourselves_->greets_as_us(hop.lines().front())) co_return loop();
  co_return WayResult<>{};
}

io::Task<WayResult<>> Opener::introduce(Connection& hop) {
  const bool lmtp = settings_.host.lmtp;
  auto line = command_line({lmtp ? "LHLO " : "EHLO ", settings_.helo});
  if (!line) co_return way_fault(Way::refusing, line.error().detail, "way_refused");
  auto reply = co_await hop.command(std::move(*line), within(timeouts_.command));
  if (!reply) co_return std::unexpected(fault_of(reply.error()));
  if (reply->code == 250) {
    if (!hop.lines().empty() && ourselves_->greets_as_us(hop.lines().front())) co_return loop();
    hop.set_capabilities(HopCapabilities::parse(hop.lines()));
    co_return WayResult<>{};
  }
  // RFC 5321 3.2: a server without service extensions refuses EHLO and takes HELO.
  if (reply->permanent() && !lmtp && !hop.encrypted()) {
    const auto again = co_await hop.command("HELO " + settings_.helo + "\r\n", within(timeouts_.command));
    hop.set_capabilities({});
    if (again && again->code == 250) co_return WayResult<>{};
  }
  co_return way_fault(Way::refusing, "EHLO: " + one_line(*reply), "way_refused");
}

io::Task<WayResult<>> Opener::secure(Connection& hop) {
  if (!hop.capabilities().starttls) {
    if (!must_encrypt()) co_return WayResult<>{};
    co_return way_fault(Way::insecure, "STARTTLS is not offered", "way_refused");
  }
  auto reply = co_await hop.command("STARTTLS\r\n", within(timeouts_.command));
  if (!reply) co_return std::unexpected(fault_of(reply.error()));
  if (reply->code != 220) {
    co_return way_fault(Way::insecure, "STARTTLS: " + one_line(*reply), "way_refused");
  }
  if (auto done = co_await handshake(hop); !done) co_return done;
  hop.set_capabilities({});  // RFC 3207 4.2: nothing told in clear counts
  co_return co_await introduce(hop);
}

io::Task<WayResult<>> Opener::handshake(Connection& hop) {
  if (!settings_.tls_settings) co_return way_fault(Way::insecure, "no TLS settings", "way_refused");
  faults::crash_point("relay.before-tls");
  auto done = co_await hop.start_tls(within(timeouts_.command));
  if (!done) co_return way_fault(Way::insecure, "TLS: " + done.error().detail, "way_refused");
  faults::crash_point("relay.tls");
  co_return WayResult<>{};
}

io::Task<WayResult<>> Opener::prove(Connection& hop) {
  if (!hop.encrypted()) {
    co_return way_fault(Way::insecure, "no TLS, so no password is sent", "way_refused");
  }
  co_return co_await authenticate(hop, *settings_.credentials, within(timeouts_.command));
}

void Opener::remember(const HopCapabilities& capabilities) const {
  host_->offered(capabilities);
  const auto record = capabilities.to_record();
  auto& state = environment_.state();
  if (state.get(kCapabilitiesKind, host_->name()) == record) return;
  state.put(kCapabilitiesKind, host_->name(), record, state.now() + kRemembered);
}

void Opener::tell_fallback(const std::string& why) const {
  environment_.tell_now_and_then(*host_, {"tls_fallback", route_, host_->name(), why, ""});
}

}  // namespace

io::Task<Opened> open_connection(const Environment& environment, const Pool::Order& order, Permit permit,
                                 std::shared_ptr<HostState> host, TimePoint deadline) {
  Opener opener(environment, order, std::move(host), deadline);
  auto opened = co_await opener.open();
  if (opened) (*opened)->hold(std::move(permit));
  co_return opened;
}

}  // namespace sallyport::relay
