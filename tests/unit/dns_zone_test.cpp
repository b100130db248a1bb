#include <doctest/doctest.h>

#include "dns/lookup.h"
#include "tests/unit/dns_support.h"

using namespace sallyport;
using namespace sallyport::dns;
using namespace sallyport::dns::testing;

namespace {

constexpr const char* kZone = R"($ORIGIN example.com.
$TTL 1h
@       IN SOA ns hostmaster ( 1 ; serial
                               3600 600 86400 300 )
@       MX 10 mx
        MX 20 mx2.example.net.
        TXT "v=spf1 " "-all"   ; two strings
        TXT "semi;colon \"quoted\" \065"
mx      300 IN A 192.0.2.1
        IN 2m AAAA 2001:db8::1
alias   CNAME mx
chain   CNAME alias
loop    CNAME loop2
loop2   CNAME loop
dead    CNAME gone.example.net.
a.b.c   A 192.0.2.7
*.wild  A 192.0.2.9
*.wild  TXT "w"
x.wild  TXT "own"
null    MX 0 .
slow    TIMEOUT
half    A 192.0.2.8
half    TXT SERVFAIL
closed  UNREACHABLE
1.2.0.192.in-addr.arpa. PTR mx.example.com.
@       DNSKEY 257 3 8 AwEAAa
)";

ZoneResolver records_of_zone() { return zone(kZone); }

std::string asked(ZoneResolver& zone, std::string_view name, Type type) {
  return summary(*zone.answer({Name::parse(name).value(), type}));
}

std::vector<std::string> faults_of(std::string_view text) {
  std::vector<ZoneResolver::Fault> faults;
  ZoneResolver::parse(text, faults);
  std::vector<std::string> out;
  for (const auto& fault : faults) out.push_back(std::to_string(fault.line) + ": " + fault.message);
  return out;
}

}  // namespace

TEST_CASE("a master file's records") {
  auto records = records_of_zone();
  CHECK(asked(records, "example.com", Type::mx) == "10 mx.example.com, 20 mx2.example.net");
  CHECK(asked(records, "EXAMPLE.com", Type::txt) == R"("v=spf1 -all", "semi;colon "quoted" A")");
  CHECK(asked(records, "mx.example.com", Type::a) == "192.0.2.1");
  CHECK(asked(records, "mx.example.com", Type::aaaa) == "2001:db8::1");
  CHECK(asked(records, "null.example.com", Type::mx) == "0 .");
  CHECK(asked(records, "1.2.0.192.in-addr.arpa", Type::ptr) == "mx.example.com");
  CHECK(records.answer({*Name::parse("mx.example.com"), Type::a})->ttl == std::chrono::seconds(300));
  CHECK(records.answer({*Name::parse("mx.example.com"), Type::aaaa})->ttl == std::chrono::minutes(2));
}

TEST_CASE("names that have not what is asked for, and names that are not") {
  auto records = records_of_zone();
  CHECK(asked(records, "mx.example.com", Type::txt) == "NODATA");
  CHECK(asked(records, "b.c.example.com", Type::a) == "NODATA");  // something is below it
  CHECK(asked(records, "d.c.example.com", Type::a) == "NXDOMAIN");
  CHECK(asked(records, "example.org", Type::a) == "NXDOMAIN");
}

TEST_CASE("aliases are followed, ten of them, and a loop is a failure") {
  auto records = records_of_zone();
  const auto answer = records.answer({*Name::parse("chain.example.com"), Type::a});
  CHECK(summary(*answer) == "192.0.2.1");
  CHECK(answer->owner.text() == "mx.example.com");
  CHECK(asked(records, "alias.example.com", Type::cname) == "mx.example.com");
  CHECK(asked(records, "loop.example.com", Type::a) == "SERVFAIL");
  CHECK(asked(records, "dead.example.com", Type::a) == "NXDOMAIN");
  std::string text;
  for (int link = 0; link < 11; ++link)
    text += "c" + std::to_string(link) + ".x. CNAME c" + std::to_string(link + 1) + ".x.\n";
  auto long_chain = zone(text + "c11.x. A 192.0.2.1\n");
  CHECK(asked(long_chain, "c1.x", Type::a) == "192.0.2.1");
  CHECK(asked(long_chain, "c0.x", Type::a) == "SERVFAIL");
}

