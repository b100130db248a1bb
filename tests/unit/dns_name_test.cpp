#include <doctest/doctest.h>

#include "dns/question.h"

using namespace sallyport;
using namespace sallyport::dns;

namespace {

std::string text(std::string_view written) {
  const auto name = Name::parse(written);
  return name ? (name->is_root() ? "." : name->text()) : "none";
}

Name name(std::string_view written) { return Name::parse(written).value(); }

}  // namespace

TEST_CASE("names are compared in lower case, without the final dot") {
  CHECK(text("MX.Example.COM.") == "mx.example.com");
  CHECK(text(".") == ".");
  CHECK(name("a.B") == name("A.b."));
  for (const char* bad : {"", "..", "a..b", ".a", "a\\", "a\\25", "a\\256b"})
    CHECK_MESSAGE(text(bad) == "none", bad);
}

TEST_CASE("lengths: a label 63 octets, a name 255 on the wire") {
  const std::string label(63, 'a');
  CHECK(text(label) == label);
  CHECK(text(label + 'a') == "none");
  const std::string three = label + '.' + label + '.' + label + '.';
  CHECK(name(three + std::string(61, 'b')).wire().size() == 255);
  CHECK(text(three + std::string(62, 'b')) == "none");
  CHECK(text(std::string(100'000, 'x')) == "none");
  CHECK_FALSE(name(three + std::string(50, 'b')).below(name("0123456789.example")).has_value());
}

TEST_CASE("any octet may stand in a label, and text and wire form are one to one") {
  CHECK(text("a\\.b.example") == "a\\046b.example");
  CHECK(text("a\\046b.example") == "a\\046b.example");
  CHECK(text("\\\\x") == "\\092x");
  CHECK(text("\xc3\xbc.example") == "\\195\\188.example");
  CHECK(text("a b") == "a\\032b");
  CHECK(name("a\\.b.c").wire() == std::string("\x03"
                                              "a.b"
                                              "\x01"
                                              "c"
                                              "\0",
                                              7));
  CHECK(name("a\\.b.c").labels() == 2);
  Name built;
  CHECK(built.append("a.b"));
  CHECK(built.append("C"));
  CHECK(built == name("a\\046b.c"));
  CHECK_FALSE(built.append(""));
  std::string all;
  for (int octet = 0; octet < 63; ++octet) all += static_cast<char>(octet * 4 + 1);
  Name wild;
  REQUIRE(wild.append(all));
  CHECK(Name::parse(wild.text()) == wild);
}

TEST_CASE("raw labels are compared with a name as it is written") {
  const auto takes = [](std::string_view text, std::string_view label) {
    return Name::take_label(text, label) ? std::string(text) : "no";
  };
  CHECK(takes("a.b", "A") == "b");
  CHECK(takes("b", "b").empty());
  CHECK(takes("a\\046b.c", "a.b") == "c");
  CHECK(takes("\\092x", "\\X").empty());
  CHECK(takes("ab.c", "a") == "no");
  CHECK(takes("a.c", "ab") == "no");
  CHECK(takes("a.b", "a.b") == "no");
  CHECK(takes("\\046", "\\046") == "no");
  CHECK(takes("", "a") == "no");
}

TEST_CASE("above and below") {
  CHECK(name("a.example.com").is_below(name("example.com")));
  CHECK(name("example.com").is_below(name("example.com")));
  CHECK(name("com").is_below(Name()));
  CHECK_FALSE(name("badexample.com").is_below(name("example.com")));
  CHECK_FALSE(name("a\\.example.com").is_below(name("example.com")));
  CHECK(name("a\\.b.example").parent() == name("example"));
  CHECK(name("example").parent().is_root());
  CHECK(Name().parent().is_root());
  CHECK(name("a").below(Name()) == name("a"));
  CHECK(name("a").below(name("b.c")) == name("a.b.c"));
}

TEST_CASE("reverse names") {
  const auto v4 = IpAddress::parse("192.0.2.1").value();
  const auto v6 = IpAddress::parse("2001:db8::1").value();
  CHECK(Name::reverse(v4).text() == "1.2.0.192.in-addr.arpa");
  CHECK(Name::reverse(IpAddress::parse("::ffff:192.0.2.1").value()) == Name::reverse(v4));
  CHECK(Name::reverse(v6).text() ==
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
  CHECK(Name::reverse_below(v4, name("bl.example"))->text() == "1.2.0.192.bl.example");
  CHECK_FALSE(Name::reverse_below(v6, name(std::string(63, 'a') + '.' + std::string(63, 'a') + '.' +
                                           std::string(63, 'a') + ".example"))
                  .has_value());
}

TEST_CASE("types and questions as text") {
  CHECK(parse_type("aaaa") == Type::aaaa);
  CHECK_FALSE(parse_type("AXFR").has_value());
  CHECK(to_string(Question{name("Example.com"), Type::txt}) == "TXT example.com");
  CHECK(to_string(Question{Name(), Type::ns}) == "NS .");
}
