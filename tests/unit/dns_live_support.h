// What the tests of the live resolver share: one server, one core, a clock that stands still.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "dns/live_resolver.h"
#include "dns_fake_server.h"
#include "io_support.h"

namespace sallyport::dns::testing {

using namespace std::chrono_literals;
using io::testing::tasks;

inline constexpr auto kPatience = 60s;  // a server's time, where its answer is expected

inline const std::string kAddress("\xc0\x00\x02\x01", 4);

inline Question question(const char* name = "a.example", Type type = Type::a) {
  return {Name::parse(name).value(), type};
}

// Time for caches and for the health of servers, which stands still; c-ares has its own.
struct TestClock : Clock {
  TimePoint began = std::chrono::steady_clock::now();
  std::chrono::seconds ahead{0};
  TimePoint now() const override { return began + ahead; }
};

inline LiveSettings settings(std::vector<Endpoint> servers, Duration timeout = kPatience) {
  LiveSettings made;
  made.servers = std::move(servers);
  made.timeout = timeout;
  return made;
}

inline void no_news(std::string_view level, std::string_view text) { FAIL_CHECK(level << ": " << text); }

struct Asked {
  explicit Asked(const io::Executor& executor) : done(executor) {}
  AnswerPtr answer;
  io::Signal done;
};

inline io::Task<> ask_into(Resolver& resolver, Question asked, Asking asking, Asked& into) {
  into.answer = co_await resolver.ask(std::move(asked), asking);
  into.done.notify();
}

using Test = io::Task<> (*)(LiveResolver&, FakeServer&, TestClock&);

inline void on_server(FakeServer::Rule rule, Test test, Duration timeout = kPatience) {
  FakeServer server(std::move(rule));
  TestClock clock;
  io::EventLoop loop;
  LiveResolver resolver(settings({server.endpoint()}, timeout), clock, no_news);
  REQUIRE(resolver.attach(loop.executor()));
  loop.run(test(resolver, server, clock));
  resolver.detach(loop.executor());
}

inline io::Task<Status> status(Resolver& resolver, Question asked = question(), Asking asking = {}) {
  co_return (co_await resolver.ask(std::move(asked), asking))->status;
}

}  // namespace sallyport::dns::testing
