#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/mail/address.h"

using namespace sallyport::mail;

namespace {

PathFault fault_of(std::string_view text, PathOptions options = {}) {
  Path path;
  return parse_path(text, options, path);
}

Path path_of(std::string_view text, PathOptions options = {}) {
  Path path;
  CHECK_MESSAGE(parse_path(text, options, path) == PathFault::none, text);
  return path;
}

DomainFault domain_fault(std::string_view text) {
  DomainName name;
  return parse_domain(text, name);
}

std::string ascii_of(std::string_view text) {
  DomainName name;
  CHECK_MESSAGE(parse_domain(text, name) == DomainFault::none, text);
  return name.ascii;
}

std::string domain_of_length(std::size_t octets) {
  std::string domain = "x";
  while (domain.size() + 2 <= octets) domain += ".x";
  if (domain.size() < octets) domain += 'x';
  return domain;
}

constexpr PathOptions utf8{.smtputf8 = true};
constexpr PathOptions bare{.allow_bare_name = true};
constexpr PathOptions lenient{.lenient = true};

}  // namespace

TEST_CASE("path: an ordinary mailbox is kept as written") {
  const Path path = path_of("User.Name+tag@Example.COM");
  CHECK(path.written == "User.Name+tag@Example.COM");
  CHECK(path.local == "User.Name+tag");
  CHECK(path.domain == "Example.COM");
  CHECK(path.domain_ascii == "example.com");
  CHECK(path.address() == "User.Name+tag@Example.COM");
  CHECK(path.key() == "user.name+tag@example.com");
  CHECK_FALSE(path.is_null());
  CHECK_FALSE(path.source_route);
  CHECK_FALSE(path.internationalised);
}

TEST_CASE("path: the null path") {
  const Path path = path_of("");
  CHECK(path.is_null());
  CHECK(path.address().empty());
  CHECK(fault_of(" ") == PathFault::syntax);
  CHECK(path_of(" ", lenient).is_null());
}

TEST_CASE("R08: letter case of the domain is folded for comparing, the local part stays") {
  const Path path = path_of("PostMaster@LOCAL.Example");
  CHECK(path.local == "PostMaster");
  CHECK(path.domain_ascii == "local.example");
  CHECK(path.address() == "PostMaster@LOCAL.Example");
}

TEST_CASE("path: every special character RFC 5322 allows in an atom") {
  CHECK(path_of("!#$%&'*+-/=?^_`{|}~@x.example").local == "!#$%&'*+-/=?^_`{|}~");
  for (const char c : std::string("()<>[]:;@\\,\"")) {
    const std::string text = std::string("a") + c + "b@x.example";
    CHECK_MESSAGE(fault_of(text) == PathFault::syntax, text);
  }
}

TEST_CASE("R03: a source route is validated and dropped") {
  const Path one = path_of("@local.example:u@foreign.example");
  CHECK(one.source_route);
  CHECK(one.written == "@local.example:u@foreign.example");
  CHECK(one.address() == "u@foreign.example");
  CHECK(path_of("@a,@b:u@local.example").address() == "u@local.example");
  CHECK(path_of("@[192.0.2.1]:u@foreign.example").address() == "u@foreign.example");
  CHECK(path_of("@[IPv6:2001:db8::1],@b:u@foreign.example").address() == "u@foreign.example");
  for (const char* text : {"@a", "@a:", "@:u@x", "@", "@a,:u@x", "@a,b:u@x", "@a@b:u@x", "@a,@:u@x", "@a:u",
                           "@a..b:u@x", "@[1.2.3]:u@x", "@[1.2.3.4:u@x", "@a:@b:u@x", "@>", ".@."}) {
    CHECK_MESSAGE(fault_of(text) == PathFault::syntax, text);
    CHECK_MESSAGE(fault_of(text, bare) == PathFault::syntax, text);
  }
}

