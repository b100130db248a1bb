// Recipients: asked of the next hop, remembered, believed only as far as the next hop can be.
#include "proxy/relay/opening.h"
#include "tests/unit/relay_bench.h"

namespace sallyport::relay::testing {
namespace {

using Kind = RecipientAnswer::Kind;

// Knows a@ and b@ only.
void make_truthful(FakeHop& hop) {
  hop.rules.answers = {{"RCPT TO:", "550 5.1.1 who"}, {"RCPT TO:<a@", "250 ok"}, {"RCPT TO:<b@", "250 ok"}};
}

io::Task<> ask_into(Bench& bench, std::string address, RecipientAnswer& out, int& left, io::Signal& done) {
  co_await ask_task(bench, address, false, "s@example.net", out);
  if (--left == 0) done.notify();
}

io::Task<> ask_together(Bench& bench, std::vector<std::string> addresses,
                        std::vector<RecipientAnswer>& out) {
  const auto executor = co_await io::this_executor();
  io::Signal done(executor);
  int left = static_cast<int>(addresses.size());
  out.resize(addresses.size());
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    bench.tasks.spawn(executor, "ask", ask_into(bench, addresses[i], out[i], left, done));
  }
  REQUIRE(co_await done.wait(std::chrono::steady_clock::now() + 10s));
}

struct Asking {
  std::string client;
  std::string address;
  RecipientAnswer answer = {};
  int place = 0;  // in the order of the answers
};

io::Task<> ask_from(Bench& bench, Asking& asking, int& answered, int all, io::Signal& done) {
  asking.answer = co_await bench.relay.ask(
      bench.current_route(), {*IpAddress::parse(asking.client), path("s@example.net")},
      {path(asking.address), {}, false}, bench.clock.now() + bench.patience);
  asking.place = ++answered;
  if (answered == all) done.notify();
}

io::Task<> ask_all(Bench& bench, std::vector<Asking>& all) {
  const auto executor = co_await io::this_executor();
  io::Signal done(executor);
  const int count = static_cast<int>(all.size());
  int answered = 0;
  for (auto& asking : all)
    bench.tasks.spawn(executor, "ask", ask_from(bench, asking, answered, count, done));
  REQUIRE(co_await done.wait(std::chrono::steady_clock::now() + 10s));
}

}  // namespace

TEST_CASE("known and unknown recipients, with the next hop's own words, and no message byte") {
  Bench bench;
  make_truthful(bench.hop);
  CHECK(bench.ask("a@example.com").kind == Kind::exists);
  const auto unknown = bench.ask("x@example.com");
  CHECK(unknown.kind == Kind::unknown);
  CHECK(unknown.reply == mail::reply(550, {5, 1, 1}, "who"));
  bench.hop.rules.answers["RCPT TO:<y@"] = "550 plain no";
  CHECK(bench.ask("y@example.com").reply == mail::reply(550, {5, 1, 1}, "plain no"));
  bench.hop.rules.answers["RCPT TO:<z@"] = "553 5.1.6 moved";
  CHECK(line(bench.ask("z@example.com").reply) == "553 5.1.6");
  CHECK(bench.hop.count("DATA") == 0);
  CHECK(bench.hop.connections() == 1);
  CHECK(bench.hop.count("MAIL FROM:<>") == 4);
}

TEST_CASE("found is fresh for an hour, unknown for ten minutes") {
  Bench bench;
  make_truthful(bench.hop);
  (void)bench.ask("a@example.com");
  (void)bench.ask("x@example.com");
  const int asked = bench.hop.count("RCPT TO");
  bench.clock.shift = 9min;
  CHECK(bench.ask("A@Example.com").cached);
  CHECK(bench.ask("x@example.com").cached);
  CHECK(bench.hop.count("RCPT TO") == asked);
  bench.clock.shift = 11min;
  CHECK_FALSE(bench.ask("x@example.com").cached);
  CHECK(bench.ask("a@example.com").cached);
  bench.clock.shift = 61min;
  CHECK_FALSE(bench.ask("a@example.com").cached);
}

