// Whole sessions: proxy::Session with its machine, its transactions and the relay, between a client and a
// next hop that the fuzzer makes up. Everything is there but sockets, TLS and the clock.
#include "proxy/session.h"

#include <fcntl.h>

#include <algorithm>
#include <map>

#include "base/io/event_loop.h"
#include "base/store/state_store.h"
#include "dns/zone_resolver.h"
#include "proxy/session_registry.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/session_client.h"
#include "tests/fuzz/session_hop.h"
#include "tests/fuzz/session_reading.h"
#include "tests/fuzz/targets.h"

namespace sallyport::fuzz {
namespace {

constexpr std::size_t kMostWritten = 20 * 1024;  // at once: 16 KiB and the reply that went over it

class NoTls final : public io::ServerTls {
 public:
  WallTime expires() const override { return WallTime::max(); }
};

// What lives as long as the process, as in the gateway.
struct Process {
  io::WorkerPool files{"files", 1, 10};
  io::WorkerPool passwords{"passwords", 1, 10};
  store::EventLog events{open("/dev/null", O_WRONLY | O_CLOEXEC), store::LogFormat::json, system_clock()};
  std::string thrown;
  io::TaskGroup tasks{[this](std::string_view, std::string_view what) { thrown = what; }};
  io::EventLoop loop;
};

// Names of clients and senders, good, bad and failing.
dns::ZoneResolver a_zone() {
  std::vector<dns::ZoneResolver::Fault> faults;
  return dns::ZoneResolver::parse(R"($ORIGIN example.net.
@ MX 10 mx
@ TXT "v=spf1 mx -all"
mx A 192.0.2.77
null MX 0 .
slow TIMEOUT
broken SERVFAIL
77.2.0.192.in-addr.arpa. PTR mx
)",
                                  faults);
}

// One next hop and one listener; which of its many ways the session takes is the choice of the input.
struct World {
  explicit World(std::size_t choice);

