#include <sys/ioctl.h>

#include "base/io/certificate.h"
#include "tests/unit/io_tls_support.h"

namespace sallyport::io {
namespace {

using namespace testing;

ServerTlsSettings only(const CertificateFiles& files) { return {.certificates = {files}}; }

Task<Result<>> expect_bytes(Stream& stream, const std::string& expected) {
  const auto got = co_await read_bytes(stream, expected.size());
  CHECK((got && *got == expected));
  co_return Result<>{};
}

std::string fingerprint_of(const CertificateFiles& files) {
  return sha256_fingerprint(read_certificate(files.certificate).get());
}

}  // namespace

TEST_CASE("TLS: the handshake, what was negotiated, and bytes both ways") {
  on_pair(+[](Pair pair) -> Task<> {
    const TemporaryDirectory directory;
    const CertificateFiles files = directory.self_signed("mx.example.com");
    const Both shaken = co_await shake_hands(pair, {}, only(files));
    REQUIRE(shaken.first.has_value());
    REQUIRE(shaken.second.has_value());
    CHECK(pair.client->tls().version == "TLSv1.3");
    CHECK(pair.server->tls().version == "TLSv1.3");
    CHECK(pair.server->tls().cipher == pair.client->tls().cipher);
    CHECK(pair.server->tls().bits >= 128);
    CHECK(pair.server->tls().server_name == "mx.example.com");
    CHECK(pair.server->tls().peer_fingerprint.empty());
    CHECK(pair.client->tls().peer_fingerprint == fingerprint_of(files));
    CHECK(pair.client->tls().peer_name.empty());

    const std::string_view parts[] = {"250-one\r\n", "250-two\r\n", "250 three\r\n"};
    CHECK((co_await pair.server->write(parts, soon())).has_value());
    CHECK(*co_await pair.client->read(soon()) == "250-one\r\n250-two\r\n250 three\r\n");
    CHECK((co_await pair.client->write("QUIT\r\n", soon())).has_value());
    CHECK(*co_await pair.server->read(soon()) == "QUIT\r\n");
  });
}

TEST_CASE("TLS: a large write in parts under back-pressure arrives whole") {
  on_pair(+[](Pair pair) -> Task<> {
    const TemporaryDirectory directory;
    const int small = 4096;
    setsockopt(pair.client_descriptor(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    REQUIRE((co_await shake_hands(pair, {}, only(directory.self_signed("mx")))).second.has_value());
    const std::string a(100'003, 'a');
    const std::string b(7, 'b');
    const std::string c(60'001, 'c');
    const std::string_view parts[] = {a, b, c};
    const auto results =
        co_await both(pair.client->write(parts, soon()), expect_bytes(*pair.server, a + b + c));
    CHECK(results.first.has_value());
  });
}

TEST_CASE("TLS: how a session ends") {
  SUBCASE("with close_notify: closed, again and again") {
    on_pair(+[](Pair pair) -> Task<> {
      const TemporaryDirectory directory;
      REQUIRE((co_await shake_hands(pair, {}, only(directory.self_signed("mx")))).second.has_value());
      const auto results = co_await both(
          [](Stream& client) -> Task<Result<>> {
            co_await client.close();
            co_return Result<>{};
          }(*pair.client),
          [](Stream& server) -> Task<Result<>> {
            CHECK(co_await read_error(server) == Errc::closed);
            CHECK(co_await read_error(server) == Errc::closed);
            co_await server.close();
            co_return Result<>{};
          }(*pair.server));
      CHECK(results.second.has_value());
    });
  }
  SUBCASE("without: truncated, never closed") {
    on_pair(+[](Pair pair) -> Task<> {
      const TemporaryDirectory directory;
      REQUIRE((co_await shake_hands(pair, {}, only(directory.self_signed("mx")))).second.has_value());
      CHECK((co_await pair.client->write("half", soon())).has_value());
      ::shutdown(pair.client_descriptor(), SHUT_WR);
      CHECK(*co_await pair.server->read(soon()) == "half");
      CHECK(co_await read_error(*pair.server) == Errc::truncated);
      CHECK(co_await read_error(*pair.server) == Errc::truncated);
    });
  }
  SUBCASE("reset, and writing to the dead is an error, not a signal") {
    on_pair(+[](Pair pair) -> Task<> {
      const TemporaryDirectory directory;
      REQUIRE((co_await shake_hands(pair, {}, only(directory.self_signed("mx")))).second.has_value());
      close_with_reset(pair.client_descriptor());
      pair.client.reset();
      CHECK(co_await read_error(*pair.server) == Errc::reset);
      CHECK_FALSE((co_await pair.server->write("gone", soon())).has_value());
      co_await pair.server->close();
    });
  }
}

TEST_CASE("CVE-2026-45185: after close_notify plaintext on the connection is never read") {
  on_pair(+[](Pair pair) -> Task<> {
    const TemporaryDirectory directory;
    RawClient client(pair.client->socket());
    REQUIRE((co_await shake_hands(client, pair, only(directory.self_signed("mx")))).second.has_value());
    CHECK(client.send("BDAT 100\r\n"));
    SSL_shutdown(client.ssl());
    const std::string evil = "RCPT TO:<evil@example.net>\r\n";
    CHECK(::send(pair.client_descriptor(), evil.data(), evil.size(), 0) == std::ssize(evil));
    CHECK(*co_await pair.server->read(soon()) == "BDAT 100\r\n");
    std::string into;
    CHECK(pair.server->poll(into, 100) == Presence::closed);
    CHECK(co_await read_error(*pair.server) == Errc::closed);
    CHECK(co_await read_error(*pair.server) == Errc::closed);
    CHECK(pair.server->poll(into, 100) == Presence::closed);
    CHECK(into.empty());
  });
}

TEST_CASE("plaintext injected into a TLS session is an error, never data") {
  on_pair(+[](Pair pair) -> Task<> {
    const TemporaryDirectory directory;
    REQUIRE((co_await shake_hands(pair, {}, only(directory.self_signed("mx")))).second.has_value());
    const std::string evil = "RCPT TO:<evil@example.net>\r\n";
    CHECK(::send(pair.client_descriptor(), evil.data(), evil.size(), 0) == std::ssize(evil));
    CHECK(co_await read_error(*pair.server) == Errc::tls);
    CHECK_FALSE((co_await pair.server->write("250", soon())).has_value());
  });
}

TEST_CASE("TLS poll: what has arrived, and whether the peer is there") {
  on_pair(+[](Pair pair) -> Task<> {
    const TemporaryDirectory directory;
    REQUIRE((co_await shake_hands(pair, {}, only(directory.self_signed("mx")))).second.has_value());
    std::string into;
    CHECK(pair.server->poll(into, 100) == Presence::here);
    CHECK((co_await pair.client->write("QUIT\r\n", soon())).has_value());
    CHECK(pair.server->poll(into, 100) == Presence::here);
    CHECK(into == "QUIT\r\n");
    ::shutdown(pair.client_descriptor(), SHUT_WR);
    CHECK(pair.server->poll(into, 100) == Presence::closed);
  });
}

TEST_CASE("TLS handshakes that fail are `tls` with OpenSSL's reason, or `timeout`") {
  SUBCASE("another protocol") {
    on_pair(+[](Pair pair) -> Task<> {
      const TemporaryDirectory directory;
      CHECK((co_await pair.client->write("GET / HTTP/1.0\r\n\r\n", soon())).has_value());
      const auto done =
          co_await pair.server->start_tls(server_tls(only(directory.self_signed("mx"))), soon());
      CHECK(done.error().code == Errc::tls);
      CHECK(done.error().detail == "TLS handshake: http request");
    });
  }
  SUBCASE("a client that leaves") {
    on_pair(+[](Pair pair) -> Task<> {
      const TemporaryDirectory directory;
      ::shutdown(pair.client_descriptor(), SHUT_WR);
      const auto done =
          co_await pair.server->start_tls(server_tls(only(directory.self_signed("mx"))), soon());
      CHECK(done.error().code == Errc::tls);
      CHECK(done.error().detail == "TLS handshake: the peer closed the connection");
    });
  }
  SUBCASE("a client that says nothing") {
    on_pair(+[](Pair pair) -> Task<> {
      const TemporaryDirectory directory;
      const auto tls = server_tls(only(directory.self_signed("mx")));
      CHECK((co_await pair.server->start_tls(tls, in(5ms))).error().code == Errc::timeout);
    });
  }
  SUBCASE("TLS on TLS") {
    on_pair(+[](Pair pair) -> Task<> {
      const TemporaryDirectory directory;
      const auto settings = only(directory.self_signed("mx"));
      REQUIRE((co_await shake_hands(pair, {}, settings)).second.has_value());
      CHECK((co_await pair.server->start_tls(server_tls(settings), soon())).error().code == Errc::invalid);
      CHECK((co_await pair.client->write("x", soon())).has_value());
      CHECK(*co_await pair.server->read(soon()) == "x");
    });
  }
  SUBCASE("TLS 1.1") {
    on_pair(+[](Pair pair) -> Task<> {
      const TemporaryDirectory directory;
      RawClient client(pair.client->socket());
      SSL_set_min_proto_version(client.ssl(), TLS1_VERSION);
      SSL_set_max_proto_version(client.ssl(), TLS1_1_VERSION);
      const Both shaken = co_await shake_hands(client, pair, only(directory.self_signed("mx")));
      CHECK(shaken.second.error().detail == "TLS handshake: unsupported protocol");
      CHECK(shaken.first.error().detail == "tlsv1 alert protocol version");
    });
  }
  SUBCASE("TLS 1.2 where 1.3 is the least") {
    on_pair(+[](Pair pair) -> Task<> {
      const TemporaryDirectory directory;
      RawClient client(pair.client->socket());
      SSL_set_max_proto_version(client.ssl(), TLS1_2_VERSION);
      ServerTlsSettings settings = only(directory.self_signed("mx"));
      settings.minimum = TlsVersion::tls1_3;
      CHECK((co_await shake_hands(client, pair, settings)).second.error().code == Errc::tls);
    });
  }
}

TEST_CASE("P18: KeyUpdates without data end the session, some of them do not") {
  on_pair(+[](Pair pair) -> Task<> {
    const TemporaryDirectory directory;
    RawClient client(pair.client->socket());
    REQUIRE((co_await shake_hands(client, pair, only(directory.self_signed("mx")))).second.has_value());
    const auto update = [&client] {
      SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED);
      return SSL_do_handshake(client.ssl());
    };
    for (int round = 0; round < 10; ++round) {
      for (int i = 0; i < 10; ++i) CHECK(update() == 1);
      CHECK(client.send("NOOP\r\n"));
      CHECK(*co_await pair.server->read(soon()) == "NOOP\r\n");
    }
    CHECK((co_await pair.server->write("250 ok\r\n", soon())).has_value());
    for (int i = 0; i < 10'000 && update() == 1;) ++i;
    CHECK(co_await read_error(*pair.server) == Errc::tls);
    CHECK(co_await read_error(*pair.server) == Errc::tls);
    int unread = 0;
    CHECK(ioctl(pair.server_descriptor(), FIONREAD, &unread) == 0);
    CHECK(unread > 1000);  // it stopped long before the end of them
  });
}

TEST_CASE("ALPACA: a client that asks for another protocol is turned away") {
  const auto outcome = [](const std::string& offer, Result<>& server, std::string& chosen) {
    EventLoop loop;
    loop.run([](Pair pair, std::string protocols, Result<>& result, std::string& selected) -> Task<> {
      const TemporaryDirectory directory;
      RawClient client(pair.client->socket());
      client.offer_protocols(protocols);
      const Both shaken = co_await shake_hands(client, pair, only(directory.self_signed("mx")));
      result = shaken.second;
      selected = shaken.first ? "" : shaken.first.error().detail;
      const unsigned char* name = nullptr;
      unsigned size = 0;
      SSL_get0_alpn_selected(client.ssl(), &name, &size);
      selected.append(reinterpret_cast<const char*>(name), size);
    }(make_pair(loop.executor()), offer, server, chosen));
  };
  Result<> server;
  std::string chosen;
  outcome("", server, chosen);
  CHECK(server.has_value());
  CHECK(chosen.empty());
  outcome("\x02h2\x04smtp", server, chosen);
  CHECK(server.has_value());
  CHECK(chosen == "smtp");
  outcome("\x02h2\x08http/1.1", server, chosen);
  CHECK(server.error().code == Errc::tls);
  CHECK(chosen == "tlsv1 alert no application protocol");
}

TEST_CASE("no session is ever resumed: no tickets, no cache") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    EventLoop loop;
    loop.run([](Pair pair, int only_version) -> Task<> {
      const TemporaryDirectory directory;
      RawClient client(pair.client->socket());
      SSL_set_max_proto_version(client.ssl(), only_version);
      REQUIRE((co_await shake_hands(client, pair, only(directory.self_signed("mx")))).second.has_value());
      CHECK((co_await pair.server->write("250 ok\r\n", soon())).has_value());
      char buffer[32];
      const auto read = [&] {
        return SSL_read(client.ssl(), buffer, sizeof buffer) > 0 ? Attempt::done() : Attempt::needs_input();
      };
      CHECK((co_await pair.client->socket().drive(read, soon())).has_value());
      const SSL_SESSION* session = SSL_get_session(client.ssl());
      CHECK_FALSE(SSL_SESSION_has_ticket(session));
      unsigned size = 0;
      SSL_SESSION_get_id(session, &size);
      CHECK((only_version == TLS1_3_VERSION || size == 0));
      CHECK_FALSE(SSL_SESSION_is_resumable(session));
    }(make_pair(loop.executor()), version));
  }
}

TEST_CASE("renegotiation is refused") {
  on_pair(+[](Pair pair) -> Task<> {
    const TemporaryDirectory directory;
    RawClient client(pair.client->socket());
    SSL_set_max_proto_version(client.ssl(), TLS1_2_VERSION);
    REQUIRE((co_await shake_hands(client, pair, only(directory.self_signed("mx")))).second.has_value());
    CHECK(pair.server->tls().version == "TLSv1.2");
    CHECK(SSL_renegotiate(client.ssl()) == 1);
    bool answered = false;
    const auto client_asks = [](RawClient& asking, bool& done) -> Task<Result<>> {
      auto result = co_await asking.handshake();
      done = true;
      co_return result;
    };
    const auto server_reads = [](Stream& server, const bool& done) -> Task<Result<>> {
      while (!done) CHECK_FALSE((co_await server.read(in(20ms))).has_value());
      co_return Result<>{};
    };
    const Both results = co_await both(client_asks(client, answered), server_reads(*pair.server, answered));
    CHECK(results.first.error().detail.find("no renegotiation") != std::string::npos);
  });
}

}  // namespace sallyport::io
