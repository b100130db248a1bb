#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <thread>
#include <vector>

#include "base/io/acceptor.h"
#include "tests/unit/io_support.h"

namespace sallyport::io {
namespace {

using namespace testing;

// A listener that keeps what it is given.
struct Desk {
  explicit Desk(const Executor& own, const char* where = "127.0.0.1:0")
      : executor(own), listener(*Listener::bind(own, *Endpoint::parse(where))), arrived(own), ended(own) {}

  void open(Listener::Place place) { tasks().spawn(executor, "listener", serve(*this, std::move(place))); }

  static Task<> serve(Desk& desk, Listener::Place place) {
    co_await desk.listener->run(
        std::move(place),
        [&desk](std::unique_ptr<Stream> stream, const Executor& on) {
          desk.streams.push_back(std::move(stream));
          desk.executors.push_back(on);
          desk.arrived.notify();
        },
        [&desk](const Error& error) {
          desk.troubles.push_back(error);
          desk.arrived.notify();
        });
    desk.ended.notify();
  }

  Task<> shut() {
    listener->close();
    CHECK(co_await ended.wait(soon()));
  }

  Executor executor;
  std::unique_ptr<Listener> listener;
  Signal arrived;
  Signal ended;
  std::vector<std::unique_ptr<Stream>> streams;
  std::vector<Executor> executors;
  std::vector<Error> troubles;
};

Task<std::unique_ptr<Stream>> call(const Desk& desk) {
  auto stream = co_await connect(desk.listener->local(), {.source = {}, .deadline = soon()});
  REQUIRE(stream.has_value());
  co_return *std::move(stream);
}

Task<> echo_once(std::unique_ptr<Stream> stream, EventLoop& own) {
  const auto got = co_await stream->read(soon());
  const std::string bytes(*got);
  CHECK((co_await stream->write(bytes, soon())).has_value());
  own.stop();
}

// Lowers the soft limit of descriptors while it lives.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t soft) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit lowered{soft, before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &lowered) == 0);
  }
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit before_{};
};

// Takes descriptors until the number `highest` is taken.
std::vector<Descriptor> take_descriptors_up_to(int highest) {
  std::vector<Descriptor> taken;
  do taken.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  while (taken.back().get() < highest);
  return taken;
}

}  // namespace

TEST_CASE("a listener hands each connection over, placed by its peer") {
  on_loop(+[](const Executor& executor) -> Task<> {
    Desk desk(executor);
    Endpoint seen;
    desk.open([&](const Endpoint& peer) {
      seen = peer;
      return executor;
    });
    const auto client = co_await call(desk);
    CHECK(co_await desk.arrived.wait(soon()));
    REQUIRE(desk.streams.size() == 1);
    CHECK(seen == client->local());
    CHECK(desk.streams[0]->peer() == client->local());
    CHECK(desk.executors.at(0) == executor);
    CHECK((co_await client->write("hi", soon())).has_value());
    CHECK(*co_await read_bytes(*desk.streams[0], 2) == "hi");
    co_await desk.shut();
  });
}

TEST_CASE("an accepted connection sends at once what it writes") {
  on_loop(+[](const Executor& executor) -> Task<> {
    Desk desk(executor);
    desk.open([&](const Endpoint&) { return executor; });
    const auto client = co_await call(desk);
    CHECK(co_await desk.arrived.wait(soon()));
    int no_delay = 0;
    socklen_t length = sizeof no_delay;
    const int descriptor = dynamic_cast<SocketStream&>(*desk.streams.at(0)).socket().descriptor();
    REQUIRE(getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &no_delay, &length) == 0);
    CHECK(no_delay != 0);
    CHECK(desk.streams.at(0)->local() == client->peer());
    co_await desk.shut();
  });
}

TEST_CASE("a connection can be served by another core") {
  EventLoop other;
  std::jthread core([&other] { other.run(); });
  ignore_sigpipe();
  EventLoop loop;
  loop.run([](const Executor& executor, EventLoop& elsewhere) -> Task<> {
    Desk desk(executor);
    desk.open([&](const Endpoint&) { return elsewhere.executor(); });
    const auto client = co_await call(desk);
    CHECK(co_await desk.arrived.wait(soon()));
    tasks().spawn(elsewhere.executor(), "echo", echo_once(std::move(desk.streams.at(0)), elsewhere));
    CHECK((co_await client->write("echo", soon())).has_value());
    CHECK(*co_await read_bytes(*client, 4) == "echo");
    co_await desk.shut();
  }(loop.executor(), other));
  core.join();
}

