#include "proxy/demo.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "base/io/event_loop.h"
#include "base/io/tls.h"
#include "base/json_view.h"
#include "base/store/event_reader.h"
#include "dns/zone_resolver.h"
#include "proxy/demo_client.h"
#include "proxy/demo_sessions.h"
#include "proxy/demo_stage.h"
#include "proxy/gateway.h"
#include "proxy/sink.h"

namespace sallyport::proxy {
namespace {

std::string overlay(const std::string& folder, Endpoint sink, std::uint16_t port) {
  auto listen = [&](int offset) { return port == 0 ? 0 : port + offset; };
  return fmt::format(
      R"({{"hostname": "mx.example.com", "domains": {{"example.com": {{"route": "groupware"}}}},
          "routes": {{"groupware": {{"hosts": ["{0}"], "tls": "never", "recipients": "ask"}}}},
          "role_mailbox": "anna@example.com",
          "listeners": {{"mx": {{"bind": ["127.0.0.1:{2}"], "tls": "starttls"}},
                         "submission": {{"bind": ["127.0.0.1:{3}"], "tls": "starttls", "auth": "required"}},
                         "smtps": {{"bind": ["127.0.0.1:{4}"], "tls": "implicit", "auth": "required"}},
                         "front": {{"bind": ["127.0.0.1:{5}"], "tls": "none", "proxy_protocol": ["127.0.0.1"]}}}},
          "checks": {{"early_talker": {{"wait": "500ms"}},
                     "dnsbl": {{"zones": {{"bl.example": {{"codes": {{"127.0.0.2": 5}}}}}}}}}},
          "tls": {{"certificate": "{1}/certificate.pem", "key": "{1}/key.pem"}},
          "state": {{"sqlite": "{1}/state.db"}}, "temp_directory": "{1}"}})",
      sink.to_string(), folder, listen(0), listen(1), listen(2), listen(3));
}

// The demo's folder: certificate, state and Maildir. Gone at the end of `--once`.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sallyport-demo-XXXXXX").string();
    if (mkdtemp(name.data())) path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    if (!keep_ && !path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }
  void keep() { keep_ = true; }

 private:
  std::string path_;
  bool keep_ = false;
};

// The internal server: a sink on a thread of its own.
class InternalServer {
 public:
  InternalServer(std::string maildir, io::TaskGroup& tasks)
      : sink_({Endpoint{IpAddress::v4(0x7f000001), 0},
               false,
               std::move(maildir),
               "groupware.example.com",
               {"anna@example.com", "bob@example.com"}},
              tasks, nullptr) {}
  ~InternalServer() {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
  }
  InternalServer(const InternalServer&) = delete;
  InternalServer& operator=(const InternalServer&) = delete;

  Result<> start() {
    auto started = sink_.start(loop_.executor());
    if (started) thread_ = std::thread([this] { loop_.run(); });
    return started;
  }
  const Sink& sink() const { return sink_; }

 private:
  Sink sink_;
  io::EventLoop loop_;
  std::thread thread_;
};

int complain(std::string_view what, int status) {
  fmt::print(stderr, "sallyport demo: {}\n", what);
  return status;
}

// The program that runs, as it can be called again: it may be in no PATH.
std::string this_program() {
  std::error_code fault;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", fault);
  return fault ? "sallyport" : path.string();
}

std::string command_on(const std::string& events, std::string_view command) {
  return fmt::format("{} {} --events {}", this_program(), command, events);
}

// The events as they are kept, to show what the gateway found out.
class EvidenceReader {
 public:
  explicit EvidenceReader(const std::string& directory) : reader_(directory) {}

  // The event of the next message about whose client something was asked; "": there is none in time.
  io::Task<std::string> next() {
    for (const TimePoint until = system_clock().now() + kDemoPatience; system_clock().now() < until;
         co_await io::sleep_for(kBetweenLooks)) {
      std::vector<std::string> all;
      reader_.each_since({}, [&](std::string_view line) {
        if (line.find("\"evidence\":[") != std::string_view::npos) all.emplace_back(line);
        return true;
      });
      if (all.size() > seen_) co_return all.at(seen_++);
    }
    co_return std::string();
  }

 private:
  static constexpr auto kBetweenLooks = std::chrono::milliseconds(20);

  store::EventReader reader_;
  std::size_t seen_ = 0;
};

struct Scene {
  Endpoint mx, front;
  std::string events;  // the event store
};

io::Task<> play_all(const DemoStage& stage, std::shared_ptr<const io::ClientTls> tls, const Scene& scene,
                    const Sink& sink, bool& good) {
  EvidenceReader events(scene.events);
  std::size_t number = 0;
  DemoClient client(stage, std::move(tls));
  for (const DemoSession& session : demo_sessions()) {
    stage.title(++number, session);
    int before = sink.messages();
    const bool stranger = !session.client.empty();
    std::string wrong = co_await client.play(session, stranger ? scene.front : scene.mx);
    if (stranger) {
      const std::string line = co_await events.next();
      if (const auto event = JsonView::parse(line))
        stage.evidence(event->root(), command_on(scene.events, "explain"));
      else if (wrong.empty())
        wrong = "no event with evidence";
    }
    int stored = sink.messages() - before;
    if (wrong.empty() && stored != session.stored)
      wrong = fmt::format("{} messages reached the internal server, not {}", stored, session.stored);
    stage.outcome(wrong.empty(), wrong.empty() ? session.moral : wrong);
    good = good && wrong.empty();
  }
}

