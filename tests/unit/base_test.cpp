#include <doctest/doctest.h>

#include <set>

#include "base/address_literal.h"
#include "base/case_folding.h"
#include "base/id.h"
#include "base/ip_address.h"
#include "base/text.h"

using namespace sallyport;

TEST_CASE("an IPv4 address and its mapped form are one value") {
  CHECK(IpAddress::parse("192.0.2.1") == IpAddress::parse("::ffff:192.0.2.1"));
  CHECK(IpAddress::parse("::ffff:192.0.2.1")->to_string() == "192.0.2.1");
  CHECK(IpAddress::parse("2001:DB8::1")->to_string() == "2001:db8::1");
  CHECK(IpAddress::parse("192.0.2.1")->address_literal() == "[192.0.2.1]");
  CHECK(IpAddress::parse("2001:db8::1")->address_literal() == "[IPv6:2001:db8::1]");
}

TEST_CASE("an address literal is an address in brackets, of IPv6 with its tag or without") {
  for (const char* literal : {"[IPv6:2001:db8::1]", "[ipv6:2001:DB8::1]", "[2001:db8::1]"})
    CHECK_MESSAGE(parse_address_literal(literal) == IpAddress::parse("2001:db8::1"), std::string(literal));
  CHECK(parse_address_literal("[192.0.2.1]") == IpAddress::parse("192.0.2.1"));
  for (const char* other : {"", "[", "[]", "192.0.2.1", "[192.0.2.1", "192.0.2.1]", "[IPv6:192.0.2.1]",
                            "[IPv6:]", "[tag:192.0.2.1]"})
    CHECK_FALSE_MESSAGE(parse_address_literal(other), std::string(other));
}

