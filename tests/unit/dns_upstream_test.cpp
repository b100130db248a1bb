#include <doctest/doctest.h>

#include <set>
#include <string>

#include "dns/upstream.h"
#include "dns_fake_server.h"
#include "io_support.h"

using namespace sallyport;
using namespace sallyport::dns;
using namespace sallyport::dns::testing;

namespace {

using namespace std::chrono_literals;

struct Burst {
  explicit Burst(const io::Executor& executor) : ended(executor) {}
  int running = 0;
  int found = 0;
  io::Signal ended;
};

struct Asked : Upstream::Flight {
  Asked(Question question, std::shared_ptr<Burst> of)
      : Upstream::Flight(std::move(question)), burst(std::move(of)) {}
  void landed(Answer answer) override {
    burst->found += answer.found() ? 1 : 0;
    if (--burst->running == 0) burst->ended.notify();
  }

  std::shared_ptr<Burst> burst;
};

std::shared_ptr<Burst> begin(Upstream& upstream, const io::Executor& executor, int questions) {
  auto burst = std::make_shared<Burst>(executor);
  burst->running = questions;
  for (int number = 0; number < questions; ++number) {
    Question question{*Name::parse("n" + std::to_string(number) + ".example"), Type::a};
    upstream.ask(std::make_shared<Asked>(std::move(question), burst));
  }
  return burst;
}

std::set<unsigned> ports(const std::vector<Query>& queries) {
  std::set<unsigned> ports;
  for (const Query& query : queries) ports.insert(query.client().port);
  return ports;
}

using Test = io::Task<> (*)(std::shared_ptr<Upstream>, FakeServer&);

void on_upstream(Test test) {
  FakeServer server(answer_address);
  server.hold();
  io::EventLoop loop;
  auto upstream =
      Upstream::open(loop.executor(), system_clock(), {server.endpoint()}, 60s, 1, [](const Endpoint&) {});
  REQUIRE(upstream);
  loop.run(test(*upstream, server));
}

io::Task<> takes_more_channels(std::shared_ptr<Upstream> upstream, FakeServer& server) {
  const io::Executor executor = co_await io::this_executor();
  constexpr int kQuestions = 2 * Upstream::kAtOnce + 1;
  for (int again = 0; again < 2; ++again) {
    server.hold();
    const auto burst = begin(*upstream, executor, kQuestions);
    CHECK(upstream->channels() == 3);
    CHECK(ports(server.await_held(kQuestions)).size() == 3);
    server.release();
    CHECK(co_await burst->ended.wait(io::testing::in(60s)));
    CHECK(burst->found == kQuestions);
    CHECK(upstream->channels() == Upstream::kIdleChannels);
  }
}

io::Task<> takes_no_more_than_most(std::shared_ptr<Upstream> upstream, FakeServer&) {
  const io::Executor executor = co_await io::this_executor();
  const auto burst = begin(*upstream, executor, Upstream::kAtOnce * int{Upstream::kMostChannels} + 1);
  CHECK(upstream->channels() == Upstream::kMostChannels);
  upstream->abandon();
  CHECK(co_await burst->ended.wait(io::testing::soon()));
  CHECK(burst->found == 0);
}

}  // namespace

TEST_CASE("dns: a burst of questions comes from several ports, and leaves few channels behind") {
  on_upstream(takes_more_channels);
}

TEST_CASE("dns: the channels to a server have a bound") { on_upstream(takes_no_more_than_most); }
