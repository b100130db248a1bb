#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "base/mail/authentication_fields.h"
#include "base/mail/authentication_results.h"
#include "base/mail/content.h"
#include "base/mail/field_writer.h"
#include "base/text.h"

using namespace sallyport;
using namespace sallyport::mail;

namespace {

const IpAddress kClient = *IpAddress::parse("192.0.2.1");
const IpAddress kClient6 = *IpAddress::parse("2001:db8::1");

std::string one_property(const std::string& value, bool utf8 = false) {
  const std::string field =
      authentication_results_field("mx.example.com", {{"spf", "pass", {}, {}, {{"p.v", value}}}}, utf8);
  constexpr std::string_view before = "Authentication-Results: mx.example.com;\r\n\tspf=pass";
  REQUIRE(field.starts_with(before));
  const std::size_t at = field.find("p.v=") + 4;
  return field.substr(at, field.size() - at - 2);
}

// One field, in lines that are lines, without a control character.
void check_form(const std::string& field, std::size_t longest) {
  std::string_view rest = field;
  for (bool first = true; !rest.empty(); first = false) {
    const std::size_t end = rest.find("\r\n");
    REQUIRE(end != std::string_view::npos);
    const std::string_view line = rest.substr(0, end);
    CHECK(line.size() <= longest);
    CHECK((first || (line.starts_with('\t') && line.size() > 1)));
    for (const char c : line.substr(first ? 0 : 1)) CHECK_FALSE(is_control(c));
    rest.remove_prefix(end + 2);
  }
  HeaderScanner scanner(100'000, "mx.example.com");
  scanner.feed(field + "Subject: x\r\n\r\n");
  CHECK_FALSE(scanner.malformed());
}

// What is left of a field without its comments and quoted strings; "?" where they do not end.
std::string bare(std::string_view field) {
  std::string out;
  int depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < field.size(); ++at) {
    const char c = field[at];
    if (c == '\\' && (quoted || depth > 0)) {
      ++at;
    } else if (quoted) {
      quoted = c != '"';
    } else if (c == '(') {
      ++depth;
    } else if (c == ')') {
      if (--depth < 0) return "?";
    } else if (depth == 0) {
      quoted = c == '"';
      out += c;
    }
  }
  return quoted || depth > 0 ? "?" : out;
}

std::size_t count(std::string_view text, char c) {
  return static_cast<std::size_t>(std::ranges::count(text, c));
}

const std::vector<std::string> kHostile = {
    "x\r\nSubject: forged",
    "x; dkim=pass header.d=bank.example",
    "x (",
    "x) dkim=pass (",
    "\"",
    "\\",
    "\\\"",
    "a\" ; dkim=pass \"",
    std::string("a\0b", 3),
    "\x7f\x1b[31m",
    "\xc3\xa9",
    "\xc2\x85",
    "\xff\xfe",
    "",
    " ",
    "\t",
    "   a   b   ",
    std::string(5000, 'a'),
    std::string(5000, '"'),
    std::string(5000, ')'),
    std::string(5000, '\\'),
    std::string(447, 'a') + "\xe2\x82\xac" + std::string(100, 'a'),
    "=?utf-8?q?x?=",
};

}  // namespace

TEST_CASE("Authentication-Results: as RFC 8601 shows it") {
  CHECK(authentication_results_field("mx.example.com", {}) ==
        "Authentication-Results: mx.example.com; none\r\n");
  CHECK(
      authentication_results_field(
          "mx.example.com", {spf_result(Check::spf_mailfrom, Finding::spf_pass, "sender@example.net"),
                             spf_result(Check::spf_helo, Finding::spf_softfail, "mail.example.net"),
                             iprev_result(Finding::rdns_confirmed, kClient, "mail.example.net"),
                             {"dmarc", "fail", "no policy", "p=none", {{"header.from", "example.net"}}}}) ==
      "Authentication-Results: mx.example.com;\r\n"
      "\tspf=pass smtp.mailfrom=sender@example.net;\r\n"
      "\tspf=softfail smtp.helo=mail.example.net;\r\n"
      "\tiprev=pass (mail.example.net) policy.iprev=192.0.2.1;\r\n"
      "\tdmarc=fail reason=\"no policy\" (p=none) header.from=example.net\r\n");
}

