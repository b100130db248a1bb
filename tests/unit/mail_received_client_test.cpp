#include <doctest/doctest.h>

#include "base/mail/content.h"
#include "base/mail/received_client.h"
#include "base/mail/trace.h"
#include "tests/unit/splits.h"

using namespace sallyport;
using namespace sallyport::mail;
using sallyport::tests::same_for_every_split;

namespace {

// "192.0.2.1 helo", or "none".
std::string shown(const std::optional<ReceivedClient>& client) {
  return client ? client->address.to_string() + ' ' + client->helo : "none";
}

std::string named(std::string_view value) { return shown(received_client(value)); }

class Subject {
 public:
  void feed(std::string_view bytes) { clients_.feed(bytes); }
  std::vector<std::string> result() {
    clients_.finish();
    std::vector<std::string> out;
    for (const auto& client : clients_.found()) out.push_back(shown(client));
    return out;
  }

 private:
  ReceivedClients clients_;
};

using Found = std::vector<std::string>;
Found found(std::string_view message) {
  return same_for_every_split(message, [] { return Subject(); });
}

}  // namespace

TEST_CASE("the client of a Received field, as servers write it") {
  const std::vector<std::pair<const char*, const char*>> fields = {
      // Postfix
      {" from mx.example (mail.example [192.0.2.1])\r\n\t(using TLSv1.3 with cipher X (256/256 bits))\r\n"
       "\t(Client CN \"a\", Issuer \"b\" (verified OK))\r\n\tby us.example (Postfix) with ESMTPS id 4F",
       "192.0.2.1 mx.example"},
      {"from mx.example (unknown [IPv6:2001:db8::1]) by us.example", "2001:db8::1 mx.example"},
      {"from [10.0.0.5] (dsl.example [192.0.2.1]) by us.example", "192.0.2.1 [10.0.0.5]"},
      // sendmail
      {"from mx.example (mail.example [192.0.2.1] (may be forged))\n\tby us.example (8.14.4/8.14.4)",
       "192.0.2.1 mx.example"},
      {"from mx.example (IDENT:joe@mail.example [192.0.2.1]) by us.example", "192.0.2.1 mx.example"},
      {"from mx.example (joe@[192.0.2.1]) by us.example", "192.0.2.1 mx.example"},
      {"from mx.example ([IPv6:2001:DB8:0:0:0:0:0:1]) by us.example", "2001:db8::1 mx.example"},
      // Exim
      {"from [192.0.2.1] (helo=mx.example)\n by us.example with esmtp (Exim 4.96)", "192.0.2.1 mx.example"},
      {"from mail.example ([192.0.2.1] helo=mx.example) by us.example", "192.0.2.1 mx.example"},
      {"from mail.example ([192.0.2.1]:51234 helo=[10.0.0.5]) by us.example", "192.0.2.1 [10.0.0.5]"},
      {"from mail.example ([192.0.2.1]) by us.example", "192.0.2.1 mail.example"},
      {"from mail.example ([2001:db8::1] ident=joe) by us.example", "2001:db8::1 mail.example"},
      {"from [192.0.2.1]:51234 (port=51234 helo=mx.example ident=joe) by us.example",
       "192.0.2.1 mx.example"},
      // Exchange and Outlook
      {"from MX.example (192.0.2.1) by us.example (10.0.0.1) with Microsoft SMTP Server",
       "192.0.2.1 MX.example"},
      {"from A.prod.example (2001:db8:a:1::1) by B.prod.example\r\n (2001:db8:b::2) with Microsoft SMTP "
       "Server (version=TLS1_2, cipher=TLS_X) id 15.20",
       "2001:db8:a:1::1 A.prod.example"},
      {"from A.example (fe80::1%12) by B.example ([fe80::2%3]) with mapi id", "fe80::1 A.example"},
      {"from A.example ([192.0.2.1]) by B.example with Microsoft SMTPSVC(6.0)", "192.0.2.1 A.example"},
      // qmail and its kin
      {"from unknown (HELO mx.example) (192.0.2.1)\n  by us.example with SMTP; 1 Jan 2026",
       "192.0.2.1 mx.example"},
      {"from mail.example (192.0.2.1)\n  by us.example with SMTP", "192.0.2.1 mail.example"},
      {"from mail.example (EHLO mx.example) (joe@192.0.2.1) by us.example", "192.0.2.1 mx.example"},
      {"from 192.0.2.1  (EHLO mx.example) (192.0.2.1) by us.example with SMTPs", "192.0.2.1 mx.example"},
      {"from [10.0.0.5] (joe@192.0.2.1 with plain) by us.example", "192.0.2.1 [10.0.0.5]"},
      {"from mail.example (HELO mx.example) ([192.0.2.1]:4711) by us.example", "192.0.2.1 mx.example"},
      {"from mail.example (192.0.2.1:4711) by us.example", "192.0.2.1 mail.example"},
      // Gmail, Courier, CommuniGate
      {"from mail-f41.example (mail-f41.example. [2001:db8::1]) by mx.example with ESMTPS id x",
       "2001:db8::1 mail-f41.example"},
      {"from mx.example (mail.example [::ffff:192.0.2.1]) (AUTH: LOGIN joe) by us.example",
       "192.0.2.1 mx.example"},
      {"from mx.example (IDENT: joe, mail.example [192.0.2.1]) by us.example", "192.0.2.1 mx.example"},
      {"from [192.0.2.1] (account joe@10.0.0.5 HELO mx.example) by us.example", "192.0.2.1 mx.example"},
      {"from [192.0.2.1] (HELO mx.example) by us.example", "192.0.2.1 mx.example"},
      {"from mx.example ([192.0.2.1], claiming to be \"x\") by us.example", "192.0.2.1 mx.example"},
      // spelling
      {"FROM mx.example(mail.example [192.0.2.1])BY us.example", "192.0.2.1 mx.example"},
      {" (a (b) \\) c) from\r\n\tmx.example\r\n ([192.0.2.1]", "none"},
      {"from mx.example (mail.example(a(b))[192.0.2.1](c)) by us.example", "192.0.2.1 mx.example"},
      {"from by (mail.example [192.0.2.1]) by us.example", "192.0.2.1 by"},
      {"from My Laptop (192.0.2.1) by us.example", "192.0.2.1 My"},
  };
  for (const auto& [field, client] : fields) CHECK_MESSAGE(named(field) == client, std::string(field));
}

