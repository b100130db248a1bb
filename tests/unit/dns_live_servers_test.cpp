// The live resolver and its servers and cores: those that are dead, or come and go; resolv.conf.
#include <doctest/doctest.h>

#include <boost/asio/post.hpp>
#include <fstream>
#include <thread>

#include "dns/lookup.h"
#include "dns/resolv_conf.h"
#include "dns_live_support.h"
#include "store_scratch.h"

using namespace sallyport;
using namespace sallyport::dns;
using namespace sallyport::dns::testing;

namespace {

io::Task<> is_detached(LiveResolver& resolver, FakeServer& server, TestClock&) {
  const io::Executor executor = co_await io::this_executor();
  server.hold();
  Asked first(executor);
  tasks().spawn(executor, "first", ask_into(resolver, question(), {}, first));
  server.await_held(1);
  resolver.detach(executor);
  CHECK(co_await first.done.wait(io::testing::soon()));  // long before the server's time is over
  CHECK(first.answer->status == Status::timeout);
  CHECK(co_await status(resolver, question("b.example")) == Status::timeout);
}

io::Task<> changes_servers(LiveResolver& resolver, FakeServer& server, TestClock&) {
  FakeServer other(answer_address);
  const io::Executor executor = co_await io::this_executor();
  server.hold();
  Asked before(executor);
  tasks().spawn(executor, "before", ask_into(resolver, question(), {}, before));
  server.await_held(1);
  resolver.reload(settings({other.endpoint()}));
  CHECK(co_await status(resolver, question("b.example")) == Status::found);
  CHECK(other.queries() == 1);
  server.release();
  CHECK(co_await before.done.wait(io::testing::soon() + kPatience));
  CHECK(before.answer->found());
  CHECK(server.queries() == 1);
}

void answer_otherwise(const Query& query) {
  query.send(query.answer(0, std::string("\xc0\x00\x02\x02", 4)));
}

io::Task<> believes_the_new(LiveResolver& resolver, FakeServer& server, TestClock&) {
  FakeServer other(answer_otherwise);
  const io::Executor executor = co_await io::this_executor();
  server.hold();
  Asked before(executor);
  tasks().spawn(executor, "before", ask_into(resolver, question(), {}, before));
  server.await_held(1);
  const unsigned epoch = resolver.epoch();
  resolver.reload(settings({other.endpoint()}));
  CHECK(resolver.epoch() != epoch);
  const AnswerPtr now = co_await resolver.ask(question(), {});  // not shared with who asked before
  CHECK(all<IpAddress>(*now) == std::vector{IpAddress::v4(0xc0000202)});
  server.release();
  CHECK(co_await before.done.wait(io::testing::soon() + kPatience));
  CHECK(all<IpAddress>(*before.answer) == std::vector{IpAddress::v4(0xc0000201)});
  CHECK(resolver.at_hand(question()) == now);
  CHECK(other.queries() == 1);
}

io::Task<> keeps_across_reload(LiveResolver& resolver, FakeServer& server, TestClock& clock) {
  const io::Executor executor = co_await io::this_executor();
  server.hold();
  Asked before(executor);
  tasks().spawn(executor, "before", ask_into(resolver, question(), {}, before));
  server.await_held(1);
  const unsigned epoch = resolver.epoch();
  resolver.reload(settings({server.endpoint()}, 2 * kPatience));  // the same server has said it
  CHECK(resolver.epoch() == epoch);
  server.release();
  CHECK(co_await before.done.wait(io::testing::soon() + kPatience));
  CHECK(resolver.at_hand(question()) == before.answer);
  CHECK(before.answer->until == clock.now() + lifetime(*before.answer));
}

io::Task<> leaves_in_flight(LiveResolver& resolver, FakeServer& server, TestClock&) {
  CHECK(co_await status(resolver, question("a.example"), {io::testing::in(1ms)}) == Status::timeout);
  resolver.reload(settings({server.endpoint()}));
  CHECK(co_await status(resolver, question("b.example"), {io::testing::in(1ms)}) == Status::timeout);
}

}  // namespace

TEST_CASE("dns: who waits on a core that is detached hears a timeout") {
  on_server(answer_address, is_detached);
}

