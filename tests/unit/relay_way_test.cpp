// The way to the next hop: connecting, greeting, fail-over, reuse, loops. Faults of it are always 451.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "proxy/relay/host_state.h"
#include "tests/unit/relay_bench.h"

namespace sallyport::relay::testing {
namespace {

std::string reply_to(Bench& bench) { return line(bench.deliver_to({"a@example.com"}).reply); }

}  // namespace

TEST_CASE("B01 a next hop that refuses TCP: 451 4.4.1, then it is left alone, with one probe at a time") {
  Bench bench;
  bench.hop.stop();
  for (int i = 0; i < 3; ++i) CHECK(reply_to(bench) == "451 4.4.1");
  CHECK(bench.told("host_down") == 1);
  bench.hop.start(bench.tasks, bench.loop.executor());
  for (int i = 0; i < 5; ++i) CHECK(reply_to(bench) == "451 4.4.1");
  CHECK(bench.deliver_to({"a@example.com"}).next_hop_reply ==
        "not tried: the host is down, and is asked every 5 s");
  CHECK(bench.hop.connections() == 0);
  bench.clock.shift += 5s;
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(bench.told("host_down") == 1);
  CHECK(bench.told("host_up") == 1);
}

TEST_CASE("B02 no greeting within its time: 451 4.4.2") {
  Bench bench;
  bench.route.greeting_timeout = 100ms;
  bench.hop.rules.greeting = "<hang>";
  CHECK(reply_to(bench) == "451 4.4.2");
}

TEST_CASE("B02 SYNs that are not answered: 451 4.4.2 within the connect timeout") {
  // The queue of this socket is full, and the kernel drops what else comes.
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listening, 0) == 0);
  getsockname(listening, reinterpret_cast<sockaddr*>(&address), &length);
  std::vector<int> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    static_cast<void>(::connect(waiting.back(), reinterpret_cast<sockaddr*>(&address), sizeof address));
  }
  Bench bench;
  bench.route.connect_timeout = 100ms;
  bench.route.hosts = {{.name = "127.0.0.1", .port = ntohs(address.sin_port)}};
  CHECK(reply_to(bench) == "451 4.4.2");
  for (const int descriptor : waiting) ::close(descriptor);
  ::close(listening);
}

TEST_CASE("B12 an answer to the final dot is waited for") {
  Bench bench;
  bench.route.command_timeout = 50ms;
  bench.hop.rules.dot = {"250 2.0.0 at last<late>"};
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  bench.route.data_timeout = 50ms;
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::ambiguous);
}

TEST_CASE("B20 a smaller SIZE of the next hop is known, and its refusal passed on") {
  Bench bench;
  bench.hop.rules.offers = {"SIZE 10"};
  bench.hop.rules.answers["MAIL"] = "552 5.3.4 too big";
  const auto delivery = bench.deliver_to({"a@example.com"});
  CHECK(delivery.fate == Fate::refused);
  CHECK(line(delivery.reply) == "552 5.3.4");
  CHECK(bench.relay.capabilities(*bench.current_route()).size == 10);
  CHECK_FALSE(bench.relay.capabilities(*bench.current_route()).eight_bit);
}

TEST_CASE("a next hop that is up but says no is not left alone") {
  Bench bench;
  bench.hop.rules.greeting = "421 4.3.2 too many connections<close>";
  for (int i = 0; i < 5; ++i) CHECK(reply_to(bench) == "451 4.3.0");
  CHECK(bench.told("host_down") == 0);
  CHECK(bench.hop.connections() == 5);
}

TEST_CASE("B03 a next hop that does not want to talk is a fault of the way") {
  struct {
    const char* greeting;
    const char* ehlo;
  } cases[] = {{"554 5.7.1 no<close>", nullptr},
               {"421 4.3.2 busy<close>", nullptr},
               {"220 hi", "421 4.3.2 no<close>"},
               {"220 hi", "550 5.7.1 no"},
               {"250 hi", nullptr}};
  for (const auto& row : cases) {
    Bench bench;
    bench.hop.rules.greeting = row.greeting;
    if (row.ehlo) bench.hop.rules.answers = {{"EHLO", row.ehlo}, {"HELO", row.ehlo}};
    CHECK(reply_to(bench) == "451 4.3.0");
    CHECK(bench.told("way_refused") == 1);
    CHECK(bench.hop.count("MAIL") == 0);
  }
}