Endpoint listener_named(const Gateway& gateway, std::string_view name) {
  for (const auto& [listener, endpoint] : gateway.listening())
    if (listener == name) return endpoint;
  return {};
}

void print_how_to_connect(const Gateway& gateway, const std::string& folder) {
  Endpoint mx = listener_named(gateway, "mx");
  fmt::print(
      "\nThe gateway stays up. Try it yourself, from another terminal (apt-get install swaks):\n\n"
      "  swaks --server {0} --from you@example.net --to anna@example.com          a mail\n"
      "  swaks --server {0} --from you@example.net --to anna@example.com -tls     under TLS\n"
      "  swaks --server {0} --from you@example.net --to nobody@example.com        an unknown recipient\n"
      "  swaks --server {0} --from you@example.net --to you@example.org           a relay attempt\n\n"
      "A mail client: server 127.0.0.1, port {1}, STARTTLS or none (the certificate is self-signed),\n"
      "no login; mail to anna@example.com and bob@example.com is taken.\n"
      "What arrives lies in {2}/maildir/new; the events of the gateway in {2}/events.log.\n"
      "Why was a stranger refused? With the id that stands in the reply:\n\n"
      "  {3} ID\n"
      "  {4}                 finds ids\n\n"
      "Ctrl-C ends it; that folder stays, until you remove it.\n",
      mx.to_string(), mx.port, folder, command_on(folder + "/events", "explain"),
      command_on(folder + "/events", "log"));
  std::fflush(stdout);
}

dns::ZoneResolver open_zone() {
  std::vector<dns::ZoneResolver::Fault> faults;
  return dns::ZoneResolver::parse(demo_zone(), faults);
}

// On the usual ports, or, where they are taken, on any. 0, or an exit status after a complaint.
int start_gateway(const DemoOptions& options, const std::string& folder, Endpoint sink,
                  store::EventLog& events, dns::Resolver& resolver, std::unique_ptr<Gateway>& gateway) {
  std::string refused;
  for (std::uint16_t port : {options.port, std::uint16_t{0}}) {
    LoadOptions load_options;
    load_options.overlay = overlay(folder, sink, port);
    config::Diagnostics diagnostics;
    auto settings = load(options.directory, load_options, diagnostics);
    if (!settings) return complain(diagnostics.to_string(), EX_CONFIG);
    gateway = std::make_unique<Gateway>(events, system_clock(), &resolver);
    auto started = gateway->start(std::move(settings));
    if (started) return EX_OK;
    refused = started.error().detail;
  }
  return complain(refused, EX_UNAVAILABLE);
}

io::Task<> wait_for_end(io::SignalSet& signals) { (void)co_await signals.wait(); }

}  // namespace

int demo(const DemoOptions& options) {
  io::ignore_sigpipe();
  Folder folder;
  if (folder.path().empty()) return complain("cannot make a temporary folder", EX_CANTCREAT);
  io::CertificateFiles certificate{folder.path() + "/certificate.pem", folder.path() + "/key.pem"};
  if (auto made = io::make_self_signed("mx.example.com", certificate); !made)
    return complain(made.error().detail, EX_CANTCREAT);
  auto client_tls = io::ClientTls::load({});
  if (!client_tls) return complain(client_tls.error().detail, EX_SOFTWARE);

  FILE* log = std::fopen((folder.path() + "/events.log").c_str(), "we");
  if (!log) return complain("cannot write the event log", EX_CANTCREAT);
  store::EventLog events(fileno(log), store::LogFormat::text, system_clock());
  const std::string kept = folder.path() + "/events";
  events.keep_in(
      std::make_unique<store::EventStore>(store::EventStoreSettings{.directory = kept}, system_clock()));
  io::TaskGroup tasks([&](std::string_view, std::string_view what) { events.note("error", what); });
  InternalServer internal(folder.path() + "/maildir", tasks);
  if (auto started = internal.start(); !started) return complain(started.error().detail, EX_UNAVAILABLE);

  io::EventLoop loop;
  io::SignalSet signals(loop.executor(), {SIGTERM, SIGINT});
  dns::ZoneResolver zone = open_zone();
  std::unique_ptr<Gateway> running;
  if (int status = start_gateway(options, folder.path(), internal.sink().local(), events, zone, running))
    return status;
  Gateway& gateway = *running;

  Endpoint mx = listener_named(gateway, "mx");
  fmt::print("Sallyport is up on {}, with a small internal server behind it on {}.\n", mx.to_string(),
             internal.sink().local().to_string());
  if (options.port != 0 && mx.port != options.port)
    fmt::print("(Port {} is in use, so it took others.)\n", options.port);
  bool good = true;
  DemoStage stage(options.colour);
  const Scene scene{mx, listener_named(gateway, "front"), kept};
  loop.run(play_all(stage, *client_tls, scene, internal.sink(), good));
  if (!options.once) {
    folder.keep();
    print_how_to_connect(gateway, folder.path());
    loop.run(wait_for_end(signals));
  }
  gateway.stop();
  return good ? EX_OK : EX_SOFTWARE;
}

}  // namespace sallyport::proxy
