// Who is who under TLS: certificates by SNI, of clients, and of next hops.
#include "tests/unit/io_tls_support.h"

namespace sallyport::io {
namespace {

using namespace testing;

ServerTlsSettings only(const CertificateFiles& files) { return {.certificates = {files}}; }

std::string fingerprint_of(const CertificateFiles& files) {
  return sha256_fingerprint(read_certificate(files.certificate).get());
}

}  // namespace

TEST_CASE("SNI chooses the certificate by its names, the first is for everybody else") {
  on_loop(+[](const Executor& executor) -> Task<> {
    const TemporaryDirectory directory;
    const CertificateFiles first = directory.issue({.name = "first", .alternatives = "DNS:mx.example.com"});
    const CertificateFiles second = directory.issue(
        {.name = "second", .alternatives = "DNS:mail.example.org,DNS:*.example.net,DNS:example.net"});
    const CertificateFiles third = directory.issue({.name = "third.example"});
    const ServerTlsSettings settings{.certificates = {first, second, third}};
    const struct {
      std::string host;
      const CertificateFiles& expected;
    } cases[] = {
        {"mx.example.com", first},
        {"mail.example.org", second},
        {"MAIL.Example.ORG", second},
        {"mail.example.org.", second},
        {"a.example.net", second},
        {"example.net", second},
        {"a.b.example.net", first},
        {"third.example", third},
        {"unknown.example", first},
        {"second", first},
        {"192.0.2.1", first},
        {"", first},
        {".", first},
        {std::string(255, 'x'), first},
    };
    for (const auto& [host, expected] : cases) {
      CAPTURE(host);
      Pair pair = make_pair(executor);
      RawClient client(pair.client->socket());
      if (!host.empty()) SSL_set_tlsext_host_name(client.ssl(), host.c_str());
      REQUIRE((co_await shake_hands(client, pair, settings)).second.has_value());
      CHECK(client.peer_fingerprint() == fingerprint_of(expected));
      CHECK(pair.server->tls().server_name == host);
    }
  });
}

TEST_CASE("certificates of the same names with ECDSA and RSA keys serve together") {
  on_loop(+[](const Executor& executor) -> Task<> {
    const TemporaryDirectory directory;
    const CertificateFiles modern = directory.issue({.name = "mx.example.com", .file = "ecdsa"});
    const CertificateFiles old = directory.issue({.name = "mx.example.com", .file = "rsa", .rsa = true});
    const ServerTlsSettings settings{.certificates = {modern, old}};
    for (const auto& [algorithms, expected] :
         {std::pair("ECDSA+SHA256", modern), std::pair("RSA-PSS+SHA256", old)}) {
      Pair pair = make_pair(executor);
      RawClient client(pair.client->socket());
      SSL_set1_sigalgs_list(client.ssl(), algorithms);
      REQUIRE((co_await shake_hands(client, pair, settings)).second.has_value());
      CHECK(client.peer_fingerprint() == fingerprint_of(expected));
    }
  });
}

TEST_CASE("client certificates: any completes the handshake, only the private CA's carry a name") {
  on_loop(+[](const Executor& executor) -> Task<> {
    const TemporaryDirectory directory;
    const CertificateFiles server = directory.self_signed("mx");
    const CertificateFiles ca = directory.issue({.name = "ca", .ca = true});
    const CertificateFiles other_ca = directory.issue({.name = "other-ca", .ca = true});
    const CertificateFiles printer =
        directory.issue({.name = "printer",
                         .alternatives = "DNS:Printer.example.com,DNS:second.example.com",
                         .issuer = ca});
    const CertificateFiles common = directory.issue({.name = "common.example.com", .issuer = ca});
    const CertificateFiles stranger = directory.issue({.name = "stranger", .issuer = other_ca});
    const CertificateFiles own = directory.self_signed("printer.example.com");
    ServerTlsSettings asking{
        .certificates = {server}, .client_ca = ca.certificate, .ask_for_client_certificate = true};
    ServerTlsSettings silent = asking;
    silent.ask_for_client_certificate = false;
    ServerTlsSettings no_ca = asking;
    no_ca.client_ca.clear();
    const struct {
      const ServerTlsSettings& settings;
      const CertificateFiles& identity;
      const char* name;
      bool recorded;
    } cases[] = {
        {asking, printer, "printer.example.com", true},
        {asking, common, "common.example.com", true},
        {asking, stranger, "", true},
        {asking, own, "", true},
        {no_ca, printer, "", true},
        {silent, printer, "", false},
    };
    for (const auto& [settings, identity, name, recorded] : cases) {
      CAPTURE(identity.certificate);
      Pair pair = make_pair(executor);
      REQUIRE((co_await shake_hands(pair, {.identity = identity}, settings)).second.has_value());
      CHECK(pair.server->tls().peer_name == name);
      CHECK(pair.server->tls().peer_fingerprint == (recorded ? fingerprint_of(identity) : ""));
    }
    Pair pair = make_pair(executor);
    REQUIRE((co_await shake_hands(pair, {}, asking)).second.has_value());
    CHECK(pair.server->tls().peer_fingerprint.empty());
    CHECK(pair.server->tls().peer_name.empty());
  });
}

TEST_CASE("verification of the next hop: by name, by pin, or none") {
  on_loop(+[](const Executor& executor) -> Task<> {
    const TemporaryDirectory directory;
    const CertificateFiles ca = directory.issue({.name = "ca", .ca = true});
    const CertificateFiles hop =
        directory.issue({.name = "hop", .alternatives = "DNS:hop.example.com,IP:192.0.2.7", .issuer = ca});
    const CertificateFiles own = directory.self_signed("hop.example.com");
    const ClientTlsSettings by_name{.verify = Verify::name, .ca = ca.certificate};
    const ClientTlsSettings by_own{.verify = Verify::name, .ca = own.certificate};
    const ClientTlsSettings by_system{.verify = Verify::name};
    const ClientTlsSettings by_pin{.verify = Verify::pin, .pins = {"00", fingerprint_of(own)}};
    const struct {
      const ClientTlsSettings& settings;
      const CertificateFiles& server;
      const char* host;
      const char* error;
    } cases[] = {
        {{}, own, "other.example.com", ""},
        {by_name, hop, "hop.example.com", ""},
        {by_name, hop, "192.0.2.7", ""},
        {by_name, hop, "other.example.com", "certificate verify failed: hostname mismatch"},
        {by_name, hop, "192.0.2.8", "certificate verify failed: IP address mismatch"},
        {by_name, own, "hop.example.com", "certificate verify failed: self-signed certificate"},
        {by_own, own, "hop.example.com", ""},
        {by_system, hop, "hop.example.com",
         "certificate verify failed: unable to get local issuer certificate"},
        {by_pin, own, "other.example.com", ""},
        {by_pin, hop, "hop.example.com", "certificate verify failed: it matches no pin"},
    };
    for (const auto& [settings, server, host, error] : cases) {
      CAPTURE(host);
      CAPTURE(error);
      Pair pair = make_pair(executor);
      const Both shaken = co_await shake_hands(pair, settings, only(server), host);
      CHECK(shaken.first.has_value() == std::string(error).empty());
      if (!shaken.first) CHECK(shaken.first.error().detail == "TLS handshake: " + std::string(error));
    }
  });
}

}  // namespace sallyport::io