TEST_CASE("what is no address is none") {
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "[::1]", "::1%lo", "1.2.3.4 ", "0x7f.1", "127.1"})
    CHECK_MESSAGE(!IpAddress::parse(text), text);
  CHECK(!IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST_CASE("networks hold what they name") {
  auto network = [](const char* text) { return *Network::parse(text); };
  CHECK(network("10.0.0.0/8").contains(*IpAddress::parse("10.255.1.2")));
  CHECK(!network("10.0.0.0/8").contains(*IpAddress::parse("11.0.0.1")));
  CHECK(network("127.0.0.0/8").contains(*IpAddress::parse("::ffff:127.0.0.1")));
  CHECK(!network("127.0.0.0/8").contains(*IpAddress::parse("0.0.0.0")));
  CHECK(!network("192.0.2.0/24").contains(*IpAddress::parse("2002:c000:0201::1")));  // its 6to4 address
  CHECK(network("2001:db8::/33").contains(*IpAddress::parse("2001:db8:7fff::1")));
  CHECK(!network("2001:db8::/33").contains(*IpAddress::parse("2001:db8:8000::1")));
  CHECK(network("10.0.0.5").prefix() == 32);
  CHECK(network("10.0.0.5").to_string() == "10.0.0.5");
  CHECK(network("10.0.0.0/8").to_string() == "10.0.0.0/8");
  CHECK(network("0.0.0.0/0").prefix() == 0);
  CHECK(network("::/0").prefix() == 0);
}

TEST_CASE("networks with host bits, odd prefixes or none are refused") {
  for (const char* text : {"10.0.0.5/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "2001:db8::/129", "/8"})
    CHECK_MESSAGE(!Network::parse(text), text);
}

TEST_CASE("endpoints need their port, and brackets around IPv6") {
  CHECK(Endpoint::parse("127.0.0.1:25")->to_string() == "127.0.0.1:25");
  CHECK(Endpoint::parse("[::1]:587")->to_string() == "[::1]:587");
  for (const char* text :
       {"127.0.0.1", "::1:25", "[127.0.0.1]:25", "127.0.0.1:65536", "127.0.0.1:", "host:25"})
    CHECK_MESSAGE(!Endpoint::parse(text), text);
}

TEST_CASE("numbers do not wrap") {
  CHECK(parse_unsigned("18446744073709551615") == 18446744073709551615U);
  for (const char* text : {"18446744073709551616", "", "-1", "+5", "0x10", "1e9", " 1"})
    CHECK_MESSAGE(!parse_unsigned(text), text);
}

TEST_CASE("printable text holds no control characters and no broken UTF-8") {
  CHECK(printable("a\r\nb\x1b[0m") == "a\\x0d\\x0ab\\x1b[0m");
  CHECK(printable("gr\xc3\xbc\xc3\x9f\x65") == "gr\xc3\xbc\xc3\x9f\x65");
  CHECK(printable("\xff\xc0\xaf\xed\xa0\x80") == "\\xff\\xc0\\xaf\\xed\\xa0\\x80");
  CHECK(printable(std::string(10, 'x'), 10) == "xxxxxxxxxx");
  CHECK(printable("a\x7f") == "a\\x7f");
  CHECK(printable("a\xc2\x9b"
                  "2Jb") == "a\\xc2\\x9b2Jb");                            // CSI in one character
  CHECK(printable("moc\xe2\x80\xae.test") == "moc\\xe2\\x80\\xae.test");  // turns what follows round
  CHECK(printable("a\xe2\x80\xa8"
                  "b\xd8\x9c") == "a\\xe2\\x80\\xa8b\\xd8\\x9c");
  CHECK(printable("\xe2\x80\x93\xc2\xa0") ==
        "\xe2\x80\x93\xc2\xa0");  // a dash, a space that does not break
  CHECK(printable(std::string(100, 'x'), 10) == "xxxxxxxxxx...");
}

TEST_CASE("JSON text is valid whatever goes in") {
  std::string out;
  append_json_escaped(out, std::string_view("\"\\\n\0\xff\xe2\x82\xac", 8));
  CHECK(out == "\\\"\\\\\\u000a\\u0000\\\\xff\xe2\x82\xac");
}

TEST_CASE("ids are short, ordered by time, and never repeat, even when the clock steps back") {
  class BackwardsClock : public Clock {
   public:
    WallTime wall() const override { return time_ -= std::chrono::milliseconds(7); }
    mutable WallTime time_ = WallTime(std::chrono::hours(24 * 365 * 56));
  } clock;
  std::set<std::string> seen;
  std::string last;
  for (int i = 0; i < 10'000; ++i) {
    std::string id = new_id(i % 2 ? system_clock() : clock);
    CHECK(id.size() == 11);
    CHECK(seen.insert(id).second);
  }
  struct UnsetClock : Clock {  // a machine that has just been switched on
    WallTime wall() const override { return {}; }
  };
  const std::string unset = new_id(UnsetClock());
  CHECK(seen.insert(unset).second);
  CHECK(began_at(*session_number(unset)) < system_clock().wall() + std::chrono::hours(1));
  for (int i = 0; i < 100; ++i) {
    std::string id = new_id(system_clock());
    CHECK(id > last);
    last = id;
  }
}

TEST_CASE("case is folded in every script, each character by itself") {
  CHECK(fold_case("Joe@EXAMPLE") == "joe@example");
  CHECK(fold_case("ÄRGER.Straße") == "ärger.straße");
  CHECK(fold_case("STRAẞE") == "straße");
  CHECK(fold_case("ИВАН ΝΊΚΟΣ νίκος ŁÓDŹ ÿ Ÿ") == "иван νίκοσ νίκοσ łódź ÿ ÿ");
  CHECK(fold_case("Ⱥ\xf0\x90\x90\x80") == "ⱥ\xf0\x90\x90\xa8");  // longer than before; four octets
  CHECK(fold_case("日本語×÷") == "日本語×÷");
  CHECK(folds_alike("Änna", "änNA"));
  CHECK_FALSE(folds_alike("änna", "anna"));
}

TEST_CASE("folding makes no ASCII of what was none, and leaves alone what is no UTF-8") {
  CHECK(fold_case("\xe2\x84\xaa ſ İ") == "\xe2\x84\xaa ſ İ");  // the Kelvin sign, long s, I with a dot
  for (const char* broken :
       {"\xc3", "\xc3\x28", "\xe0\x83\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff\x80"})
    CHECK(fold_case(broken) == broken);
  CHECK(fold_case("\xc3\xc3\x84") == "\xc3\xc3\xa4");
  CHECK(octets_of_character("ä@") == 2);
  CHECK(octets_of_character("\xc3") == 1);
}
