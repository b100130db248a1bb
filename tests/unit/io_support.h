// What the tests of base/io share: a loop, a pair of connected streams, two tasks at once.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <string>

#include "base/io/event_loop.h"
#include "base/io/socket_address.h"
#include "base/io/socket_stream.h"
#include "base/io/task.h"

namespace sallyport::io::testing {

using namespace std::chrono_literals;

inline TimePoint in(Duration duration) { return std::chrono::steady_clock::now() + duration; }
inline TimePoint soon() { return in(10s); }  // only a test that fails ever waits for it

inline TaskGroup& tasks() {
  static TaskGroup group([](std::string_view, std::string_view what) { FAIL_CHECK(std::string(what)); });
  return group;
}

// Two streams connected over loopback, and the descriptor of the client's for what a Stream cannot do.
struct Pair {
  std::unique_ptr<SocketStream> client;
  std::unique_ptr<SocketStream> server;
  int client_descriptor() const { return client->socket().descriptor(); }
  int server_descriptor() const { return server->socket().descriptor(); }
};

inline Pair make_pair(const Executor& executor) {
  Descriptor listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  SocketAddress address = to_socket_address(*Endpoint::parse("127.0.0.1:0"));
  REQUIRE(::bind(listening.get(), address.get(), address.length) == 0);
  REQUIRE(::listen(listening.get(), 1) == 0);
  address = to_socket_address(local_endpoint(listening.get()));
  Descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(client.get(), address.get(), address.length) == 0);
  Descriptor server(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(server);
  for (const Descriptor* end : {&client, &server}) fcntl(end->get(), F_SETFL, O_RDWR | O_NONBLOCK);
  return {std::make_unique<SocketStream>(executor, std::move(client)),
          std::make_unique<SocketStream>(executor, std::move(server))};
}

// Runs a test on a loop of its own.
inline void on_loop(Task<> (*test)(const Executor&)) {
  ignore_sigpipe();
  EventLoop loop;
  loop.run(test(loop.executor()));
}

inline void on_pair(Task<> (*test)(Pair)) {
  ignore_sigpipe();
  EventLoop loop;
  loop.run(test(make_pair(loop.executor())));
}

struct Both {
  Result<> first;
  Result<> second;
};

inline Task<> store(Task<Result<>> task, Result<>& result, Signal& done) {
  result = co_await std::move(task);
  done.notify();
}

inline Task<Both> both(Task<Result<>> first, Task<Result<>> second) {
  const Executor executor = co_await this_executor();
  Both results;
  Signal done(executor);
  tasks().spawn(executor, "second", store(std::move(second), results.second, done));
  results.first = co_await std::move(first);
  REQUIRE(co_await done.wait(soon()));
  co_return results;
}

// Reads until `size` bytes have come, or an error.
inline Task<Result<std::string>> read_bytes(Stream& stream, std::size_t size) {
  std::string bytes;
  while (bytes.size() < size) {
    const auto got = co_await stream.read(soon());
    if (!got) co_return got.error();
    bytes += *got;
  }
  co_return bytes;
}

inline Task<Errc> read_error(Stream& stream) {
  const auto got = co_await stream.read(soon());
  REQUIRE_FALSE(got.has_value());
  co_return got.error().code;
}

// Closing now sends RST, as a crashed or vanished peer does.
inline void close_with_reset(int descriptor) {
  const linger hard{1, 0};
  setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

}  // namespace sallyport::io::testing
