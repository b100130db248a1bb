// The live resolver and one server: what is asked, what is believed, and what is remembered.
#include <doctest/doctest.h>

#include "dns/datagrams.h"
#include "dns_live_support.h"

using namespace sallyport;
using namespace sallyport::dns;
using namespace sallyport::dns::testing;

namespace {

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

TEST_CASE("dns: a silent server is asked anew after a quarter of its time") {
  on_server(be_silent, asks_anew, 40ms);
}

TEST_CASE("dns: questions in flight have a bound") { on_server(answer_address, asks_at_most); }

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