TEST_CASE("unknown is one spelling: what the next hop tells apart is not refused by another's answer") {
  Bench bench;
  make_truthful(bench.hop);
  bench.hop.rules.offers.push_back("SMTPUTF8");
  for (const char* other : {"A@", "\"a\"@", "a@bücher.example"})
    bench.hop.rules.answers[std::string("RCPT TO:<") + other] = "550 5.1.1 who";
  for (const char* other : {"A@example.com", "\"a\"@example.com", "a@bücher.example"})
    CHECK(bench.ask(other).kind == Kind::unknown);
  for (const char* mailbox : {"a@example.com", "a@xn--bcher-kva.example"}) {
    const auto answer = bench.ask(mailbox);
    CHECK_MESSAGE(answer.kind == Kind::exists, mailbox);
    CHECK_FALSE(answer.cached);
  }
  // Each answer holds for its own spelling, and neither ends the other.
  for (const char* asked : {"A@example.com", "a@bücher.example"}) {
    const auto answer = bench.ask(asked);
    CHECK_MESSAGE(answer.kind == Kind::unknown, asked);
    CHECK(answer.cached);
  }
}

TEST_CASE("a mailbox that took mail is unknown no more") {
  Bench bench;
  bench.hop.rules.answers["RCPT TO:"] = "550 5.1.1 who";
  CHECK(bench.ask("a@example.com").kind == Kind::unknown);
  bench.hop.rules.answers.clear();
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(bench.ask("a@example.com").kind == Kind::exists);
}

TEST_CASE("two spellings asked at the same time are two questions") {
  Bench bench;
  make_truthful(bench.hop);
  bench.hop.rules.answers["RCPT TO:<A@"] = "550 5.1.1 who";
  std::vector<RecipientAnswer> answers;
  bench.loop.run(ask_together(bench, {"A@example.com", "a@example.com"}, answers));
  CHECK(answers[0].kind == Kind::unknown);
  CHECK(answers[1].kind == Kind::exists);
}

TEST_CASE("found is the last-known-good for 31 days when the way is down") {
  Bench bench;
  make_truthful(bench.hop);
  (void)bench.ask("a@example.com");
  bench.hop.rules.greeting = "554 5.3.2 closed<close>";
  bench.loop.run(bench.relay.close_idle());
  bench.clock.shift = 24h * 30;
  const auto known = bench.ask("a@example.com");
  CHECK(known.kind == Kind::exists);
  CHECK(known.cached);
  const auto other = bench.ask("b@example.com");
  CHECK(other.kind == Kind::defer);
  CHECK(line(other.reply) == "451 4.3.0");
  CHECK(other.next_hop_reply == "greeting: 554 5.3.2 closed");
  CHECK_FALSE(other.host.empty());
  bench.clock.shift = 24h * 32;
  CHECK(bench.ask("a@example.com").kind == Kind::defer);
}

TEST_CASE("4xx to RCPT is passed on and never kept") {
  Bench bench;
  bench.hop.rules.answers["RCPT"] = "450 4.2.1 tired";
  const auto answer = bench.ask("a@example.com");
  CHECK(answer.kind == Kind::defer);
  CHECK(answer.reply == mail::reply(450, {4, 2, 1}, "tired"));
  bench.hop.rules.answers = {{"RCPT TO:", "550 5.1.1 who"}};
  CHECK(bench.ask("a@example.com").kind == Kind::unknown);
}

TEST_CASE(
    "only an answer to RCPT speaks of the recipient: everything else is 451, an alarm, and not kept") {
  struct {
    const char* command;
    const char* answer;
  } cases[] = {{"MAIL", "550 5.7.1 not you"},
               {"EHLO", "550 5.7.1 go<close>"},
               {"RCPT", "550 5.7.1 policy"},
               {"RCPT", "530 5.7.0 authenticate"},
               {"MAIL", "530 authenticate"}};
  for (const auto& row : cases) {
    Bench bench;
    bench.hop.rules.answers[row.command] = row.answer;
    const auto answer = bench.ask("a@example.com");
    CHECK(answer.kind == Kind::defer);
    CHECK(line(answer.reply) == "451 4.3.0");
    CHECK(bench.told("way_refused") == 1);
    (void)bench.ask("a@example.com");
    CHECK(bench.told("way_refused") == 1);  // once a minute
    make_truthful(bench.hop);
    CHECK(bench.ask("a@example.com").kind == Kind::exists);
  }
}