TEST_CASE("dns: what is in flight when its loop has ended is given back, also by servers of before") {
  on_server(be_silent, leaves_in_flight);  // for LeakSanitizer
}

TEST_CASE("dns: a reload changes the servers, and ends no question in flight (attack D09)") {
  on_server(answer_address, changes_servers);
}

TEST_CASE("dns: what old servers still answer is for those who asked them, and not kept") {
  on_server(answer_address, believes_the_new);
  on_server(answer_address, keeps_across_reload);
}

namespace {

io::Task<> says_why(Resolver& resolver, std::string& into) {
  into = summary(*co_await resolver.ask(question(), {}));
}

std::string failure_of(std::vector<Endpoint> servers, Duration timeout = kPatience) {
  TestClock clock;
  io::EventLoop loop;
  LiveResolver resolver(settings(std::move(servers), timeout), clock, no_news);
  REQUIRE(resolver.attach(loop.executor()));
  std::string why;
  loop.run(says_why(resolver, why));
  resolver.detach(loop.executor());
  return why;
}

// The fake listens on 127.0.0.1 alone.
Endpoint nobody_beside(const FakeServer& server) {
  return {IpAddress::v4(0x7f000002), server.endpoint().port};
}

}  // namespace

TEST_CASE("dns: a server where nobody listens is another thing than one that refuses, and both are named") {
  FakeServer refusing([](const Query& query) { query.send(query.answer(5)); }), silent(be_silent);
  const Endpoint closed = nobody_beside(silent);
  CHECK(failure_of({closed}) == "unreachable: " + closed.to_string());
  CHECK(failure_of({refusing.endpoint()}) == "REFUSED from " + refusing.endpoint().to_string());
  CHECK(failure_of({refusing.endpoint(), closed}) == "REFUSED from " + refusing.endpoint().to_string());
  CHECK(failure_of({silent.endpoint()}, 10ms) == "timeout");
}

namespace {

io::Task<> passes_over(LiveResolver& resolver, FakeServer& first, FakeServer& second, TestClock& clock) {
  CHECK(co_await status(resolver, question("a.example")) == Status::found);
  CHECK(first.queries() == 1);
  CHECK(co_await status(resolver, question("b.example")) == Status::found);
  CHECK(first.queries() == 1);  // known to be dead
  CHECK(second.queries() == 2);
  clock.ahead = 20s;
  CHECK(co_await status(resolver, question("c.example")) == Status::found);
  CHECK(first.queries() == 2);  // tried again
  CHECK(co_await status(resolver, question("d.example")) == Status::found);
  CHECK(first.queries() == 2);
}

io::Task<> asks_both(LiveResolver& resolver, FakeServer& first, FakeServer& second, TestClock&) {
  CHECK(co_await status(resolver, question("a.example")) == Status::found);
  CHECK(co_await status(resolver, question("b.example")) == Status::found);
  CHECK(first.queries() == 2);
  CHECK(second.queries() == 2);
}

void on_two(FakeServer::Rule rule, Duration timeout,
            io::Task<> (*test)(LiveResolver&, FakeServer&, FakeServer&, TestClock&)) {
  FakeServer first(std::move(rule)), second(answer_address);
  TestClock clock;
  io::EventLoop loop;
  LiveResolver resolver(settings({first.endpoint(), second.endpoint()}, timeout), clock, no_news);
  REQUIRE(resolver.attach(loop.executor()));
  loop.run(test(resolver, first, second, clock));
  resolver.detach(loop.executor());
}

io::Task<> ask_one(LiveResolver& resolver, AnswerPtr& answer) {
  answer = co_await resolver.ask(question(), {});
}

io::Task<> ask_none(LiveResolver& resolver) { CHECK(co_await status(resolver) == Status::unreachable); }

}  // namespace

TEST_CASE("dns: a dead server of two costs one timeout, and no answer (attack D09)") {
  on_two(be_silent, 4s, passes_over);
}

TEST_CASE("dns: after SERVFAIL the other server is asked (attack D09)") {
  on_two(fail_with_servfail, kPatience, asks_both);
}

