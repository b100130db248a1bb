#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "base/mail/content.h"
#include "base/mail/trace.h"

using namespace sallyport;
using namespace sallyport::mail;

namespace {

WallTime at(int year, unsigned month, unsigned day, int seconds) {
  using namespace std::chrono;
  return sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day)) +
         std::chrono::seconds(seconds);
}

ReceivedFacts facts() {
  ReceivedFacts out;
  out.helo = "client.example.net";
  out.client = *IpAddress::parse("192.0.2.1");
  out.by = "mx.example.com";
  out.id = "3kf9a1b2c3d";
  out.when = at(2026, 11, 22, 16 * 3600);
  return out;
}

HeaderScanner scanned(const std::string& field) {
  HeaderScanner scanner(10'000, "mx.example.com");
  scanner.feed(field + "Subject: x\r\n\r\n");
  return scanner;
}

void check_form(const std::string& field, std::size_t longest) {
  std::string_view rest = field;
  bool first = true;
  while (!rest.empty()) {
    const std::size_t end = rest.find("\r\n");
    REQUIRE(end != std::string_view::npos);
    const std::string_view line = rest.substr(0, end);
    CHECK(line.size() <= longest);
    CHECK((first || line.starts_with('\t')));
    CHECK(line.find_first_of("\r\n") == std::string_view::npos);
    first = false;
    rest.remove_prefix(end + 2);
  }
  const HeaderScanner scanner = scanned(field);
  CHECK(scanner.received() == 1);
  CHECK(scanner.received_by_us() == 1);
  CHECK_FALSE(scanner.malformed());
}

}  // namespace

TEST_CASE("trace: the field as people know it") {
  ReceivedFacts f = facts();
  CHECK(received_field(f) ==
        "Received: from client.example.net ([192.0.2.1])\r\n"
        "\tby mx.example.com (Sallyport) with ESMTP id 3kf9a1b2c3d;\r\n"
        "\tSun, 22 Nov 2026 16:00:00 +0000\r\n");
  f.tls_version = "TLSv1.3";
  f.tls_cipher = "TLS_AES_256_GCM_SHA384";
  f.reverse_name = "host.example.net";
  f.recipient = "u@example.com";
  CHECK(received_field(f) ==
        "Received: from client.example.net (host.example.net [192.0.2.1])\r\n"
        "\tby mx.example.com (Sallyport) with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
        "\tid 3kf9a1b2c3d for <u@example.com>;\r\n"
        "\tSun, 22 Nov 2026 16:00:00 +0000\r\n");
}

TEST_CASE("trace: IPv6, and no HELO") {
  ReceivedFacts f = facts();
  f.client = *IpAddress::parse("2001:db8::1");
  f.helo.clear();
  CHECK(received_field(f).starts_with("Received: from unknown ([IPv6:2001:db8::1])\r\n"));
}

TEST_CASE("trace: transmission types of RFC 3848 and RFC 6531") {
  ReceivedFacts f = facts();
  CHECK(transmission_type(f) == "ESMTP");
  f.authenticated = true;
  CHECK(transmission_type(f) == "ESMTPA");
  f.tls_version = "TLSv1.3";
  CHECK(transmission_type(f) == "ESMTPSA");
  f.smtputf8 = true;
  CHECK(transmission_type(f) == "UTF8SMTPSA");
  f.lmtp = true;
  CHECK(transmission_type(f) == "UTF8LMTPSA");
  f.smtputf8 = f.authenticated = false;
  CHECK(transmission_type(f) == "LMTPS");
  f.extended = false;
  CHECK(transmission_type(f) == "SMTP");
}

TEST_CASE("P31: a HELO cannot break the field or forge a clause") {
  for (const std::string& helo :
       {std::string("x\r\nSubject: forged"), std::string("x (y"), std::string("x) by evil.example"),
        std::string("x; date"), std::string("a\0b", 3), std::string("\xc3\xa9"), std::string("x\\"),
        std::string("\"q"), std::string("<a@b>"), std::string(2000, 'h'), std::string("by"),
        std::string("[999.1.1.1]")}) {
    ReceivedFacts f = facts();
    f.helo = helo;
    f.reverse_name = helo;
    const std::string field = received_field(f);
    check_form(field, 998);
    CHECK_FALSE(field.contains("forged\r"));
    CHECK_FALSE(field.contains("by evil.example"));
    CHECK(field.find_first_of("\\\"<\xc3") == std::string::npos);
  }
}

TEST_CASE("trace: lines fold within 78 octets where the values allow") {
  ReceivedFacts f = facts();
  f.helo = "a-rather-long-name-of-a-client.subdomain.example.net";
  f.reverse_name = "another-rather-long-name.subdomain.example.net";
  f.by = "a-rather-long-name-of-ours.subdomain.example.com";
  f.tls_version = "TLSv1.2";
  f.tls_cipher = "ECDHE-ECDSA-CHACHA20-POLY1305";
  f.recipient = "somebody.with.a.long.name@subdomain.example.com";
  std::string_view rest;
  const std::string field = received_field(f);
  rest = field;
  while (!rest.empty()) {
    const std::size_t end = rest.find("\r\n");
    CHECK(end <= 78);
    rest.remove_prefix(end + 2);
  }
}

TEST_CASE("trace: a recipient that cannot be shown is left out") {
  ReceivedFacts f = facts();
  f.recipient = "\xc3\xa9@x.example";
  CHECK_FALSE(received_field(f).contains("for <"));
  f.smtputf8 = true;
  CHECK(received_field(f).contains("for <\xc3\xa9@x.example>;"));
  f.recipient = "\xe9@x.example";
  CHECK_FALSE(received_field(f).contains("for <"));
  f.recipient = "a\r\nb@x.example";
  CHECK_FALSE(received_field(f).contains("for <"));
  f.recipient = std::string(600, 'a');
  CHECK_FALSE(received_field(f).contains("for <"));
  f.recipient = R"("a b"@x.example)";
  CHECK(received_field(f).contains(R"(for <"a b"@x.example>;)"));
}

TEST_CASE("trace: dates") {
  CHECK(rfc5322_date(at(2026, 11, 22, 16 * 3600)) == "Sun, 22 Nov 2026 16:00:00 +0000");
  CHECK(rfc5322_date(at(1970, 1, 1, 0)) == "Thu, 1 Jan 1970 00:00:00 +0000");
  CHECK(rfc5322_date(at(2024, 2, 29, 86'399)) == "Thu, 29 Feb 2024 23:59:59 +0000");
  CHECK(rfc5322_date(at(1969, 12, 31, 1)) == "Wed, 31 Dec 1969 00:00:01 +0000");
  CHECK(rfc5322_date(at(2026, 7, 4, 9 * 3600 + 5 * 60 + 7) + std::chrono::milliseconds(999)) ==
        "Sat, 4 Jul 2026 09:05:07 +0000");
}