TEST_CASE("a domain that takes any recipient is recorded as unverifiable for an hour") {
  Bench bench;
  CHECK(bench.ask("a@example.com").kind == Kind::exists);
  CHECK(bench.told("unverifiable") == 1);
  CHECK(bench.hop.count("RCPT TO") == 2);
  CHECK(bench.ask("b@example.com").kind == Kind::exists);
  CHECK(bench.hop.count("RCPT TO") == 2);
  CHECK(bench.state.count("recipient") == 0);
  CHECK(bench.ask("a@example.org").kind == Kind::exists);
  CHECK(bench.told("unverifiable") == 2);
  bench.clock.shift = 61min;
  make_truthful(bench.hop);
  CHECK(bench.ask("x@example.com").kind == Kind::unknown);
  CHECK(bench.ask("a@example.com").kind == Kind::exists);
  CHECK(bench.told("unverifiable") == 2);
}

TEST_CASE("one impossible recipient an hour is enough") {
  Bench bench;
  make_truthful(bench.hop);
  for (const char* address : {"a@example.com", "b@example.com", "x@example.com"}) (void)bench.ask(address);
  CHECK(bench.hop.count("RCPT TO") == 4);
  CHECK(bench.hop.connections() == 1);
}

TEST_CASE("a recipient to which mail was delivered need not be asked for") {
  Bench bench;
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(bench.ask("a@example.com").cached);
  CHECK(bench.hop.count("MAIL FROM:<>") == 0);
}

TEST_CASE("role recipients exist whatever the next hop says") {
  Bench bench;
  bench.hop.rules.answers["RCPT"] = "550 5.1.1 who";
  CHECK(bench.ask("postmaster@example.com", true).kind == Kind::exists);
  CHECK(bench.ask("postmaster@example.com", true).kind == Kind::exists);
  CHECK(bench.ask("postmaster", true).kind == Kind::exists);
  CHECK(bench.ask("postmaster@example.com", false).kind == Kind::unknown);
}

TEST_CASE("recipients by list, subaddresses understood") {
  Bench bench;
  bench.route.recipients = RecipientCheck::list;
  bench.route.recipient_list = std::make_shared<const std::vector<std::string>>(
      std::vector<std::string>{"a@example.com", "b@example.com"});
  CHECK(bench.ask("A@example.com").kind == Kind::exists);
  CHECK(bench.ask("b+detail@example.com").kind == Kind::exists);
  CHECK(bench.ask("\"b+detail\"@example.com").kind == Kind::exists);
  CHECK(bench.ask("\"b +detail\"@example.com").kind == Kind::unknown);
  CHECK(bench.ask("+b@example.com").kind == Kind::unknown);
  CHECK(line(bench.ask("c@example.com").reply) == "550 5.1.1");
  CHECK(bench.ask("abuse@example.com", true).kind == Kind::exists);
  bench.route.subaddress_separator = "";
  CHECK(bench.ask("b+detail@example.com").kind == Kind::unknown);
  CHECK(bench.hop.connections() == 0);
}

TEST_CASE("another host may be the one that is asked") {
  Bench bench;
  make_truthful(bench.second);
  bench.route.hosts = {bench.hop.host()};
  bench.route.ask_host = bench.second.host();
  CHECK(bench.ask("x@example.com").kind == Kind::unknown);
  CHECK(bench.hop.connections() == 0);
  CHECK(bench.second.connections() == 1);
}

TEST_CASE("an internationalised recipient is asked only where it can be") {
  Bench bench;
  CHECK(line(bench.ask("müller@example.com").reply) == "550 5.6.7");
  CHECK(bench.hop.count("MAIL") == 0);
  bench.hop.rules.offers.push_back("SMTPUTF8");
  bench.hop.rules.answers["RCPT TO:<x"] = "550 5.1.1 who";
  bench.loop.run(bench.relay.close_idle());
  CHECK(bench.ask("müller@example.com").kind == Kind::exists);
  CHECK(bench.hop.count("MAIL FROM:<> SMTPUTF8") == 1);
}