TEST_CASE("a second listener on the same port fails to bind") {
  on_loop(+[](const Executor& executor) -> Task<> {
    const Desk desk(executor);
    const auto second = Listener::bind(executor, desk.listener->local());
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code == Errc::refused);
    CHECK(second.error().detail ==
          "cannot listen on " + desk.listener->local().to_string() + ": Address already in use");
    co_return;
  });
}

TEST_CASE("[::] takes IPv4 connections, and their peers are IPv4 addresses") {
  on_loop(+[](const Executor& executor) -> Task<> {
    Desk desk(executor, "[::]:0");
    desk.open([&](const Endpoint&) { return executor; });
    const Endpoint v4{*IpAddress::parse("127.0.0.1"), desk.listener->local().port};
    const auto client = co_await connect(v4, {.source = {}, .deadline = soon()});
    REQUIRE(client.has_value());
    CHECK(co_await desk.arrived.wait(soon()));
    CHECK(desk.streams.at(0)->peer().address.is_v4());
    co_await desk.shut();
  });
}

TEST_CASE("an address of another machine cannot be bound") {
  EventLoop loop;
  const auto listener = Listener::bind(loop.executor(), *Endpoint::parse("192.0.2.1:0"));
  REQUIRE_FALSE(listener.has_value());
  CHECK(listener.error().code == Errc::unreachable);
}

TEST_CASE("accepting stops before the reserve of descriptors is used up, says so once, and recovers") {
  on_loop(+[](const Executor& executor) -> Task<> {
    Desk desk(executor);
    desk.open([&](const Endpoint&) { return executor; });
    auto before = co_await call(desk);
    CHECK(co_await desk.arrived.wait(soon()));
    REQUIRE(desk.streams.size() == 1);

    const DescriptorLimit limit(100);  // a reserve of 16
    std::vector<Descriptor> taken = take_descriptors_up_to(100 - 16 - 1);
    const auto first = co_await call(desk);
    CHECK(co_await desk.arrived.wait(soon()));
    CHECK(co_await read_error(*first) == Errc::closed);
    const auto second = co_await call(desk);
    CHECK(co_await read_error(*second) == Errc::closed);
    REQUIRE(desk.troubles.size() == 1);
    CHECK(desk.troubles[0].code == Errc::no_space);
    CHECK(desk.streams.size() == 1);

    taken.clear();
    const auto third = co_await call(desk);
    CHECK(co_await desk.arrived.wait(soon()));
    CHECK(desk.streams.size() == 2);
    CHECK(desk.troubles.size() == 1);
    co_await desk.shut();
  });
}

TEST_CASE("accept out of descriptors altogether backs off and recovers") {
  on_loop(+[](const Executor& executor) -> Task<> {
    Desk desk(executor);
    desk.open([&](const Endpoint&) { return executor; });
    (void)co_await call(desk);
    CHECK(co_await desk.arrived.wait(soon()));
    const Descriptor caller(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const SocketAddress address = to_socket_address(desk.listener->local());
    {
      const DescriptorLimit limit(static_cast<rlim_t>(caller.get()) + 1);
      CHECK(::connect(caller.get(), address.get(), address.length) == 0);
      CHECK(co_await desk.arrived.wait(soon()));
      REQUIRE(desk.troubles.size() == 1);
      CHECK(desk.troubles[0].detail == "accept: Too many open files");
    }
    CHECK(co_await desk.arrived.wait(soon()));
    CHECK(desk.streams.size() == 2);
    co_await desk.shut();
  });
}

TEST_CASE("a listening socket from systemd is taken over, anything else refused") {
  on_loop(+[](const Executor& executor) -> Task<> {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
    CHECK(Listener::adopt(executor, descriptor).error().code == Errc::invalid);
    REQUIRE(::listen(descriptor, 1) == 0);
    const auto adopted = Listener::adopt(executor, descriptor);
    REQUIRE(adopted.has_value());
    CHECK((*adopted)->local().port != 0);
    CHECK((fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((fcntl(descriptor, F_GETFL) & O_NONBLOCK) != 0);
    co_return;
  });
}

}  // namespace sallyport::io
