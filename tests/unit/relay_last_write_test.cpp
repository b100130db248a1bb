// When the final dot is written: never behind give_up, whatever the next hop's own time allows.
#include "proxy/relay/exchange.h"
#include "tests/unit/relay_bench.h"

namespace sallyport::relay::testing {
namespace {

// Answers every read with the next of its replies; keeps the deadlines of its writes.
class ScriptedStream final : public io::Stream {
 public:
  explicit ScriptedStream(std::vector<TimePoint>& deadlines) : deadlines_(deadlines) {}

  io::Task<Result<std::string_view>> read(TimePoint, std::size_t) override {
    if (replies_.empty()) co_return fail(Errc::closed, "no more replies");
    said_ = replies_.front();
    replies_.erase(replies_.begin());
    co_return std::string_view(said_);
  }
  io::Presence poll(std::string&, std::size_t) override { return io::Presence::here; }
  io::Task<Result<>> write(std::string_view, TimePoint deadline) override {
    deadlines_.push_back(deadline);
    co_return Result<void>{};
  }
  io::Task<Result<>> write(std::span<const std::string_view> parts, TimePoint deadline) override {
    deadlines_.push_back(deadline);
    if (parts.back().ends_with(".\r\n")) co_return fail(Errc::timeout, "stuck");
    co_return Result<void>{};
  }
  io::Task<Result<>> start_tls(std::shared_ptr<const io::ServerTls>, TimePoint) override {
    co_return fail(Errc::tls, "none");
  }
  io::Task<Result<>> start_tls(std::shared_ptr<const io::ClientTls>, std::string, TimePoint) override {
    co_return fail(Errc::tls, "none");
  }
  const io::TlsInfo& tls() const override { return tls_; }
  Result<std::size_t> write_now(std::string_view) override { return std::size_t{0}; }
  io::Task<io::Farewell> close() override { co_return io::Farewell{}; }
  void hang_up() override {}
  void abort() override {}
  void interrupt() override {}
  Endpoint local() const override { return {}; }
  Endpoint peer() const override { return {}; }
  std::size_t unacknowledged() const override { return 0; }

 private:
  std::vector<std::string> replies_ = {"250 2.1.0 ok\r\n", "250 2.1.5 ok\r\n", "354 go\r\n"};
  std::string said_;
  std::vector<TimePoint>& deadlines_;
  io::TlsInfo tls_;
};

io::Task<> send_all(Bench& bench, Exchange& exchange, Step& outcome) {
  REQUIRE(co_await exchange.address(""));
  REQUIRE(co_await exchange.begin_content());
  outcome = co_await exchange.send_content([&bench] { return bench.client_there; });
}

}  // namespace

TEST_CASE("the final dot is not written behind give_up, and one that got stuck is ambiguous") {
  Bench bench;
  std::vector<TimePoint> deadlines;
  const auto host = std::make_shared<HostState>("hop.test:25", bench.tasks);
  Connection hop({}, host, std::make_unique<ScriptedStream>(deadlines));
  store::MessageBuffer content("/tmp", bench.files);
  content.append(kContent);
  const auto mail = envelope({"a@example.com"});
  const Message message{mail, kTrace, content};
  std::vector<Slot> slots(1);
  slots[0].recipient = &mail.recipients[0];
  slots[0].address = "a@example.com";
  const Patience patience{bench.clock, 60s, 300s, bench.clock.now() + 10s};
  Exchange exchange(hop, message, slots, patience);
  Step outcome;
  bench.loop.run(send_all(bench, exchange, outcome));
  REQUIRE(deadlines.size() == 4);
  for (const auto deadline : deadlines) CHECK(deadline <= patience.give_up);
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().fate == Fate::ambiguous);
}

}  // namespace sallyport::relay::testing