TEST_CASE("wildcards stand for names that do not exist, and for no others (RFC 4592)") {
  auto records = records_of_zone();
  CHECK(asked(records, "any.wild.example.com", Type::a) == "192.0.2.9");
  CHECK(asked(records, "deep.any.wild.example.com", Type::txt) == "\"w\"");
  CHECK(asked(records, "any.wild.example.com", Type::mx) == "NODATA");
  CHECK(asked(records, "x.wild.example.com", Type::a) == "NODATA");
  CHECK(asked(records, "y.x.wild.example.com", Type::a) == "NXDOMAIN");
}

TEST_CASE("failures on request") {
  auto records = records_of_zone();
  CHECK(asked(records, "slow.example.com", Type::a) == "timeout");
  CHECK(asked(records, "slow.example.com", Type::mx) == "timeout");
  CHECK(asked(records, "closed.example.com", Type::a) == "unreachable");
  CHECK(asked(records, "half.example.com", Type::a) == "192.0.2.8");
  CHECK(asked(records, "half.example.com", Type::txt) == "SERVFAIL");
  CHECK(records.asked().size() == 5);
}

TEST_CASE("mistakes are named with their lines, all at once, and the rest is served") {
  CHECK(
      faults_of("a. A 192.0.2\nb. A 192.0.2.1\nc. FOO x\nd. MX mx\ne. TXT \"open\nf. A\n  ( A 1.2.3.4\n") ==
      std::vector<std::string>{"5: a string without its closing quote", "8: a ( without its )",
                               "1: A wants an address, such as 192.0.2.1", "3: FOO is no type of record",
                               "4: MX wants a preference and a name, such as 10 mx.example.com.",
                               "6: A wants an address, such as 192.0.2.1"});
  CHECK(faults_of(" A 192.0.2.1\n").size() == 1);
  CHECK(faults_of("$INCLUDE x\n") ==
        std::vector<std::string>{"1: $INCLUDE is not understood; $ORIGIN and $TTL are"});
  CHECK(faults_of("a..b. A 192.0.2.1\n") == std::vector<std::string>{"1: a..b. is no domain name"});
  CHECK(faults_of("a. TXT \"" + std::string(256, 'x') + "\"\n").size() == 1);
  CHECK(faults_of("a. )\n").size() == 2);
}

TEST_CASE("a backslash escapes no line's end") {
  constexpr const char* kNothing = "a \\ with nothing behind it";
  CHECK(faults_of("a. TXT one\\\nb. TXT \"two\\\r\nc. FOO x\n") ==
        std::vector<std::string>{"1: " + std::string(kNothing), "2: " + std::string(kNothing),
                                 "2: a string without its closing quote", "3: FOO is no type of record"});
  CHECK(faults_of("a. TXT end\\") == std::vector<std::string>{"1: " + std::string(kNothing)});
  auto escaped = zone("a. TXT \"\\\\\"\nb\\;c. A 192.0.2.1\n");
  CHECK(asked(escaped, "a", Type::txt) == "\"\\\"");
  CHECK(asked(escaped, "b\\;c", Type::a) == "192.0.2.1");
}

TEST_CASE("any text ends in records or mistakes") {
  const std::string_view whole = kZone;
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    std::vector<ZoneResolver::Fault> faults;
    ZoneResolver::parse(whole.substr(cut), faults);
    ZoneResolver::parse(whole.substr(0, cut), faults);
  }
}

TEST_CASE("an answer as evidence is short and printable") {
  Answer answer;
  answer.status = Status::found;
  for (int count = 0; count < 50; ++count) answer.records.emplace_back(std::string("text\r\n\x1b"));
  const std::string text = summary(answer);
  CHECK(text.size() < 250);
  CHECK(text.ends_with(", ..."));
  CHECK(text.find('\n') == std::string::npos);
}