TEST_CASE("R02, R04: percent and bang forms are syntax, and left to the judge") {
  CHECK(path_of("u%foreign.example@local.example").local == "u%foreign.example");
  CHECK(path_of("foreign!u@local.example").local == "foreign!u");
  CHECK(fault_of("foreign!u") == PathFault::syntax);
}

TEST_CASE("R05: quoted local parts keep their quotes and escapes") {
  for (const char* local : {R"("u@foreign")", R"("u foreign")", R"("\@")", R"("")", R"("a\"b")", R"("\\")",
                            R"("@a,@b:<user>")"}) {
    const Path path = path_of(std::string(local) + "@local.example");
    CHECK(path.local == local);
    CHECK(path.is_quoted());
    CHECK_FALSE(path.is_null());
    CHECK(path.address() == std::string(local) + "@local.example");
  }
  for (const char* text : {R"("u)", R"("u@x)", R"("u"x@y)", R"(x"u"@y)", R"("u".v@y)", R"("u\"@y)",
                           R"("u\)", R"("a"b"@x)", "\"\t\"@x", "\"\\\t\"@x", "\"\\\x7f\"@x"})
    CHECK_MESSAGE(fault_of(text) == PathFault::syntax, text);
  CHECK(fault_of("\"\\\xc3\xa9\"@x", utf8) == PathFault::syntax);
  CHECK(path_of("\"\xc3\xa9 x\"@x.example", utf8).internationalised);
}