TEST_CASE("dns: where nobody listens the answer is at once that") {
  Endpoint nobody;
  {
    FakeServer gone(be_silent);
    nobody = gone.endpoint();
  }
  io::EventLoop loop;
  LiveResolver resolver(settings({nobody}), system_clock(), no_news);
  REQUIRE(resolver.attach(loop.executor()));
  loop.run(ask_none(resolver));
  resolver.detach(loop.executor());
}

TEST_CASE("dns: cores share one question and its answer") {
  FakeServer server(answer_address);
  server.hold();
  io::EventLoop one, other;
  LiveResolver resolver(settings({server.endpoint()}), system_clock(), no_news);
  AnswerPtr first, second;
  const auto core = [&resolver](io::EventLoop& loop, AnswerPtr& answer) {
    REQUIRE(resolver.attach(loop.executor()));
    loop.run(ask_one(resolver, answer));
    resolver.detach(loop.executor());
  };
  std::thread asking([&] { core(one, first); });
  server.await_held(1);
  std::thread joining([&] { core(other, second); });
  while (resolver.counts().shared == 0) std::this_thread::yield();
  server.release();
  asking.join();
  joining.join();
  CHECK(first->found());
  CHECK(first == second);
  CHECK(server.queries() == 1);
}

TEST_CASE("dns: who waits for another core's question hears a timeout when that core is detached") {
  FakeServer server(answer_address);
  server.hold();
  io::EventLoop asks, joins;
  LiveResolver resolver(settings({server.endpoint()}), system_clock(), no_news);
  REQUIRE(resolver.attach(asks.executor()));
  REQUIRE(resolver.attach(joins.executor()));
  AnswerPtr first, second;
  std::thread asking([&] { asks.run(ask_one(resolver, first)); });
  server.await_held(1);
  std::thread joining([&] { joins.run(ask_one(resolver, second)); });
  while (resolver.counts().shared == 0) std::this_thread::yield();
  boost::asio::post(asks.executor(), [&] { resolver.detach(asks.executor()); });
  asking.join();
  joining.join();
  CHECK(first->status == Status::timeout);
  CHECK(second->status == Status::timeout);
  resolver.detach(joins.executor());
}

TEST_CASE("dns: servers of a resolv.conf") {
  CHECK(parse_resolv_conf("").empty());
  CHECK(parse_resolv_conf("# nameserver 192.0.2.9\nsearch example\nnameserver\nnameserver x\n").empty());
  const auto servers = parse_resolv_conf(
      "nameserver 192.0.2.1\n\tnameserver\t2001:db8::1 \r\nnameserver fe80::1%eth0\n"
      "nameserver 192.0.2.2\nnameserver 192.0.2.3");
  REQUIRE(servers.size() == 3);
  CHECK(servers[0] == Endpoint{IpAddress::v4(0xc0000201), 53});
  CHECK(servers[1] == Endpoint{*IpAddress::parse("2001:db8::1"), 53});
  CHECK(servers[2] == Endpoint{IpAddress::v4(0xc0000202), 53});
}

TEST_CASE("dns: a resolv.conf is read again when it has changed, and never for the worse (attack D09)") {
  const store::ScratchDirectory scratch;
  const std::string path = scratch.file("resolv.conf");
  const auto write = [&](const char* text) {
    std::ofstream(scratch.file("new")) << text;
    REQUIRE(std::rename(scratch.file("new").c_str(), path.c_str()) == 0);
  };
  ResolvConf conf(path);
  std::vector<Endpoint> servers;
  TimePoint now{};
  const auto refresh = [&] { return conf.refresh(now += 5s, servers); };
  CHECK_FALSE(refresh());  // no such file
  write("nameserver 192.0.2.1\n");
  CHECK(refresh());
  CHECK_FALSE(refresh());
  const std::vector<Endpoint> before = servers;
  write("");
  CHECK_FALSE(refresh());
  std::filesystem::remove(path);
  CHECK_FALSE(refresh());
  CHECK(servers == before);
  write("nameserver 192.0.2.2\n");
  CHECK_FALSE(conf.refresh(now + 4s, servers));  // not looked at so soon
  CHECK(refresh());
  CHECK(servers != before);
}
