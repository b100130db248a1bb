#include <algorithm>

#include "base/io/gather.h"
#include "tests/unit/io_support.h"

namespace sallyport::io {
namespace {

using namespace testing;

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + i * 7 % 26);
  return bytes;
}

Task<Result<>> expect_bytes(Stream& stream, const std::string& expected) {
  const auto got = co_await read_bytes(stream, expected.size());
  CHECK(got.has_value());
  CHECK((got && *got == expected));
  co_return Result<>{};
}

// A spawned task starts at once; these let the spawner come to its wait first.
Task<> abort_soon(Stream& stream) {
  co_await sleep_for(0s);
  stream.abort();
  co_return;
}

Task<> interrupt_soon(Stream& stream) {
  co_await sleep_for(0s);
  stream.interrupt();
  co_return;
}

Task<> write_soon(Stream& stream) {
  co_await sleep_for(0s);
  CHECK((co_await stream.write("x", soon())).has_value());
}

Task<> set_soon(bool& flag) {
  co_await sleep_for(0s);
  flag = true;
  co_return;
}

}  // namespace

TEST_CASE("a stream carries bytes both ways and knows its ends") {
  on_pair(+[](Pair pair) -> Task<> {
    CHECK((co_await pair.client->write("hello", soon())).has_value());
    CHECK(*co_await read_bytes(*pair.server, 5) == "hello");
    CHECK((co_await pair.server->write("world", soon())).has_value());
    CHECK(*co_await read_bytes(*pair.client, 5) == "world");
    CHECK(pair.client->peer() == pair.server->local());
    CHECK(pair.client->local() == pair.server->peer());
    CHECK(pair.client->local().address.to_string() == "127.0.0.1");
    CHECK(pair.client->tls().version.empty());
  });
}

TEST_CASE("the parts of one write arrive as one piece, empty parts included") {
  on_pair(+[](Pair pair) -> Task<> {
    const std::string_view parts[] = {"", "one ", "", "two ", "three", ""};
    CHECK((co_await pair.client->write(parts, soon())).has_value());
    const auto got = co_await pair.server->read(soon());
    CHECK(*got == "one two three");
  });
}

