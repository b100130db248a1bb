// What the tests of the relay share: a Relay with its services, a clock that can be set forward, a loop.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "base/io/event_loop.h"
#include "base/io/worker_pool.h"
#include "base/store/message_buffer.h"
#include "base/store/state_store.h"
#include "proxy/relay/relay.h"
#include "tests/unit/envelope_support.h"
#include "tests/unit/relay_fake_hop.h"

namespace sallyport::relay::testing {

using namespace std::chrono_literals;

class ShiftedClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now() + shift; }
  WallTime wall() const override { return std::chrono::system_clock::now() + shift; }
  std::chrono::seconds shift{0};
};

using sallyport::testing::path;

inline constexpr const char* kClient = "192.0.2.0/24";  // who the client is, unless a test says otherwise

inline Envelope envelope(std::vector<std::string> to, std::string_view from = "s@example.net") {
  Envelope envelope;
  envelope.id = "testid";
  envelope.identity = kClient;
  envelope.sender = path(from);
  for (const auto& address : to) envelope.recipients.push_back({path(address), {}, false});
  return envelope;
}

inline const std::string kTrace = "Received: from a by b; today\r\n";
inline const std::string kContent = "Subject: hello\r\n\r\nA body.\r\n";

// A state store in memory whose disk can be full.
class StateOnDisk final : public store::StateStore {
 public:
  explicit StateOnDisk(const Clock& clock) : memory_(*open("", clock, [](std::string_view) {})) {}

  std::optional<std::string> get(std::string_view kind, std::string_view key) const override {
    return memory_->get(kind, key);
  }
  void put(std::string_view kind, std::string_view key, std::string_view value, WallTime expires) override {
    memory_->put(kind, key, value, expires);
  }
  io::Task<Result<>> put_durable(std::string kind, std::string key, std::string value,
                                 WallTime expires) override {
    memory_->put(kind, key, value, expires);
    if (disk_is_full) co_return fail(Errc::no_space, "disk full");
    co_return Result<>{};
  }
  void erase(std::string_view kind, std::string_view key) override { memory_->erase(kind, key); }
  WallTime now() const override { return memory_->now(); }
  void update(std::string_view kind, std::string_view key, const Change& change) override {
    memory_->update(kind, key, change);
  }
  void scan(std::string_view kind, const Visitor& visitor) const override { memory_->scan(kind, visitor); }
  bool is_complete(std::string_view kind) const override { return memory_->is_complete(kind); }
  Figures figures() const override { return memory_->figures(); }
  std::size_t count(std::string_view kind) const override { return memory_->count(kind); }
  Result<> flush() override { return memory_->flush(); }

  bool disk_is_full = false;

 private:
  std::unique_ptr<store::StateStore> memory_;
};

struct Bench {
  ShiftedClock clock;
  std::vector<Trouble> troubles;
  io::TaskGroup tasks{[](std::string_view task, std::string_view what) {
    FAIL_CHECK((std::string(task) + ": " + std::string(what)));
  }};
  StateOnDisk state{clock};
  io::WorkerPool files{"files", 1, 100};
  FakeHop hop;
  FakeHop second;
  Relay relay{{clock, tasks, state, [this](const Trouble& trouble) { troubles.push_back(trouble); }}};
  io::EventLoop loop;

  Route route;
  bool client_there = true;
  std::string client = kClient;  // that asks
  Duration patience = 10s;
  std::string role_mailbox;

  Bench() {
    io::ignore_sigpipe();
    hop.start(tasks, loop.executor());
    second.start(tasks, loop.executor());
    route.name = "test";
    route.tls = TlsPolicy::never;
    route.helo = "us.test";
    route.command_timeout = 2s;
    route.greeting_timeout = 2s;
    route.data_timeout = 2s;
    relay.set_ourselves("us.test", {});
  }

  std::shared_ptr<const Route> current_route() {
    auto now = std::make_shared<Route>(route);
    if (now->hosts.empty()) now->hosts = {hop.host()};
    return now;
  }

  Delivery deliver(const Envelope& mail, std::string_view content = kContent);
  Delivery deliver_to(std::vector<std::string> to) { return deliver(envelope(std::move(to))); }
  RecipientAnswer ask(std::string_view address, bool role = false, std::string_view from = "s@example.net");
  int told(std::string_view kind) const {
    return static_cast<int>(
        std::ranges::count_if(troubles, [&](const Trouble& trouble) { return trouble.kind == kind; }));
  }
};

inline io::Task<> deliver_task(Bench& bench, const Envelope& mail, std::string_view content,
                               Delivery& out) {
  store::MessageBuffer buffer("/tmp", bench.files);
  buffer.append(content);
  if (buffer.wants_spill()) REQUIRE(co_await buffer.spill());
  out = co_await bench.relay.deliver(bench.current_route(), mail, kTrace, buffer, bench.role_mailbox,
                                     bench.clock.now() + bench.patience,
                                     [&bench] { return bench.client_there; });
}

inline Delivery Bench::deliver(const Envelope& mail, std::string_view content) {
  Delivery out;
  loop.run(deliver_task(*this, mail, content, out));
  return out;
}

inline io::Task<> ask_task(Bench& bench, std::string_view address, bool role, std::string_view from,
                           RecipientAnswer& out) {
  out = co_await bench.relay.ask(bench.current_route(),
                                 {*IpAddress::parse("192.0.2.1"), path(from), bench.client},
                                 {path(address), {}, role}, bench.clock.now() + bench.patience);
}

inline RecipientAnswer Bench::ask(std::string_view address, bool role, std::string_view from) {
  RecipientAnswer out;
  loop.run(ask_task(*this, address, role, from, out));
  return out;
}

inline std::string line(const mail::Reply& reply) {
  return std::to_string(reply.code) + " " + reply.enhanced.to_string();
}

}  // namespace sallyport::relay::testing