TEST_CASE("B13 replies that are none cost the connection, and nothing of them reaches the client") {
  std::string endless;
  for (int i = 0; i < 1000; ++i) endless += "250-more\r\n";
  const std::string hostile[] = {endless + "<raw>",
                                 std::string(1 << 20, 'x') + "<raw>",
                                 "garbage",
                                 "250-a\r\n550 b",
                                 "199 strange",
                                 std::string("\0\0", 2),
                                 "2"};
  for (const auto& answer : hostile) {
    for (const char* command : {"EHLO", "MAIL", "RCPT", "DATA"}) {
      Bench bench;
      bench.route.command_timeout = 300ms;
      bench.hop.rules.answers[command] = answer;
      const auto delivery = bench.deliver_to({"a@example.com"});
      CHECK(delivery.fate == Fate::deferred);
      CHECK(delivery.reply.code == 451);
      CHECK(delivery.reply.text.size() < 200);
      CHECK(bench.hop.taken().empty());
    }
  }
  Bench bench;
  bench.hop.rules.dot = {std::string("550 5.7.1 a\0b\x1b[31m\r\r\n", 21) + "<raw>"};
  const auto delivery = bench.deliver_to({"a@example.com"});
  CHECK(delivery.fate == Fate::refused);
  CHECK(std::ranges::none_of(delivery.reply.text, [](char c) { return is_control(c); }));
}