TEST_CASE("Authentication-Results: every finding has its word") {
  const auto iprev = [](Finding finding) { return iprev_result(finding, kClient, "").result; };
  CHECK(iprev(Finding::rdns_confirmed) == "pass");
  CHECK(iprev(Finding::rdns_generic) == "pass");
  CHECK(iprev(Finding::rdns_mismatch) == "fail");
  CHECK(iprev(Finding::rdns_missing) == "permerror");
  CHECK(iprev(Finding::rdns_temporary) == "temperror");
  const std::vector<std::string> words = {"none",     "neutral",   "pass",     "fail",
                                          "softfail", "temperror", "permerror"};
  std::vector<std::string> seen;
  for (const Finding finding : findings_of(Check::spf_mailfrom))
    seen.push_back(spf_result(Check::spf_mailfrom, finding, "x").result);
  CHECK(seen == words);
}

TEST_CASE("Authentication-Results: a value is a token or an address if it is one, else quoted") {
  for (const char* plain : {"example.net", "192.0.2.1", "-all", "a@example.net", "@example.net", "a+b",
                            "bounce=user%x@a.b.example", "localhost", "o'neil@example.net"})
    CHECK(one_property(plain) == plain);
  CHECK(one_property("") == "\"\"");
  CHECK(one_property("2001:db8::1") == "\"2001:db8::1\"");
  CHECK(one_property("[192.0.2.1]") == "\"[192.0.2.1]\"");
  CHECK(one_property("a b@example.net") == "\"a b@example.net\"");
  CHECK(one_property(R"("a b"@example.net)") == R"("\"a b\"@example.net")");
  CHECK(one_property("a..b@example.net") == "\"a..b@example.net\"");
  CHECK(one_property("a.@example.net") == "\"a.@example.net\"");
  CHECK(one_property("a@example.net.") == "\"a@example.net.\"");
  CHECK(one_property("a@b@example.net") == "\"a@b@example.net\"");
  CHECK(one_property("a@") == "\"a@\"");
  CHECK(one_property("a@ex_ample") == "\"a@ex_ample\"");
  CHECK(one_property("a=b") == "\"a=b\"");
  CHECK(one_property("a\nb") == "\"a?b\"");
}

TEST_CASE("Authentication-Results: UTF-8 only where the message allows it") {
  CHECK(one_property("\xc3\xa9@x.example") == "\"\?\?@x.example\"");
  CHECK(one_property("\xc3\xa9@x.example", true) == "\xc3\xa9@x.example");
  CHECK(one_property("\xc3\xa9", true) == "\"\xc3\xa9\"");
  CHECK(one_property("\xc3", true) == "\"?\"");
  CHECK(one_property("\xc2\x85", true) == "\"\?\?\"");
}

TEST_CASE("Received-SPF: as RFC 7208 shows it") {
  ReceivedSpf facts;
  facts.result = Finding::spf_pass;
  facts.comment = "mx.example.com: domain of a@example.net designates 192.0.2.1 as permitted sender";
  facts.client = kClient;
  facts.envelope_from = "a@example.net";
  facts.helo = "mail.example.net";
  facts.receiver = "mx.example.com";
  facts.mechanism = "ip4:192.0.2.0/24";
  CHECK(received_spf_field(facts) ==
        "Received-SPF: pass (mx.example.com: domain of a@example.net designates\r\n"
        "\t192.0.2.1 as permitted sender) client-ip=192.0.2.1;\r\n"
        "\tenvelope-from=\"a@example.net\"; helo=mail.example.net; identity=mailfrom;\r\n"
        "\treceiver=mx.example.com; mechanism=\"ip4:192.0.2.0/24\"\r\n");
  facts = {};
  facts.check = Check::spf_helo;
  facts.result = Finding::spf_permerror;
  facts.client = kClient6;
  facts.problem = "two records";
  CHECK(
      received_spf_field(facts) ==
      "Received-SPF: permerror client-ip=\"2001:db8::1\"; identity=helo;\r\n\tproblem=\"two records\"\r\n");
}