TEST_CASE("a field that names no client") {
  for (const char* field :
       {"", "from", "from ", "by mx.example (Postfix, from userid 0) id 4F",
        "(qmail 123 invoked by uid 0); date", "by 2001:db8::1 with SMTP id x",
        "from mail pickup service by A.example with Microsoft SMTPSVC",
        "from mx.example by us.example ([192.0.2.1])", "from mx.example; ([192.0.2.1])",
        "from mx.example ([0.0.0.0]) by us.example", "from mx.example ([999.0.2.1]) by us.example",
        "from mx.example ([192.0.2.1 by us.example", "from mx.example ([192.0.2.1]:x) by us.example",
        "from mx.example (mail[192.0.2.1]) by us.example", "fromage mx.example ([192.0.2.1])"})
    CHECK_MESSAGE(named(field) == "none", std::string(field));
}

TEST_CASE("R16 the address is never one that the client said") {
  // A HELO that is an address literal, where the server has written no address of its own.
  CHECK(named("from [10.0.0.5] by us.example") == "none");
  CHECK(named("from 10.0.0.5 by us.example") == "none");
  CHECK(named("from [10.0.0.5] (using TLSv1.3) by us.example") == "none");
  // In the place where the HELO stands.
  CHECK(named("from x (HELO [10.0.0.5]) (192.0.2.1) by us") == "192.0.2.1 [10.0.0.5]");
  CHECK(named("from x (HELO a [10.0.0.5]) (192.0.2.1) by us") == "192.0.2.1 a");
  CHECK(named("from x ([192.0.2.1] helo=[10.0.0.5]) by us") == "192.0.2.1 [10.0.0.5]");
  CHECK(named("from [192.0.2.1] (helo=[10.0.0.5]) by us") == "192.0.2.1 [10.0.0.5]");
  // As ident, as a reverse name, as the name in a certificate.
  CHECK(named("from x ([192.0.2.1] helo=y ident=a [10.0.0.5]) by us") == "192.0.2.1 y");
  CHECK(named("from [192.0.2.1] (helo=y ident=a [10.0.0.5]) by us") == "192.0.2.1 y");
  CHECK(named("from x (IDENT:a@[10.0.0.5] y [192.0.2.1]) by us") == "192.0.2.1 x");
  CHECK(named("from x (y [192.0.2.1] helo=a@[10.0.0.5]) by us") == "192.0.2.1 a@[10.0.0.5]");
  CHECK(named("from x (10.0.0.5 [192.0.2.1]) by us") == "192.0.2.1 x");
  CHECK(named("from x (y [192.0.2.1]) (Client CN \"a [10.0.0.5] b\") by us") == "192.0.2.1 x");
  CHECK(named("from x (y (10.0.0.5) [192.0.2.1] ([10.0.0.5])) by us") == "192.0.2.1 x");
}