TEST_CASE("R05: quoted, an address is the same one, and compares so") {
  for (const char* same : {R"("joe"@Local.example)", R"("j\oe"@local.example)", R"("JOE"@local.example)"}) {
    CHECK(path_of(same).key() == "joe@local.example");
    CHECK(path_of(same).spelling() != "joe@local.example");
    CHECK(path_of(same).address() == same);
  }
  CHECK(path_of(R"("a.b"@x.example)").plain_local() == "a.b");
  CHECK(path_of(R"("a..b."@x.example)").key() == path_of("a..b.@x.example", lenient).key());
  CHECK(path_of(R"("\a\ b"@x.example)").key() == R"("a b"@x.example)");
  CHECK(path_of(R"("a\"b\\"@x.example)").key() == R"("a\"b\\"@x.example)");
  CHECK(path_of(R"(""@x.example)").key() == R"(""@x.example)");
  CHECK(path_of(R"("u@v"@x.example)").key() == R"("u@v"@x.example)");
  CHECK(path_of(R"("\@\"\\"@x.example)").unquoted_local() == R"(@"\)");
}

TEST_CASE("R06: more than one @ is a fault, not a guess") {
  for (const char* text : {"u@foreign@local", "u@local@foreign", "u@@local", "u@local>,<v@foreign", "@@"})
    CHECK_MESSAGE(fault_of(text) == PathFault::syntax, text);
}

TEST_CASE("R07: dots where no dot belongs") {
  for (const char* text :
       {"u@local.", "u@.local", "u@lo..cal", "u@.", "u@", ".u@local", "u.@local", "u..v@local", ".@local"})
    CHECK_MESSAGE(fault_of(text) == PathFault::syntax, text);
  CHECK(path_of("u..v.@local.example", lenient).local == "u..v.");
  CHECK(fault_of("u@local.", lenient) == PathFault::syntax);
}

TEST_CASE("R10: control characters, in quotes or out of them") {
  using namespace std::string_literals;
  for (const std::string& c : {"\0"s, "\r"s, "\n"s, "\t"s, "\x7f"s, "\r\nRCPT TO:"s, "\x1b"s}) {
    CHECK(fault_of("u" + c + "v@local.example") == PathFault::syntax);
    CHECK(fault_of("\"u" + c + "v\"@local.example") == PathFault::syntax);
    CHECK(fault_of("\"u\\" + c + "v\"@local.example") == PathFault::syntax);
    CHECK(fault_of("u@local" + c + ".example") == PathFault::syntax);
    CHECK(fault_of("@a" + c + ":u@local.example") == PathFault::syntax);
    CHECK(domain_fault("local" + c) == DomainFault::syntax);
  }
  CHECK(fault_of("u\xc2\x85v@local.example", utf8) == PathFault::syntax);  // U+0085, a line end to some
  CHECK(path_of("u%0d%0a@local.example").local == "u%0d%0a");
}

TEST_CASE("R11: address literals") {
  CHECK(path_of("u@[127.0.0.1]").domain_ascii == "[127.0.0.1]");
  CHECK(path_of("u@[ipv6:2001:DB8::1]").domain_ascii == "[ipv6:2001:db8::1]");
  CHECK(path_of("u@[127.0.0.1]").is_literal());
  for (const char* text : {"[127.0.0.1]", "[IPv6:::1]", "[IPv6:::ffff:127.0.0.1]", "[x-tag:anything!]"})
    CHECK_MESSAGE(is_valid_address_literal(text), text);
  for (const char* text : {"[1.2.3]",        "[]",         "[",           "]",
                           "[1.2.3.4",       "1.2.3.4]",   "[256.1.1.1]", "[::1]",
                           "[IPv6:1.2.3.4]", "[IPv6:]",    "[IPv6:::g]",  "[tag:]",
                           "[:x]",           "[-:x]",      "[tag-:x]",    "[tag:a]b]",
                           "[tag:a b]",      "[tag:a\\b]", "[1.2.3.4]x",  "[ 1.2.3.4]"})
    CHECK_MESSAGE(!is_valid_address_literal(text), text);
  CHECK(fault_of("u@[1.2.3]") == PathFault::syntax);
}

TEST_CASE("R12: names that merely resemble ours stay other names") {
  CHECK(ascii_of("xlocal.tld") == "xlocal.tld");
  CHECK(ascii_of("local.tld.evil") == "local.tld.evil");
  CHECK(domain_fault("local,tld") == DomainFault::syntax);
  CHECK(domain_fault("local tld") == DomainFault::syntax);
  CHECK(domain_fault("local/tld") == DomainFault::syntax);
}

TEST_CASE("R13: a name without a domain, only where it is allowed") {
  CHECK(fault_of("postmaster") == PathFault::syntax);
  const Path path = path_of("Postmaster", bare);
  CHECK(path.local == "Postmaster");
  CHECK(path.domain.empty());
  CHECK(path.address() == "Postmaster");
  CHECK(path.key() == "postmaster");
  CHECK(fault_of("@a:postmaster", bare) == PathFault::syntax);
  CHECK(fault_of("postmaster@", bare) == PathFault::syntax);
  CHECK(path_of(R"("u@foreign")", bare).domain.empty());
}

TEST_CASE("R14: lengths are enforced, never cut") {
  const std::string tail = "@x.example";
  for (const std::size_t octets : {64, 65, 244})
    CHECK(path_of(std::string(octets, 'u') + tail).local.size() == octets);
  CHECK(fault_of(std::string(245, 'u') + tail) == PathFault::length);
  CHECK(fault_of(std::string(1000, 'u') + tail) == PathFault::length);
  CHECK(fault_of('"' + std::string(242, 'u') + '"' + tail) == PathFault::none);
  CHECK(fault_of('"' + std::string(243, 'u') + '"' + tail) == PathFault::length);

  CHECK(domain_fault(domain_of_length(255)) == DomainFault::none);
  CHECK(domain_fault(domain_of_length(256)) == DomainFault::length);
  CHECK(domain_fault(std::string(63, 'x') + ".example") == DomainFault::none);
  CHECK(domain_fault(std::string(64, 'x') + ".example") == DomainFault::length);
  CHECK(fault_of("u@" + domain_of_length(256)) == PathFault::length);
  CHECK(fault_of("u@" + std::string(64, 'x')) == PathFault::length);
  CHECK(domain_fault(std::string(100'000, 'x')) == DomainFault::length);

  // With its angle brackets a path has 256 octets (RFC 5321 4.5.3.1.3).
  CHECK(fault_of("uu@" + domain_of_length(251)) == PathFault::none);
  CHECK(fault_of("uu@" + domain_of_length(252)) == PathFault::length);
  CHECK(fault_of("@a,@b:" + std::string(60, 'u') + '@' + domain_of_length(200)) == PathFault::length);
}

TEST_CASE("R14: lenient reading takes up to 1,000 octets") {
  CHECK(fault_of(std::string(900, 'u') + "@x.example", lenient) == PathFault::none);
  CHECK(fault_of(std::string(1000, 'u') + "@x.example", lenient) != PathFault::none);
  CHECK(fault_of("u@" + domain_of_length(256), lenient) == PathFault::length);
}

TEST_CASE("R15: blanks and comments") {
  for (const char* text : {"(c)u@local", "u(c)@local", "u@local(c)", "u @local", "u@ local", " u@local",
                           "u@local ", "u v@local"})
    CHECK_MESSAGE(fault_of(text) == PathFault::syntax, text);
  CHECK(path_of(" u@local.example ", lenient).written == "u@local.example");
  CHECK(fault_of("(c)u@local", lenient) == PathFault::syntax);
}

TEST_CASE("path: a fault leaves no address behind") {
  Path path;
  CHECK(parse_path("user@local..example", {}, path) == PathFault::syntax);
  CHECK(path.address().empty());
  CHECK(path.domain_ascii.empty());
  CHECK(path.written == "user@local..example");
}

TEST_CASE("path: 8-bit text needs SMTPUTF8, and is UTF-8") {
  Path path;
  CHECK(parse_path("\xc3\xa9@x.example", {}, path) == PathFault::syntax);
  CHECK(path.internationalised);
  CHECK(path_of("孫子@áéíóú.org", utf8).domain_ascii == "xn--1caqmy9a.org");
  CHECK(path_of("孫子@example.org", utf8).internationalised);
  CHECK(fault_of("\xe9@x.example", utf8) == PathFault::syntax);
  CHECK(fault_of("u@\xe9.example", utf8) == PathFault::syntax);
  CHECK(fault_of("u\xc0\xaf@x.example", utf8) == PathFault::syntax);      // overlong
  CHECK(fault_of("u\xed\xa0\x80@x.example", utf8) == PathFault::syntax);  // surrogate
}

TEST_CASE("R09: A-label and U-label of one domain compare equal") {
  DomainName name;
  CHECK(parse_domain("B\xc3\xbc"
                     "cher.Example",
                     name) == DomainFault::none);
  CHECK(name.ascii == "xn--bcher-kva.example");
  CHECK(name.internationalised);
  CHECK(parse_domain("XN--bcher-KVA.example", name) == DomainFault::none);
  CHECK(name.ascii == "xn--bcher-kva.example");
  CHECK_FALSE(name.internationalised);
  CHECK(ascii_of("faß.example") == "xn--fa-hia.example");  // nontransitional
}

TEST_CASE("R09: what needs mapping is not ours, whatever it maps to") {
  const std::vector<std::string> names = {
      "ｅｘ．com",  // full-width letters and dot
      "ｌｏｃａｌ.example",
      "local\xe3\x80\x82"
      "example",  // U+3002 as a dot
      "local\xef\xbc\x8e"
      "example",  // U+FF0E
      "lo\xe2\x80\x8d"
      "cal.example",  // ZWJ
      "lo\xe2\x80\x8b"
      "cal.example",  // zero width space
      "lo\xc2\xad"
      "cal.example",     // soft hyphen
      "BÜCHER.example",  // an upper-case letter that is not ASCII
      "bu\xcc\x88"
      "cher.example",  // not NFC
      "אבa.example",   // mixed bidi
      "ℓocal.example",
      "ａ.example",
  };
  for (const std::string& name : names) {
    CHECK_MESSAGE(domain_fault(name) == DomainFault::needs_mapping, name);
    CHECK_MESSAGE(fault_of("u@" + name, utf8) == PathFault::needs_mapping, name);
    CHECK_MESSAGE(fault_of("u@" + name) == PathFault::syntax, name);
  }
}

TEST_CASE("R09: a look-alike is a valid, foreign name") {
  CHECK(ascii_of("exаmple.com") == "xn--exmple-4nf.com");  // Cyrillic а
  CHECK(ascii_of("exаmple.com") != "example.com");
}

TEST_CASE("R09: A-labels have to decode") {
  for (const char* name :
       {"xn---", "xn--", "xn--0", "xn--abc-", "xn--99999999999999999", "xn--a", "a.xn--ex-.b"})
    CHECK_MESSAGE(domain_fault(name) == DomainFault::syntax, name);
  CHECK(ascii_of("xn--i-7iq.ws") == "xn--i-7iq.ws");  // a heart: outside IDNA 2008, and in use
  CHECK(ascii_of("r3---sn-4g5e6nsz.example") == "r3---sn-4g5e6nsz.example");
}

TEST_CASE("domain: form of labels") {
  CHECK(ascii_of("MX-1.Example.COM") == "mx-1.example.com");
  CHECK(ascii_of("localhost") == "localhost");
  CHECK(ascii_of("1.2.3.4") == "1.2.3.4");
  CHECK(ascii_of("_spf.mail_out.example") == "_spf.mail_out.example");
  for (const char* name : {"", ".", "-a.example", "a-.example", "-", "a..b", ".a", "a.", "a!b", "a%b",
                           "é-.example", "-é.example"})
    CHECK_MESSAGE(domain_fault(name) == DomainFault::syntax, name);
  DomainName name;
  CHECK(parse_domain("good.bad..example", name) == DomainFault::syntax);
  CHECK(name.ascii.empty());
  std::string long_label;
  for (int i = 0; i < 70; ++i) long_label += "ü";
  CHECK(domain_fault(long_label + ".example") == DomainFault::length);
}

TEST_CASE("an address compares without regard to case, and goes out as it came") {
  Path path;
  REQUIRE(parse_path("JÖRG.Ω@Example.TEST", {.smtputf8 = true}, path) == PathFault::none);
  CHECK(path.key() == "jörg.ω@example.test");
  CHECK(path.address() == "JÖRG.Ω@Example.TEST");
  CHECK(path.spelling() == "jÖrg.Ω@example.test");  // what a next hop knows need not be the other
}

TEST_CASE("take_bracketed: up to the closing bracket outside quotes") {
  const auto take = [](std::string_view text) {
    const auto taken = take_bracketed(text);
    return std::pair(taken ? std::string(*taken) : "none", std::string(text));
  };
  CHECK(take("<u@x> SIZE=1") == std::pair<std::string, std::string>("u@x", " SIZE=1"));
  CHECK(take("<>") == std::pair<std::string, std::string>("", ""));
  CHECK(take("<>>>>>") == std::pair<std::string, std::string>("", ">>>>"));
  CHECK(take(R"(<"a>b"@x> y)") == std::pair<std::string, std::string>(R"("a>b"@x)", " y"));
  CHECK(take(R"(<"a\">b"@x>)") == std::pair<std::string, std::string>(R"("a\">b"@x)", ""));
  CHECK(take(R"(<"@a,@b:<user>"@d>)") == std::pair<std::string, std::string>(R"("@a,@b:<user>"@d)", ""));
  CHECK(take("<u@x>,<v@y>").second == ",<v@y>");
  for (const char* text :
       {"", "u@x", " <u@x>", "<", "<u@x", R"(<"u>)", R"(<"u\">)", R"(<"u\)", "<<u@x>", "<u<v>@x>"}) {
    CHECK_MESSAGE(take(text).first == "none", text);
    CHECK(take(text).second == text);
  }
}