TEST_CASE("B14 a next hop out of step is dropped and never used again") {
  Bench twice;  // two replies to one command
  twice.hop.rules.answers["EHLO"] = "250 hop.test\r\n250 and again";
  CHECK(twice.deliver_to({"a@example.com"}).fate == Fate::deferred);
  CHECK(twice.hop.taken().empty());

  Bench late;  // two replies to the final dot
  late.hop.rules.dot = {"250 2.0.0 stored\r\n250 2.0.0 stored again"};
  CHECK(late.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(late.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(late.hop.connections() == 2);

  Bench early;  // 250 together with the 354, before there is anything to accept
  early.hop.rules.offers.clear();
  early.hop.rules.answers["DATA"] = "354 go on\r\n250 2.0.0 stored";
  early.route.data_timeout = 200ms;
  CHECK(early.deliver_to({"a@example.com"}).fate != Fate::delivered);

  Bench pipelined;
  pipelined.hop.rules.answers["DATA"] = "354 go on\r\n250 2.0.0 stored";
  pipelined.route.data_timeout = 200ms;
  CHECK(pipelined.deliver_to({"a@example.com"}).fate != Fate::delivered);
}

TEST_CASE("B16 capabilities are those of this connection") {
  Bench bench;
  HopRules plain;
  plain.offers = {};
  HopRules rich;
  rich.offers = {"SIZE", "CHUNKING"};
  rich.dot = {"250 2.0.0 stored<close>"};
  bench.hop.next = {rich, plain};
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(bench.hop.count("BDAT") == 1);
  CHECK(bench.hop.taken()[1].from == "<s@example.net>");
}

TEST_CASE("B17 a pooled connection that died meanwhile is replaced without a word, before the data only") {
  for (const char* death : {"<close>", "421 4.4.2 idle too long<close>", "<reset>"}) {
    for (const char* command : {"MAIL", "RCPT", "DATA"}) {
      Bench dying;
      CHECK(dying.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::delivered);
      dying.hop.rules.answers[command] = death;
      dying.hop.next = {HopRules{}};
      CHECK(dying.deliver_to({"a@example.com", "b@example.com"}).fate == Fate::delivered);
      CHECK(dying.hop.connections() == 2);
      CHECK(dying.hop.taken().size() == 2);
      CHECK(dying.troubles.empty());
    }
  }
  Bench late;
  CHECK(late.deliver_to({"a@example.com"}).fate == Fate::delivered);
  late.hop.rules.dot = {"<close>"};
  late.hop.next = {HopRules{}};
  CHECK(late.deliver_to({"a@example.com"}).fate == Fate::ambiguous);
  CHECK(late.hop.taken().size() == 2);
}

TEST_CASE("B18 fail-over to the second host before the data, never after it") {
  for (const char* command : {"EHLO", "MAIL", "RCPT", "DATA"}) {
    Bench bench;
    bench.route.hosts = {bench.hop.host(), bench.second.host()};
    bench.hop.rules.answers[command] = "<close>";
    const auto delivery = bench.deliver_to({"a@example.com"});
    CHECK(delivery.fate == Fate::delivered);
    CHECK(delivery.host == bench.second.host().to_string());
    CHECK(bench.hop.taken().empty());
  }
  Bench after;
  after.route.hosts = {after.hop.host(), after.second.host()};
  after.hop.rules.dot = {"<close>"};
  CHECK(after.deliver_to({"a@example.com"}).fate == Fate::ambiguous);
  CHECK(after.second.connections() == 0);

  Bench down;
  down.route.hosts = {down.hop.host(), down.second.host()};
  down.hop.stop();
  for (int i = 0; i < 5; ++i) CHECK(down.deliver_to({"a@example.com"}).fate == Fate::delivered);
  down.second.stop();
  CHECK(down.told("host_down") == 1);
}

TEST_CASE(
    "B04 a host that cannot take a message now: the next one is tried, and its own words are the last "
    "resort") {
  Bench bench;
  bench.route.hosts = {bench.hop.host(), bench.second.host()};
  bench.hop.rules.answers["MAIL"] = "452 4.3.1 insufficient system resources";
  for (int i = 0; i < 2; ++i) {
    const auto delivery = bench.deliver_to({"a@example.com", "b@example.com"});
    CHECK(delivery.fate == Fate::delivered);
    CHECK(delivery.host == bench.second.host().to_string());
  }
  CHECK(bench.hop.count("MAIL") == 2);
  CHECK(bench.hop.connections() == 1);
  CHECK(bench.hop.count("RSET") == 2);

  bench.second.rules.answers["RCPT"] = "<close>";
  const auto refused = bench.deliver_to({"a@example.com"});
  CHECK(refused.fate == Fate::deferred);
  CHECK(refused.reply == mail::reply(452, {4, 3, 1}, "insufficient system resources"));
  CHECK(refused.host == bench.hop.host().to_string());
  CHECK(refused.next_hop_reply == "452 4.3.1 insufficient system resources");

  bench.hop.rules.answers["MAIL"] = "552 5.3.4 too big";
  CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::refused);
}

TEST_CASE("an internationalised message goes to the host of the route that takes it") {
  Bench bench;
  bench.route.hosts = {bench.hop.host(), bench.second.host()};
  auto mail = envelope({"müller@example.com"});
  mail.parameters.smtputf8 = true;
  CHECK(line(bench.deliver(mail).reply) == "451 4.6.7");
  CHECK(line(bench.ask("müller@example.com").reply) == "550 5.6.7");
  bench.loop.run(bench.relay.close_idle());
  bench.second.rules.greeting = "421 4.3.2 busy<close>";  // it might have taken it
  CHECK(line(bench.ask("müller@example.com").reply) == "451 4.3.0");
  bench.second.rules.greeting = "220 hi";
  bench.second.rules.offers.push_back("SMTPUTF8");
  CHECK(bench.ask("müller@example.com").kind == RecipientAnswer::Kind::exists);
  CHECK(bench.deliver(mail).fate == Fate::delivered);
  CHECK(bench.hop.count("MAIL") == 0);
}

TEST_CASE("each reply has the time for a command, not all together") {
  for (const bool pipelining : {true, false}) {
    Bench bench;
    if (!pipelining) bench.hop.rules.offers.clear();
    bench.route.command_timeout = 450ms;
    bench.hop.rules.answers["RCPT"] = "250 2.1.5 ok<late>";
    const std::vector<std::string> to = {"a@example.com", "b@example.com", "c@example.com",
                                         "d@example.com"};
    CHECK(bench.deliver_to(to).fate == Fate::delivered);
    bench.patience = 300ms;
    CHECK(bench.deliver_to(to).fate == Fate::deferred);
  }
}

TEST_CASE("closing at every step of a delivery never ends in 250, unless the next hop said it") {
  struct Step {
    const char* command;  // nullptr: the final dot
    const char* answer;
  };
  const Step steps[] = {
      {"EHLO", "250 hop.test"}, {"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"DATA", "354 go"}};
  for (const bool pipelining : {true, false}) {
    for (const char* how :
         {"<close>", "25<raw><close>", "2<raw><reset>", "\r\n<raw><close>", "250-x<close>"}) {
      for (const auto& step : steps) {
        Bench bench;
        if (!pipelining) bench.hop.rules.offers.clear();
        bench.hop.rules.answers[step.command] = how;
        const auto delivery = bench.deliver_to({"a@example.com", "b@example.com"});
        CHECK(delivery.fate == Fate::deferred);
        CHECK(delivery.reply.code == 451);
        CHECK(bench.hop.taken().empty());
      }
      Bench greeting;
      greeting.hop.rules.greeting = how;
      CHECK(greeting.deliver_to({"a@example.com"}).fate == Fate::deferred);
      Bench dot;
      dot.hop.rules.dot = {how};
      CHECK(dot.deliver_to({"a@example.com"}).fate == Fate::ambiguous);
    }
    for (const auto& step : steps) {  // closed behind a good answer
      Bench bench;
      if (!pipelining) bench.hop.rules.offers.clear();
      bench.hop.rules.answers[step.command] = std::string(step.answer) + "<close>";
      const auto fate = bench.deliver_to({"a@example.com"}).fate;
      CHECK((fate == Fate::deferred || fate == Fate::ambiguous));
      CHECK(bench.hop.taken().empty());
    }
  }
  Bench good;
  good.hop.rules.dot = {"250 2.0.0 stored<close>"};
  CHECK(good.deliver_to({"a@example.com"}).fate == Fate::delivered);
}

TEST_CASE("a next hop that is ourselves is a loop: 451, told, and no mail") {
  Bench listener;
  listener.relay.set_ourselves("us.test", {listener.hop.endpoint()});
  CHECK(reply_to(listener) == "451 4.4.6");
  CHECK(listener.hop.connections() == 0);
  CHECK(listener.told("loop") == 1);

  Bench wildcard;
  wildcard.relay.set_ourselves("us.test", {{IpAddress(), wildcard.hop.endpoint().port}});
  CHECK(reply_to(wildcard) == "451 4.4.6");
  CHECK(wildcard.hop.connections() == 0);

  Bench greeting;
  greeting.hop.rules.greeting = "220 US.test ESMTP";
  CHECK(reply_to(greeting) == "451 4.4.6");

  Bench ehlo;
  ehlo.hop.rules.answers["EHLO"] = "250-us.test greets you\r\n250 SIZE";
  CHECK(reply_to(ehlo) == "451 4.4.6");
  CHECK(ehlo.hop.count("MAIL") == 0);

  Bench other;  // that it greets us by our name is no loop
  other.hop.rules.answers["EHLO"] = "250 hop.test Hello us.test";
  CHECK(other.deliver_to({"a@example.com"}).fate == Fate::delivered);
}

TEST_CASE("no reply of ours names a host of ours") {
  Bench bench;
  bench.hop.rules.greeting = "554 5.3.2 internal.lan is closed<close>";
  const auto delivery = bench.deliver_to({"a@example.com"});
  CHECK_FALSE(delivery.reply.text.contains("internal.lan"));
  CHECK_FALSE(delivery.reply.text.contains("127.0.0.1"));
  CHECK(bench.troubles.back().detail.contains("internal.lan"));
}

TEST_CASE("a host that was down and now says no is up: it is asked by everybody again") {
  Bench bench;
  bench.hop.rules.greeting = "<close>";
  for (int i = 0; i < 3; ++i) bench.deliver_to({"a@example.com"});
  REQUIRE(bench.told("host_down") == 1);
  bench.hop.rules.greeting = "554 5.3.2 closed for today<close>";
  bench.clock.shift = 6s;
  const int before = bench.hop.connections();
  for (int i = 0; i < 3; ++i) CHECK(reply_to(bench) == "451 4.3.0");
  CHECK(bench.hop.connections() == before + 3);
  CHECK(bench.told("host_up") == 1);
}

TEST_CASE("B22 the breaker: one probe every 5 s however long it lasts, late failures do not count") {
  Bench bench;
  HostState host("host", bench.tasks);
  auto now = bench.clock.now();
  CHECK_FALSE(host.failed(now));
  CHECK_FALSE(host.failed(now));
  CHECK(host.may_connect(now));
  CHECK(host.failed(now));
  CHECK_FALSE(host.failed(now));
  for (int i = 0; i < 6; ++i) {
    CHECK_FALSE(host.may_connect(now + 5s - 1ms));
    now += 5s;
    CHECK(host.may_connect(now));
    CHECK_FALSE(host.may_connect(now));
    CHECK_FALSE(host.failed(now));
  }
  now += 5s;
  CHECK(host.may_connect(now));
  host.gave_up();
  CHECK(host.may_connect(now));
  CHECK(host.connected());
  CHECK(host.may_connect(now));
}

}  // namespace sallyport::relay::testing