TEST_CASE("a HELO that is not fit to be shown is left out") {
  CHECK(named("from " + std::string(255, 'a') + " ([192.0.2.1]) by us") ==
        "192.0.2.1 " + std::string(255, 'a'));
  CHECK(named("from " + std::string(256, 'a') + " ([192.0.2.1]) by us") == "192.0.2.1 ");
  CHECK(named(std::string("from a\0b ([192.0.2.1]) by us", 28)) == "192.0.2.1 ");
  CHECK(named("from x ([192.0.2.1] helo=a\x1b[1m) by us") == "192.0.2.1 ");
}

TEST_CASE("what we write ourselves is read back") {
  ReceivedFacts facts;
  facts.helo = "mx.example";
  facts.reverse_name = "mail.example";
  facts.by = "us.example";
  facts.id = "x";
  for (const char* address : {"192.0.2.1", "2001:db8::1"}) {
    facts.client = *IpAddress::parse(address);
    CHECK(found(received_field(facts)) == Found{std::string(address) + " mx.example"});
  }
}

TEST_CASE("the first Received fields of a message, however it is cut") {
  CHECK(
      found("Received: from a ([192.0.2.1]) by b\r\nRECEIVED :\r\n from c\r\n\t(d [192.0.2.2])\r\n by e\r\n"
            "Subject: Received: from x ([192.0.2.9])\r\n Received: from y ([192.0.2.9])\r\n"
            "X-Received: from z ([192.0.2.9])\r\nReceived-SPF: from ([192.0.2.9])\r\n"
            "received:by f\r\nReceived: from g ([192.0.2.3])\r\n\r\nReceived: from h ([192.0.2.9])\r\n") ==
      Found{"192.0.2.1 a", "192.0.2.2 c", "none", "192.0.2.3 g"});
  CHECK(found("Received: from a ([192.0.2.1])") == Found{"192.0.2.1 a"});
  CHECK(found("\nReceived: from a ([192.0.2.1])\n").empty());
  CHECK(found("\r\nReceived: from a ([192.0.2.1])\r\n").empty());
  CHECK(found("\r\r\nReceived: from a ([192.0.2.1])\r\n") == Found{"192.0.2.1 a"});
  CHECK(found("Received\r\n : from a ([192.0.2.1])\r\n").empty());
  CHECK(found(" Received: from a ([192.0.2.1])\r\n").empty());
  CHECK(found("Received: from a\r\n \r\n ([192.0.2.1])\r\n\r\n") == Found{"192.0.2.1 a"});
  CHECK(found("Received").empty());
  CHECK(found("").empty());
}

TEST_CASE("no more fields than eight, and no more of one than is bounded") {
  std::string message;
  for (int hop = 1; hop <= 50; ++hop)
    message += "Received: from a ([192.0.2." + std::to_string(hop) + "])\r\n";
  ReceivedClients clients;
  clients.feed(message);
  CHECK(clients.complete());
  REQUIRE(clients.found().size() == ReceivedClients::kMostFields);
  CHECK(shown(clients.found().back()) == "192.0.2.8 a");

  const std::string stuffing(ReceivedClients::kMostHeld, 'x');
  CHECK(found("Received: from a (" + stuffing + ") ([192.0.2.1])\r\nReceived: from b ([192.0.2.2])\r\n") ==
        Found{"none", "192.0.2.2 b"});
  CHECK(found("Received: from a ([192.0.2.1]) " + stuffing + "\r\n y\r\nX: y\r\n\r\n") ==
        Found{"192.0.2.1 a"});
}

TEST_CASE("it finds the Received fields that HeaderScanner counts") {
  for (const char* message :
       {"Received: a\r\nreceived \t:b\r\nRe: c\r\n\r\n", "no header\r\nReceived: a\r\n\r\n",
        "From x\r\n Received: a\r\nReceived: b\r\n", "Received: a\r\nReceived\r\nReceived: c\r\n\r\n"}) {
    HeaderScanner scanner(10'000, "x");
    scanner.feed(message);
    scanner.finish();
    CHECK(static_cast<int>(found(message).size()) == scanner.received());
  }
}