TEST_CASE("P31: nothing that strangers say ends a field, or adds to one") {
  for (const bool utf8 : {false, true})
    for (const std::string& hostile : kHostile) {
      CAPTURE(hostile.substr(0, 60));
      const std::string results = authentication_results_field(
          hostile,
          {{"spf", "pass", hostile, hostile, {{"smtp.mailfrom", hostile}}}, {"x", "y", "", "", {}}}, utf8);
      check_form(results, 998);
      CHECK_FALSE(results.contains("\nSubject"));
      CHECK(count(bare(results), ';') == 2);
      ReceivedSpf facts;
      facts.comment = facts.envelope_from = facts.helo = facts.receiver = facts.mechanism = facts.problem =
          hostile;
      const std::string spf = received_spf_field(facts, utf8);
      check_form(spf, 998);
      CHECK(count(bare(spf), '=') == (hostile.empty() ? 2 : hostile.front() == '=' ? 7 + 10 : 7));
      if (!utf8) CHECK(is_ascii(results + spf));
    }
}

TEST_CASE("blanks fold comments, and add nothing; what was changed never looks like the plain thing") {
  CHECK(comment_words("   ", false).empty());
  CHECK(comment_words("  a  b ", false) == std::vector<std::string>{"(a", "b)"});
  CHECK(dot_atom_or_quoted("\xc3\xa9.example", false) == "\"\?\?.example\"");
  CHECK(dot_atom_or_quoted("\xc3\xa9.example", true) == "\xc3\xa9.example");
}

TEST_CASE("what is cut says so, and is cut between characters") {
  CHECK(shown(std::string(kMostShown, 'a'), false) == std::string(kMostShown, 'a'));
  CHECK(shown(std::string(kMostShown + 1, 'a'), false) == std::string(kMostShown, 'a') + "...");
  for (std::size_t before = kMostShown - 4; before <= kMostShown; ++before) {
    const std::string cut = shown(std::string(before, 'a') + "\xf0\x9f\x92\x8c" + "b", true);
    CHECK(is_valid_utf8(cut));
    CHECK_FALSE(cut.contains('?'));
  }
}

TEST_CASE("lines fold within 78 octets where the values allow") {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    const auto name = [&] { return std::string(1 + random() % 60, 'n'); };
    check_form(authentication_results_field(
                   name(), {{"spf", "pass", name(), name() + ' ' + name(), {{"smtp.helo", name()}}},
                            {"iprev", "fail", {}, name(), {{"policy.iprev", name()}, {"a.b", name()}}}}),
               78);
    ReceivedSpf facts;
    facts.comment = name() + ' ' + name();
    facts.envelope_from = name(), facts.helo = name(), facts.receiver = name(), facts.problem = name();
    check_form(received_spf_field(facts), 78);
  }
}

TEST_CASE("C16: what we write is known as ours, and goes from a message that brings it") {
  for (const std::string id : {"mx.example.com", "MX.Example.com", "a b;c"}) {
    const std::string field =
        authentication_results_field(id, {iprev_result(Finding::rdns_mismatch, kClient6, "a.example")});
    CHECK(authserv_id(field.substr(field.find(':') + 1)) == to_lower(id));
    AuthenticationResultsFilter filter(id);
    std::string out;
    filter.feed(field + "\r\n", out);
    filter.finish(out);
    CHECK(out == "\r\n");
  }
}
