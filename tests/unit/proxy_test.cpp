#include <doctest/doctest.h>
#include <fmt/format.h>

#include "proxy/known_good.h"
#include "proxy/proxy_header.h"
#include "proxy/read_budget.h"
#include "proxy/session_limits.h"

using namespace sallyport;
using namespace sallyport::proxy;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart{};

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

std::string v2(char command, char family, std::string_view rest) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header += command;
  header += family;
  header += static_cast<char>(rest.size() >> 8);
  header += static_cast<char>(rest.size() & 0xff);
  return header.append(rest);
}

const std::string kFour("\xc0\x00\x02\x07\x0a\x00\x00\x01\x12\x34\x00\x19", 12);

ProxyHeader::State feed_all(ProxyHeader& header, std::string_view bytes, std::string& rest) {
  auto state = header.feed(bytes);
  rest = bytes;
  return state;
}

}  // namespace

TEST_CASE("E01 a command has one deadline, however it is dripped") {
  Timeouts timeouts;
  ReadBudget budget(timeouts, kStart);
  budget.begin(smtp::Waiting::command);
  TimePoint now = kStart;
  for (int i = 0; i < 14; ++i, now += 20s) {
    CHECK(budget.deadline(now) == kStart + 5min);
    budget.waited(now, now + 20s, 1);
  }
  CHECK(budget.deadline(now) == kStart + 5min);
}

TEST_CASE("E02 content earns time at the minimum rate, up to an hour") {
  auto cut_at = [](double octets_per_second) {
    Timeouts timeouts;
    ReadBudget budget(timeouts, kStart);
    budget.begin(smtp::Waiting::data);
    TimePoint now = kStart;
    double owed = 0;
    while (budget.deadline(now) > now && now < kStart + 2h) {
      TimePoint then = std::min(now + 10s, budget.deadline(now));
      owed += octets_per_second * std::chrono::duration<double>(then - now).count();
      budget.waited(now, then, static_cast<std::size_t>(owed));
      owed -= static_cast<double>(static_cast<std::size_t>(owed));
      now = then;
    }
    return now - kStart;
  };
  CHECK(cut_at(1) < 6min);
  CHECK(cut_at(100) < 7min);
  CHECK(cut_at(499) == 60min);
  CHECK(cut_at(600) == 60min);  // a sender of 50 MB at full speed is long done
}

TEST_CASE("only waiting for the client counts") {
  Timeouts timeouts;
  ReadBudget budget(timeouts, kStart);
  budget.begin(smtp::Waiting::data);
  budget.waited(kStart, kStart + 1s, 1);
  // Ten minutes of our own work later there is as much left as before.
  CHECK(budget.deadline(kStart + 10min) > kStart + 14min);
}

TEST_CASE("a refused message goes on under the budget that it began with, but not in silence") {
  Timeouts timeouts;
  ReadBudget budget(timeouts, kStart);
  budget.begin(smtp::Waiting::data);
  budget.waited(kStart, kStart + 299s, 0);
  budget.begin(smtp::Waiting::discard);
  CHECK(budget.deadline(kStart + 299s) == kStart + 300s);
  ReadBudget fresh(timeouts, kStart);
  fresh.begin(smtp::Waiting::discard);
  CHECK(fresh.deadline(kStart) == kStart + ReadBudget::kDiscardSilence);
}

TEST_CASE("no session outlives its two hours") {
  Timeouts timeouts;
  ReadBudget budget(timeouts, kStart);
  budget.begin(smtp::Waiting::command);
  CHECK(budget.deadline(kStart + 2h - 1s) == kStart + 2h);
}

TEST_CASE("E04 sessions are counted by address and by network, an IPv6 client by its /64") {
  SessionLimits table;
  Limits limits;
  limits.sessions_per_address = 2;
  limits.sessions_per_network = 3;
  using enum SessionLimits::Verdict;
  auto admit = [&](const char* address, bool exempt = false) {
    return table.admit(ip(address), exempt, limits, kStart);
  };
  CHECK(admit("192.0.2.1") == admitted);
  CHECK(admit("192.0.2.1") == admitted);
  CHECK(admit("192.0.2.1") == too_many_for_address);
  CHECK(admit("192.0.2.1", true) == admitted);
  CHECK(admit("192.0.2.2") == too_many_for_network);
  CHECK(admit("192.0.3.1") == admitted);
  CHECK(admit("2001:db8:0:1::1") == admitted);
  CHECK(admit("2001:db8:0:1::2") == admitted);
  CHECK(admit("2001:db8:0:1::3") == too_many_for_address);
  CHECK(admit("2001:db8:0:2::1") == admitted);
  CHECK(admit("2001:db8:0:3::1") == too_many_for_network);
  table.release(ip("192.0.2.1"));
  table.release(ip("192.0.2.1"));
  CHECK(admit("192.0.2.2") == admitted);
}

TEST_CASE("a client that had a message delivered is known for a day, unless it is forgotten") {
  KnownGood known;
  known.delivered(ip("192.0.2.1"), kStart);
  known.delivered(ip("2001:db8::1"), kStart);
  CHECK(known.knows(ip("192.0.2.1"), kStart + 24h - 1s));
  CHECK_FALSE(known.knows(ip("192.0.2.1"), kStart + 24h));
  CHECK_FALSE(known.knows(ip("192.0.2.2"), kStart));
  CHECK(known.knows(ip("2001:db8::ffff"), kStart));
  CHECK_FALSE(known.knows(ip("2001:db8:0:1::1"), kStart));
  known.forget(ip("2001:db8::2"));
  CHECK_FALSE(known.knows(ip("2001:db8::1"), kStart));
}