  Process& process;
  std::shared_ptr<HopWorld> hop = std::make_shared<HopWorld>();
  std::unique_ptr<store::StateStore> state;
  relay::Relay relay;
  dns::ZoneResolver resolver = a_zone();
  proxy::SessionLimits limits;
  proxy::KnownGood known_good;
  proxy::FactMemory facts;
  proxy::Greylist greylist{*state};
  store::InFlight in_flight;  // holds nothing
  proxy::SenderBook senders{*state, system_clock()};
  proxy::Rates rates{*state};
  proxy::Penalties penalties{*state};
  proxy::Services services;
  proxy::ListenerSettings listener;
  std::shared_ptr<proxy::Settings> settings = std::make_shared<proxy::Settings>();
  proxy::SessionRegistry registry;
};

Process& the_process() {
  static Process process;
  return process;
}

std::shared_ptr<const relay::Route> route(const char* name, std::size_t choice) {
  auto route = std::make_shared<relay::Route>();
  route->name = name;
  route->hosts = {{.name = "192.0.2.25", .port = 25, .lmtp = choice % 4 == 3}};
  if (choice % 8 > 3) route->hosts.push_back({.name = "192.0.2.26", .port = 25, .lmtp = choice % 4 == 3});
  route->tls = relay::TlsPolicy::never;
  if (choice % 3 == 1) route->recipients = relay::RecipientCheck::any;
  return route;
}

World::World(std::size_t choice)
    : process(the_process()),
      state(*store::StateStore::open("", system_clock(), [](std::string_view) {})),
      relay({system_clock(), process.tasks, *state, [](const relay::Trouble&) {}}),
      services{system_clock(),    process.events, process.tasks, process.files,
               process.passwords, relay,          resolver,      limits,
               known_good,        facts,          greylist,      in_flight,
               senders,           rates,          penalties,     [this] { return settings; }} {
  auto policy = std::make_shared<policy::Settings>();
  policy->hostname = "mx.example.test";
  policy->domains.add("example.test", "r");
  policy->domains.add("other.test", "o");
  settings->policy = policy;
  settings->routes = {{"r", route("r", choice)}, {"o", route("o", choice / 2)}};
  settings->tls = std::make_shared<NoTls>();
  settings->limits.message_size = choice % 5 == 4 ? 40 : 5000;
  settings->limits.line_length = choice % 7 == 6 ? 30 : 1000;
  settings->limits.recipients = 3;
  settings->limits.errors = 6;
  settings->limits.junk_commands = 10;
  settings->limits.penalty.mode = proxy::Mode::off;  // nobody waits here
  settings->temp_directory = "/tmp";
  if (choice % 6 == 5) settings->early_talkers.turned_away = true;
  hop->lmtp = choice % 4 == 3;
  if (choice % 2 == 0) hop->offers += "250-PIPELINING\r\n";
  if (choice % 16 > 7) hop->offers += "250-CHUNKING\r\n";
  if (choice % 9 == 8) hop->offers += "250-SIZE 60\r\n";
  hop->offers += "250-8BITMIME\r\n";
  relay.set_ourselves("mx.example.test", {});
}

io::Task<> serve(World& world, std::unique_ptr<io::Stream> client) {
  co_await proxy::Session::serve(std::move(client), world.settings, &world.listener, nullptr,
                                 world.services, world.registry);
  co_await world.relay.close_idle();
  for (int turn = 0; turn < 1000 && world.process.tasks.running() > 0; ++turn) co_await io::sleep_until({});
}

// -- what must hold ------------------------------------------------------------------------------------

// Below one field, folded.
std::string_view below_field(std::string_view content) {
  std::size_t end = content.find("\r\n");
  while (end != std::string_view::npos && end + 2 < content.size() && content[end + 2] == '\t')
    end = content.find("\r\n", end + 2);
  promise(end != std::string_view::npos, "the trace field ends");
  return content.substr(end + 2);
}

// Our fields on top; below them the client's own octets.
std::string_view below_trace(std::string_view content) {
  for (const char* name : {"Authentication-Results:", "Received-SPF:"})
    if (content.starts_with(name)) content = below_field(content);
  promise(content.starts_with("Received:"), "a trace field stands on top");
  return below_field(content);
}

// DATA towards the next hop cannot but end the last line.
bool same_content(std::string_view stored, std::string_view sent) {
  return stored == sent || (!sent.ends_with("\r\n") && stored == std::string(sent) + "\r\n");
}

std::vector<std::string> each_once(std::vector<std::string> recipients) {
  std::vector<std::string> once;
  for (auto& recipient : recipients)
    if (std::ranges::find(once, recipient) == once.end()) once.push_back(std::move(recipient));
  return once;
}

bool is_of(const Stored& stored, const Attempt& attempt, bool lmtp) {
  if (stored.sender != attempt.sender || !same_content(below_trace(stored.content), attempt.content))
    return false;
  const auto recipients = each_once(attempt.recipients);
  if (!lmtp) return stored.recipients == recipients;
  return std::ranges::find(recipients, stored.recipients.front()) != recipients.end();
}

// Nothing reached the next hop that the client had not sent just so, with all its recipients and no others.
void check_stored(const HopWorld& hop, const SessionReading& reading) {
  for (const Stored& stored : hop.stored)
    promise(std::ranges::any_of(reading.attempts,
                                [&](const Attempt& attempt) { return is_of(stored, attempt, hop.lmtp); }),
            "the next hop gets the envelope that was answered 250, and the content as it was sent");
}

// 250 to the dot only if the next hop has said 250 for all, for this very message.
void check_delivered(const HopWorld& hop, const SessionReading& reading, bool cut_off) {
  std::vector<bool> used(hop.stored.size());
  for (const Attempt& attempt : reading.attempts) {
    if (attempt.code / 100 != 2) continue;
    for (const std::string& recipient : each_once(attempt.recipients)) {
      bool taken = false;
      for (std::size_t i = 0; i < used.size() && !taken; ++i) {
        if (used[i] &&
            !(hop.lmtp && std::ranges::count(reading.attempts, attempt.sender, &Attempt::sender) > 1))
          continue;
        const auto& stored = hop.stored[i];
        taken = stored.confirmed && is_of(stored, attempt, hop.lmtp) &&
                std::ranges::find(stored.recipients, recipient) != stored.recipients.end();
        if (taken && (hop.lmtp || recipient == each_once(attempt.recipients).back())) used[i] = true;
      }
      promise(taken, "250 only for what the next hop has said 250 to");
    }
  }
  if (hop.lmtp || cut_off) return;
  const auto confirmed = static_cast<std::size_t>(std::ranges::count_if(hop.stored, &Stored::confirmed));
  promise(confirmed == reading.delivered(), "what the next hop has said 250 to is answered 250");
}

// Beside what the client asked for there are only the questions for a mailbox that cannot exist.
void check_asked(const HopWorld& hop, const SessionReading& reading) {
  for (const std::string& asked : hop.asked) {
    const bool impossible = asked.starts_with('x') && asked.find('@') == 21;
    promise(impossible || std::ranges::find(reading.asked, asked) != reading.asked.end(),
            "the next hop hears of no recipient that the client did not name");
  }
}

bool is_hop_letter(char letter) {
  return std::string_view("123456789+=&").find(letter) != std::string_view::npos;
}

}  // namespace

void session(std::string_view input) {
  World world(take_choice(input, session_letters()));
  for (const char octet : input) {
    const char letter = letter_of(octet, session_letters()).letter;
    if (is_hop_letter(letter)) world.hop->script.push_back(letter);
  }
  set_hop_world(world.hop);
  const auto client = std::make_shared<ClientRecord>();
  world.process.loop.run(serve(world, std::make_unique<ClientStream>(input, client)));
  set_hop_world(nullptr);

  promise(world.process.thrown.empty(), "no task throws");
  promise(world.process.tasks.running() == 0, "no task stays behind");
  if (!world.hop->broken.empty()) broken(world.hop->broken);
  promise(client->longest_write <= kMostWritten, "output is bounded");
  const SessionReading reading = read_session(client->sent, client->heard);
  check_stored(*world.hop, reading);
  check_delivered(*world.hop, reading, client->reset);
  check_asked(*world.hop, reading);
}

}  // namespace sallyport::fuzz