TEST_CASE("a write larger than the socket's buffers waits for the reader") {
  on_pair(+[](Pair pair) -> Task<> {
    const int small = 4096;
    setsockopt(pair.client_descriptor(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    const std::string bytes = pattern(300'001);
    const auto results =
        co_await both(pair.client->write(bytes, soon()), expect_bytes(*pair.server, bytes));
    CHECK(results.first.has_value());
  });
}

TEST_CASE("a write that nobody reads times out") {
  on_pair(+[](Pair pair) -> Task<> {
    std::string bytes;
    bytes.resize(16'000'000);
    do {  // a busy machine may let the time pass before the first octet
      const auto written = co_await pair.client->write(bytes, in(20ms));
      CHECK(written.error().code == Errc::timeout);
    } while (pair.client->unacknowledged() == 0);
  });
}

TEST_CASE("read: deadlines") {
  SUBCASE("without input it times out, and the stream stays good") {
    on_pair(+[](Pair pair) -> Task<> {
      CHECK((co_await pair.server->read(in(5ms))).error().code == Errc::timeout);
      CHECK((co_await pair.client->write("late", soon())).has_value());
      CHECK(*co_await read_bytes(*pair.server, 4) == "late");
    });
  }
  SUBCASE("an earlier deadline moves the timer") {
    on_pair(+[](Pair pair) -> Task<> {
      tasks().spawn(co_await this_executor(), "write", write_soon(*pair.client));
      CHECK((co_await pair.server->read(in(1h))).has_value());
      const TimePoint begin = in(0s);
      CHECK((co_await pair.server->read(in(5ms))).error().code == Errc::timeout);
      CHECK(in(0s) - begin < 5s);
    });
  }
  SUBCASE("a later one is not cut short by the timer's earlier time") {
    on_pair(+[](Pair pair) -> Task<> {
      tasks().spawn(co_await this_executor(), "write", write_soon(*pair.client));
      CHECK((co_await pair.server->read(in(500ms))).has_value());
      const TimePoint later = in(550ms);
      CHECK((co_await pair.server->read(later)).error().code == Errc::timeout);
      CHECK(in(0s) >= later);
    });
  }
  SUBCASE("a deadline that has passed wins over input that is there") {
    on_pair(+[](Pair pair) -> Task<> {
      CHECK((co_await pair.client->write("x", soon())).has_value());
      CHECK((co_await pair.server->read(in(-1s))).error().code == Errc::timeout);
      CHECK((co_await pair.server->read(soon())).has_value());
    });
  }
}

TEST_CASE("read: the ends of a connection") {
  SUBCASE("FIN is closed, again and again") {
    on_pair(+[](Pair pair) -> Task<> {
      ::shutdown(pair.client_descriptor(), SHUT_WR);
      CHECK(co_await read_error(*pair.server) == Errc::closed);
      CHECK(co_await read_error(*pair.server) == Errc::closed);
      CHECK((co_await pair.server->write("still", soon())).has_value());
    });
  }
  SUBCASE("RST is reset, for read and write") {
    on_pair(+[](Pair pair) -> Task<> {
      close_with_reset(pair.client_descriptor());
      pair.client.reset();
      CHECK(co_await read_error(*pair.server) == Errc::reset);
      CHECK((co_await pair.server->write("gone", soon())).error().code == Errc::reset);
    });
  }
}

TEST_CASE("abort ends the pending read and all that follows") {
  on_pair(+[](Pair pair) -> Task<> {
    tasks().spawn(co_await this_executor(), "abort", abort_soon(*pair.server));
    CHECK(co_await read_error(*pair.server) == Errc::closed);
    CHECK((co_await pair.server->write("x", soon())).error().code == Errc::closed);
    co_await pair.server->close();
  });
}

TEST_CASE("interrupt ends one read with stopped, and the stream stays good") {
  SUBCASE("the pending one") {
    on_pair(+[](Pair pair) -> Task<> {
      tasks().spawn(co_await this_executor(), "interrupt", interrupt_soon(*pair.server));
      CHECK(co_await read_error(*pair.server) == Errc::stopped);
      CHECK((co_await pair.client->write("more", soon())).has_value());
      CHECK(*co_await read_bytes(*pair.server, 4) == "more");
    });
  }
  SUBCASE("or the next, but no write") {
    on_pair(+[](Pair pair) -> Task<> {
      pair.server->interrupt();
      CHECK((co_await pair.server->write("421", soon())).has_value());
      CHECK(co_await read_error(*pair.server) == Errc::stopped);
      CHECK((co_await pair.server->read(in(1ms))).error().code == Errc::timeout);
    });
  }
}

TEST_CASE("a peer that always has bytes ready does not keep the loop from others") {
  on_pair(+[](Pair pair) -> Task<> {
    bool others_ran = false;
    tasks().spawn(co_await this_executor(), "others", set_soon(others_ran));
    int reads = 0;
    for (; !others_ran && reads < 1000; ++reads) {
      CHECK(::send(pair.client_descriptor(), "NOOP\r\n", 6, 0) == 6);
      CHECK((co_await pair.server->read(soon())).has_value());
    }
    CHECK(reads < 100);
  });
}

TEST_CASE("what came together with the last bytes is seen by the read behind them") {
  on_pair(+[](Pair pair) -> Task<> {
    CHECK((co_await pair.client->write("QUIT\r\n", soon())).has_value());
    ::shutdown(pair.client_descriptor(), SHUT_WR);
    CHECK(*co_await pair.server->read(soon()) == "QUIT\r\n");
    CHECK((co_await pair.server->read(soon())).error().code == Errc::closed);
  });
}

TEST_CASE("write_now writes what goes out at once, and says how much") {
  SUBCASE("a reply goes at once") {
    on_pair(+[](Pair pair) -> Task<> {
      CHECK(*pair.server->write_now("") == 0);
      CHECK(*pair.server->write_now("250 ok\r\n") == 8);
      CHECK(*co_await read_bytes(*pair.client, 8) == "250 ok\r\n");
    });
  }
  SUBCASE("where nobody reads, the rest is left") {
    on_pair(+[](Pair pair) -> Task<> {
      const std::string bytes = pattern(16'000'000);
      CHECK(*pair.server->write_now(bytes) < bytes.size());
      while (*pair.server->write_now(bytes) > 0) continue;
      co_return;
    });
  }
  SUBCASE("an aborted stream is closed") {
    on_pair(+[](Pair pair) -> Task<> {
      pair.server->abort();
      CHECK(pair.server->write_now("x").error().code == Errc::closed);
      co_return;
    });
  }
}

TEST_CASE("hang_up ends the connection at once, behind the last words") {
  on_pair(+[](Pair pair) -> Task<> {
    CHECK(*pair.server->write_now("221 bye\r\n") == 9);
    pair.server->hang_up();
    CHECK(*co_await read_bytes(*pair.client, 9) == "221 bye\r\n");
    CHECK((co_await pair.client->read(soon())).error().code == Errc::closed);
  });
}

TEST_CASE("poll: what has arrived, and whether the peer is there") {
  SUBCASE("nothing") {
    on_pair(+[](Pair pair) -> Task<> {
      std::string into;
      CHECK(pair.server->poll(into, 100) == Presence::here);
      CHECK(into.empty());
      co_return;
    });
  }
  SUBCASE("input, appended, up to the cap") {
    on_pair(+[](Pair pair) -> Task<> {
      CHECK((co_await pair.client->write("QUIT\r\n", soon())).has_value());
      std::string into = "> ";
      CHECK(pair.server->poll(into, 4) == Presence::here);
      CHECK(into == "> QUIT");
      CHECK(pair.server->poll(into, 100) == Presence::here);
      CHECK(into == "> QUIT\r\n");
    });
  }
  SUBCASE("input, then FIN, within the cap and beyond it") {
    on_pair(+[](Pair pair) -> Task<> {
      CHECK((co_await pair.client->write("QUIT\r\n", soon())).has_value());
      ::shutdown(pair.client_descriptor(), SHUT_WR);
      std::string into;
      CHECK(pair.server->poll(into, 2) == Presence::closed);
      CHECK(pair.server->poll(into, 100) == Presence::closed);
      CHECK(into == "QUIT\r\n");
    });
  }
  SUBCASE("reset") {
    on_pair(+[](Pair pair) -> Task<> {
      close_with_reset(pair.client_descriptor());
      pair.client.reset();
      std::string into;
      CHECK(pair.server->poll(into, 100) == Presence::gone);
      co_return;
    });
  }
}

TEST_CASE("close drains unread input, so that the last reply arrives") {
  on_pair(+[](Pair pair) -> Task<> {
    const std::string unread = pattern(50'000);
    CHECK((co_await pair.client->write(unread, soon())).has_value());
    CHECK((co_await pair.server->write("552 too big\r\n", soon())).has_value());
    const auto results = co_await both(
        [](Stream& server) -> Task<Result<>> {
          co_await server.close();
          co_return Result<>{};
        }(*pair.server),
        [](Stream& client) -> Task<Result<>> {
          CHECK(*co_await read_bytes(client, 13) == "552 too big\r\n");
          CHECK(co_await read_error(client) == Errc::closed);
          co_await client.close();
          co_return Result<>{};
        }(*pair.client));
    CHECK(results.first.has_value());
  });
}

TEST_CASE("close does not wait long for a peer that stays") {
  on_pair(+[](Pair pair) -> Task<> {
    const TimePoint begin = std::chrono::steady_clock::now();
    co_await pair.server->close();
    const Duration taken = std::chrono::steady_clock::now() - begin;
    CHECK(taken >= 1900ms);
    CHECK(taken < 30s);
    CHECK((co_await pair.server->read(soon())).error().code == Errc::closed);
  });
}

TEST_CASE("connect") {
  SUBCASE("refused") {
    on_loop(+[](const Executor&) -> Task<> {
      Endpoint nobody = *Endpoint::parse("127.0.0.1:1");
      const auto stream = co_await connect(nobody, {.source = {}, .deadline = soon()});
      REQUIRE_FALSE(stream.has_value());
      CHECK(stream.error().code == Errc::refused);
      CHECK(stream.error().detail == "127.0.0.1:1: Connection refused");
    });
  }
  SUBCASE("from a source address that is not ours") {
    on_loop(+[](const Executor&) -> Task<> {
      const auto stream = co_await connect(*Endpoint::parse("127.0.0.1:1"),
                                           {.source = *IpAddress::parse("192.0.2.1"), .deadline = soon()});
      REQUIRE_FALSE(stream.has_value());
      CHECK(stream.error().code == Errc::unreachable);
    });
  }
  SUBCASE("a deadline that has passed") {
    on_loop(+[](const Executor&) -> Task<> {
      const auto stream =
          co_await connect(*Endpoint::parse("127.0.0.1:1"), {.source = {}, .deadline = in(-1s)});
      REQUIRE_FALSE(stream.has_value());
      CHECK(stream.error().code == Errc::timeout);
    });
  }
}

TEST_CASE("Gather: every way to advance through the parts gives the same bytes") {
  const std::string_view parts[] = {"ab", "", "cde", "f", "", "ghij"};
  const std::string whole = "abcdefghij";
  for (std::size_t step = 1; step <= whole.size(); ++step) {
    Gather gather(parts);
    std::string by_vectors;
    std::string by_pieces;
    char buffer[3];
    while (!gather.finished()) {
      iovec vectors[2];
      const std::size_t count = gather.vectors(vectors);
      std::string seen;
      for (std::size_t i = 0; i < count; ++i)
        seen.append(static_cast<char*>(vectors[i].iov_base), vectors[i].iov_len);
      const std::string_view piece = gather.piece(buffer);
      const std::size_t taken = std::min({step, seen.size(), piece.size()});
      by_vectors += seen.substr(0, taken);
      by_pieces += piece.substr(0, taken);
      gather.advance(taken);
    }
    CHECK(by_vectors == whole);
    CHECK(by_pieces == whole);
  }
}

}  // namespace sallyport::io
