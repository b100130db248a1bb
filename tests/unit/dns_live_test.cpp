#include <doctest/doctest.h>

#include <boost/asio/post.hpp>
#include <cstdio>
#include <fstream>
#include <optional>
#include <thread>

#include "dns/datagrams.h"
#include "dns/live_resolver.h"
#include "dns/lookup.h"
#include "dns/resolv_conf.h"
#include "dns_fake_server.h"
#include "io_support.h"
#include "store_scratch.h"

using namespace sallyport;
using namespace sallyport::dns;
using namespace sallyport::dns::testing;

namespace {

using namespace std::chrono_literals;
using io::testing::tasks;

constexpr auto kPatience = 60s;  // a server's time, where its answer is expected

const std::string kAddress("\xc0\x00\x02\x01", 4);

Question question(const char* name = "a.example", Type type = Type::a) {
  return {Name::parse(name).value(), type};
}

// Time for caches and for the health of servers, which stands still; c-ares has its own.
struct TestClock : Clock {
  TimePoint began = std::chrono::steady_clock::now();
  std::chrono::seconds ahead{0};
  TimePoint now() const override { return began + ahead; }
};

LiveSettings settings(std::vector<Endpoint> servers, Duration timeout = kPatience) {
  LiveSettings made;
  made.servers = std::move(servers);
  made.timeout = timeout;
  return made;
}

void no_news(std::string_view level, std::string_view text) { FAIL_CHECK(level << ": " << text); }

struct Asked {
  explicit Asked(const io::Executor& executor) : done(executor) {}
  AnswerPtr answer;
  io::Signal done;
};

io::Task<> ask_into(Resolver& resolver, Question asked, Asking asking, Asked& into) {
  into.answer = co_await resolver.ask(std::move(asked), asking);
  into.done.notify();
}

using Test = io::Task<> (*)(LiveResolver&, FakeServer&, TestClock&);

void on_server(FakeServer::Rule rule, Test test, Duration timeout = kPatience) {
  FakeServer server(std::move(rule));
  TestClock clock;
  io::EventLoop loop;
  LiveResolver resolver(settings({server.endpoint()}, timeout), clock, no_news);
  REQUIRE(resolver.attach(loop.executor()));
  loop.run(test(resolver, server, clock));
  resolver.detach(loop.executor());
}

io::Task<Status> status(Resolver& resolver, Question asked = question(), Asking asking = {}) {
  co_return (co_await resolver.ask(std::move(asked), asking))->status;
}

io::Task<> keeps(LiveResolver& resolver, FakeServer& server, TestClock& clock) {
  CHECK_FALSE(resolver.at_hand(question()));
  const AnswerPtr answer = co_await resolver.ask(question(), {});
  REQUIRE(answer->found());
  CHECK(all<IpAddress>(*answer) == std::vector{IpAddress::v4(0xc0000201)});
  CHECK(resolver.at_hand(question()) == answer);
  CHECK(co_await resolver.ask(question("A.EXAMPLE."), {}) == answer);
  CHECK(server.queries() == 1);
  CHECK(co_await status(resolver, question(), {TimePoint::max(), true}) == Status::found);
  CHECK(server.queries() == 2);
  clock.ahead = 301s;
  CHECK_FALSE(resolver.at_hand(question()));
  CHECK(co_await status(resolver) == Status::found);
  CHECK(server.queries() == 3);
  CHECK(resolver.counts().asked == 3);
  CHECK(resolver.counts().entries == 1);
}

io::Task<> shares(LiveResolver& resolver, FakeServer& server, TestClock&) {
  const io::Executor executor = co_await io::this_executor();
  server.hold();
  Asked first(executor), second(executor);
  tasks().spawn(executor, "first", ask_into(resolver, question(), {}, first));
  tasks().spawn(executor, "second", ask_into(resolver, question(), {}, second));
  server.await_held(1);
  server.release();
  CHECK(co_await first.done.wait(io::testing::soon() + kPatience));
  CHECK(co_await second.done.wait(io::testing::soon() + kPatience));
  CHECK(first.answer == second.answer);
  CHECK(server.queries() == 1);
  CHECK(resolver.counts().shared == 1);
}

io::Task<> gives_up(LiveResolver& resolver, FakeServer& server, TestClock&) {
  server.hold();
  CHECK(co_await status(resolver, question(), {io::testing::in(1ms)}) == Status::timeout);
  // The question is still in flight: the next who asks shares it.
  const io::Executor executor = co_await io::this_executor();
  Asked later(executor);
  tasks().spawn(executor, "later", ask_into(resolver, question(), {}, later));
  server.release();
  CHECK(co_await later.done.wait(io::testing::soon() + kPatience));
  CHECK(later.answer->found());
  CHECK(server.queries() == 1);
}

void spoof_then_answer(const Query& query) {
  const std::string forged = std::string("\xcb\x00\x71\x06", 4);
  std::string other_id = query.answer(0, forged);
  other_id[0] = static_cast<char>(other_id[0] ^ 1);
  query.send(other_id);
  std::string other_question = query.answer(0, forged);
  other_question[13] = static_cast<char>(other_question[13] ^ 1);
  query.send(other_question);
  query.send_from_elsewhere(query.answer(0, forged));
  query.send("");
  query.send("x");
  answer_address(query);
}

io::Task<> believes_none(LiveResolver& resolver, FakeServer&, TestClock&) {
  const AnswerPtr answer = co_await resolver.ask(question(), {});
  CHECK(all<IpAddress>(*answer) == std::vector{IpAddress::v4(0xc0000201)});
}

void guess(const Query& query) {
  if (query.over_tcp()) return answer_address(query);
  const std::string forged("\xcb\x00\x71\x06", 4);
  std::string guessed = query.answer(0, forged);
  for (int guesses = 0; guesses < Datagrams::kMostForged; ++guesses) {
    guessed[1] = static_cast<char>(guessed[1] + 1);
    query.send(guessed);
  }
  query.send(query.answer(0, forged));  // the right one comes too late for him
}

io::Task<> turns_from_forger(Resolver& resolver, FakeServer& server, TestClock& clock, int& warnings) {
  for (const char* name : {"a.example", "b.example"}) {
    const AnswerPtr answer = co_await resolver.ask(question(name), {});
    CHECK(all<IpAddress>(*answer) == std::vector{IpAddress::v4(0xc0000201)});
  }
  CHECK(server.over_tcp() == 2);
  CHECK(warnings == 1);
  clock.ahead = 60s;
  CHECK(co_await status(resolver, question("c.example")) == Status::found);
  CHECK(warnings == 2);
}

bool has_edns(const Query& query) { return query.message()[11] != 0; }

void know_no_edns(const Query& query) {
  if (has_edns(query)) return query.send(query.answer(1));
  answer_address(query);
}

io::Task<> does_without_edns(LiveResolver& resolver, FakeServer& server, TestClock&) {
  CHECK(co_await status(resolver, question("a.example")) == Status::found);
  CHECK(server.queries() == 2);
  CHECK(co_await status(resolver, question("b.example")) == Status::found);
  CHECK(server.queries() == 3);
}

io::Task<> tries_edns_again(LiveResolver& resolver, FakeServer& server, TestClock& clock) {
  CHECK(co_await status(resolver, question("a.example")) == Status::found);
  CHECK(server.queries() == 2);
  clock.ahead = 14min;
  CHECK(co_await status(resolver, question("b.example")) == Status::found);
  CHECK(server.queries() == 3);
  clock.ahead = 15min;  // after the first failure: what was asked without it since proves nothing
  CHECK(co_await status(resolver, question("c.example")) == Status::found);
  CHECK(server.queries() == 5);
}

void misunderstand_one(const Query& query) {
  if (query.message()[13] == 'a' || !has_edns(query)) return query.send(query.answer(1));
  answer_address(query);
}

io::Task<> keeps_edns(LiveResolver& resolver, FakeServer&, TestClock&) {
  CHECK(co_await status(resolver, question("a.example")) == Status::malformed);
  CHECK(co_await status(resolver, question("b.example")) == Status::found);
}

// a is an alias of b, b of c, and so on; y has an address, z is an alias of z.
void forward_halves(const Query& query) {
  char target = static_cast<char>(query.message()[13] + 1);
  if (target == 'z') return answer_address(query);
  if (target > 'z') target = 'z';
  query.send(query.of_type(Type::cname, std::string("\x01") + target + query.message().substr(14, 9)));
}

io::Task<> asks_for_the_rest(LiveResolver& resolver, FakeServer& server, TestClock&) {
  const AnswerPtr answer = co_await resolver.ask(question("o.example"), {});
  CHECK(all<IpAddress>(*answer) == std::vector{IpAddress::v4(0xc0000201)});
  CHECK(answer->owner == Name::parse("y.example"));
  CHECK(answer->ttl == 300s);
  CHECK(server.queries() == 11);
  CHECK(co_await status(resolver, question("n.example")) == Status::serv_fail);
  CHECK(server.queries() == 22);
  CHECK(co_await status(resolver, question("z.example")) == Status::serv_fail);
}

void cut_off(const Query& query) {
  std::string text;
  for (int piece = 0; piece < 200; ++piece) text += '\xff' + std::string(255, 't');
  query.send(query.over_tcp() ? query.of_type(Type::txt, text) : query.answer(0, {}, true));
}

io::Task<> turns_to_tcp(LiveResolver& resolver, FakeServer& server, TestClock&) {
  const AnswerPtr answer = co_await resolver.ask(question("a.example", Type::txt), {});
  REQUIRE(answer->found());
  CHECK(std::get<std::string>(answer->records.front()) == std::string(200 * 255, 't'));
  CHECK(server.over_tcp() == 1);
}

void drip(const Query& query) {
  if (query.over_tcp())
    query.send_raw(std::string(1, '\0'));
  else
    query.send(query.answer(0, {}, true));
}

template <Status expected>
io::Task<> hears(LiveResolver& resolver, FakeServer&, TestClock&) {
  CHECK(co_await status(resolver) == expected);
  CHECK(resolver.counts().failed == 1);
  CHECK(resolver.at_hand(question())->status == expected);  // for a moment
}

io::Task<> asks_anew(LiveResolver& resolver, FakeServer& server, TestClock&) {
  server.hold();
  CHECK(co_await status(resolver) == Status::timeout);
  server.await_held(6);  // four in the time of a server, and that one and a half times
  CHECK(server.queries() == 6);
}

io::Task<> asks_at_most(LiveResolver& resolver, FakeServer& server, TestClock&) {
  LiveSettings small = settings({server.endpoint()});
  small.max_in_flight = 1;
  resolver.reload(small);
  const io::Executor executor = co_await io::this_executor();
  server.hold();
  Asked first(executor);
  tasks().spawn(executor, "first", ask_into(resolver, question(), {}, first));
  CHECK(co_await status(resolver, question("b.example")) == Status::exhausted);
  server.await_held(1);
  server.release();
  CHECK(co_await first.done.wait(io::testing::soon() + kPatience));
  CHECK(co_await status(resolver, question("b.example")) == Status::found);
}

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

TEST_CASE("dns: an answer is asked for once and kept, but for who wants it fresh") {
  on_server(answer_address, keeps);
}

TEST_CASE("dns: equal questions in flight are asked once") { on_server(answer_address, shares); }

TEST_CASE("dns: who gives up leaves the question in flight") { on_server(answer_address, gives_up); }

TEST_CASE("dns: an answer of another id, question or address is none (attack D07)") {
  on_server(spoof_then_answer, believes_none);
}

TEST_CASE("dns: who guesses ids drives the question to TCP, and is spoken of once a minute (attack D07)") {
  FakeServer server(guess);
  TestClock clock;
  int warnings = 0;
  io::EventLoop loop;
  LiveResolver resolver(settings({server.endpoint()}), clock,
                        [&](std::string_view level, std::string_view text) {
                          CHECK(level == "warning");
                          CHECK(text.find(server.endpoint().to_string()) != std::string_view::npos);
                          ++warnings;
                        });
  REQUIRE(resolver.attach(loop.executor()));
  loop.run(turns_from_forger(resolver, server, clock, warnings));
  resolver.detach(loop.executor());
}

TEST_CASE("dns: a server that knows no EDNS is asked without it, from its first FORMERR on, a while") {
  on_server(know_no_edns, does_without_edns);
  on_server(know_no_edns, tries_edns_again);
  on_server(misunderstand_one, keeps_edns);
}

TEST_CASE("dns: where only an alias comes its target is asked, ten times (attack D02)") {
  on_server(forward_halves, asks_for_the_rest);
}

TEST_CASE("dns: an answer that was cut off is fetched over TCP") { on_server(cut_off, turns_to_tcp); }

TEST_CASE("dns: an answer that drips over TCP is a timeout (attack D06)") {
  on_server(drip, hears<Status::timeout>, 20ms);
}

TEST_CASE("dns: each failure of the only server is heard as what it is") {
  on_server(be_silent, hears<Status::timeout>, 10ms);
  on_server(fail_with_servfail, hears<Status::serv_fail>);
  on_server([](const Query& query) { query.send(query.answer(5)); }, hears<Status::refused>);
  on_server([](const Query& query) { query.send(query.answer(0, "abc")); }, hears<Status::malformed>);
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

TEST_CASE("dns: a silent server is asked anew after a quarter of its time") {
  on_server(be_silent, asks_anew, 40ms);
}

TEST_CASE("dns: questions in flight have a bound") { on_server(answer_address, asks_at_most); }

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

TEST_CASE("dns: a server with an IPv6 address is asked by UDP and by TCP") {
  const IpAddress local = *IpAddress::parse("::1");
  if (!FakeServer::can_be_at(local)) {
    MESSAGE("no IPv6 on this machine");
    return;
  }
  FakeServer server(cut_off, local);
  TestClock clock;
  io::EventLoop loop;
  LiveResolver resolver(settings({server.endpoint()}), clock, no_news);
  REQUIRE(resolver.attach(loop.executor()));
  loop.run(turns_to_tcp(resolver, server, clock));
  resolver.detach(loop.executor());
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