TEST_CASE("known clients are bounded: the old ones make room first") {
  KnownGood known;
  for (std::uint32_t number = 0; number < KnownGood::kMost; ++number)
    known.delivered(IpAddress::v4(number), kStart);
  known.delivered(ip("192.0.2.1"), kStart + 25h);
  CHECK(known.knows(ip("192.0.2.1"), kStart + 25h));
  CHECK_FALSE(known.knows(IpAddress::v4(7), kStart + 1h));
}

TEST_CASE("the cap over all holds for everybody, and what ends is counted out") {
  SessionLimits table;
  Limits limits;
  limits.sessions = 1;
  CHECK(table.admit(ip("10.0.0.1"), true, limits, kStart) == SessionLimits::Verdict::admitted);
  {
    Admission admission(table, ip("10.0.0.1"));
    Admission moved = std::move(admission);
    CHECK(table.admit(ip("10.0.0.2"), true, limits, kStart) == SessionLimits::Verdict::too_many);
  }
  CHECK(table.sessions() == 0);
}

TEST_CASE("E03 a crowd that has gone is noticed once, and a few sessions are none") {
  SessionLimits table;
  const Limits limits;
  const auto come = [&](int count) {
    for (int i = 0; i < count; ++i) (void)table.admit(ip("10.0.0.1"), true, limits, kStart);
  };
  const auto go = [&](int count) {
    for (int i = 0; i < count; ++i) table.release(ip("10.0.0.1"));
  };
  come(100);
  go(100);
  CHECK_FALSE(table.crowd_has_gone());
  come(1000);
  CHECK_FALSE(table.crowd_has_gone());
  go(550);
  CHECK_FALSE(table.crowd_has_gone());
  go(1);
  CHECK(table.crowd_has_gone());
  CHECK_FALSE(table.crowd_has_gone());
  go(449);
  CHECK(table.crowd_has_gone());
}

TEST_CASE("E05 a network that opens sessions too fast is told so, for the rest of the minute") {
  SessionLimits table;
  Limits limits;
  limits.connects_per_network = 3;
  auto admit = [&](TimePoint now) {
    auto verdict = table.admit(ip("192.0.2.1"), false, limits, now);
    if (verdict == SessionLimits::Verdict::admitted) table.release(ip("192.0.2.1"));
    return verdict;
  };
  for (int i = 0; i < 3; ++i) CHECK(admit(kStart + 1s) == SessionLimits::Verdict::admitted);
  CHECK(admit(kStart + 2s) == SessionLimits::Verdict::too_fast);
  for (unsigned net = 0; net < 60'000; ++net) {  // nobody begins anew for somebody's many networks
    const IpAddress other = ip(fmt::format("2001:{:x}:{:x}::1", net >> 8U, net & 0xffU).c_str());
    REQUIRE(table.admit(other, false, limits, kStart + 3s) == SessionLimits::Verdict::admitted);
    table.release(other);
  }
  CHECK(admit(kStart + 4s) == SessionLimits::Verdict::too_fast);
  CHECK(admit(kStart + 62s) == SessionLimits::Verdict::admitted);
}

TEST_CASE("P30 PROXY version 1 and 2 tell the client, at every split") {
  const std::string v1 = "PROXY TCP4 192.0.2.7 10.0.0.1 4660 25\r\n";
  const std::string binary = v2(0x21, 0x11, kFour + std::string("\x04\x00\x01x", 4));  // with a TLV
  for (const std::string& bytes : {v1, binary}) {
    for (std::size_t split = 0; split <= bytes.size(); ++split) {
      ProxyHeader header;
      std::string rest;
      auto state = feed_all(header, std::string_view(bytes).substr(0, split), rest);
      CHECK(rest.empty());
      if (split < bytes.size()) {
        CHECK(state == ProxyHeader::State::more);
        state = feed_all(header, bytes.substr(split) + "EHLO x\r\n", rest);
        CHECK(rest == "EHLO x\r\n");
      }
      CHECK(state == ProxyHeader::State::done);
      REQUIRE(header.has_client());
      CHECK(header.client().to_string() == "192.0.2.7:4660");
      CHECK(header.destination().to_string() == "10.0.0.1:25");
    }
  }
}

TEST_CASE("P30 LOCAL and UNKNOWN name no client") {
  for (const std::string& bytes :
       {std::string("PROXY UNKNOWN\r\n"), v2(0x20, 0, ""), v2(0x20, 0x11, kFour)}) {
    ProxyHeader header;
    std::string rest;
    CHECK(feed_all(header, bytes, rest) == ProxyHeader::State::done);
    CHECK(!header.has_client());
  }
}

TEST_CASE("P30 broken headers are refused, huge ones before they are read") {
  for (const std::string& bytes :
       {std::string("EHLO x\r\n"), std::string("PROXY TCP4 192.0.2.7 10.0.0.1 4660\r\n"),
        std::string("PROXY TCP4 ::1 ::1 1 2\r\n"), std::string("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n"),
        std::string("PROXY TCP4 192.0.2.7 10.0.0.1 99999 25\r\n"), "PROXY " + std::string(200, 'x'),
        v2(0x31, 0x11, kFour), v2(0x21, 0x11, "short"), v2(0x2f, 0x11, kFour),
        std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", 16)}) {
    ProxyHeader header;
    std::string rest;
    CHECK(feed_all(header, bytes, rest) == ProxyHeader::State::broken);
  }
}