TEST_CASE("equal questions at once are asked once") {
  Bench bench;
  make_truthful(bench.hop);
  std::vector<RecipientAnswer> answers;
  bench.loop.run(ask_together(bench, std::vector<std::string>(20, "b@example.com"), answers));
  for (const auto& answer : answers) CHECK(answer.kind == Kind::exists);
  CHECK(bench.hop.count("RCPT TO:<b@") == 1);
}

TEST_CASE("one client has only so many recipients asked for at once") {
  Bench bench;
  bench.route.max_asking = 3;
  make_truthful(bench.hop);
  std::vector<std::string> addresses;
  for (int i = 0; i < 30; ++i) addresses.push_back("x" + std::to_string(i) + "@example.com");
  std::vector<RecipientAnswer> answers;
  bench.loop.run(ask_together(bench, addresses, answers));
  for (const auto& answer : answers) CHECK(answer.kind == Kind::unknown);
  CHECK(bench.hop.most_open() <= 3);
}

TEST_CASE("a client is an IPv4 address or an IPv6 /64") {
  struct {
    const char* one;
    const char* other;
    int connections;
  } cases[] = {{"2001:db8::1", "2001:db8::ffff:1", 1},
               {"2001:db8::1", "2001:db8:0:1::1", 2},
               {"192.0.2.1", "192.0.2.1", 1},
               {"192.0.2.1", "192.0.2.2", 2}};
  for (const auto& row : cases) {
    Bench bench;
    bench.route.max_asking = 1;
    make_truthful(bench.hop);
    std::vector<Asking> all = {{row.one, "a@example.com"}, {row.other, "b@example.com"}};
    bench.loop.run(ask_all(bench, all));
    for (const auto& asking : all) CHECK(asking.answer.kind == Kind::exists);
    CHECK(bench.hop.most_open() == row.connections);
  }
}

TEST_CASE("nobody waits behind another client that asks too much at once") {
  Bench bench;
  bench.route.max_asking = 1;
  bench.patience = 500ms;
  make_truthful(bench.hop);
  bench.hop.rules.answers["RCPT TO:<slow@"] = "<hang>";
  std::vector<Asking> all = {
      {"192.0.2.1", "slow@example.com"}, {"192.0.2.1", "b@example.com"}, {"192.0.2.2", "b@example.com"}};
  bench.loop.run(ask_all(bench, all));
  CHECK(all[2].answer.kind == Kind::exists);
  CHECK(all[2].place == 1);  // the others waited for the end of their patience
  CHECK(all[0].answer.kind == Kind::defer);
}

TEST_CASE("capabilities of an earlier run count until a connection tells newer ones") {
  Bench bench;
  const auto route = bench.current_route();
  bench.state.put(kCapabilitiesKind, bench.hop.host().to_string(), "SIZE 77\nDSN\n",
                  bench.clock.wall() + 1h);
  CHECK(bench.relay.capabilities(*route).size == 77);
  CHECK(bench.relay.capabilities(*route).dsn);
  bench.hop.rules.offers = {"SIZE 1000"};
  bench.loop.run(bench.relay.learn({route}));
  CHECK(bench.relay.capabilities(*route).size == 1000);
  CHECK_FALSE(bench.relay.capabilities(*route).dsn);
}

TEST_CASE("capabilities are remembered for EHLO and RCPT") {
  Bench bench;
  const auto route = bench.current_route();
  CHECK_FALSE(bench.relay.capabilities(*route).known);
  CHECK_FALSE(bench.relay.offers({route}).dsn);
  bench.hop.rules.offers = {"SIZE 1000", "SMTPUTF8", "DSN", "8BITMIME"};
  bench.loop.run(bench.relay.learn({route}));
  const auto known = bench.relay.capabilities(*route);
  CHECK(known.known);
  CHECK(known.size == 1000);
  CHECK(known.smtputf8);
  CHECK(known.eight_bit);
  auto other = std::make_shared<Route>(*route);
  other->hosts = {bench.second.host()};
  CHECK(bench.relay.offers({route}).dsn);
  CHECK(bench.relay.offers({route, other}).smtputf8);
  CHECK_FALSE(bench.relay.offers({route, other}).dsn);
  bench.loop.run(bench.relay.learn({route, other}));
  CHECK_FALSE(bench.relay.offers({route, other}).dsn);
}

}  // namespace sallyport::relay::testing
