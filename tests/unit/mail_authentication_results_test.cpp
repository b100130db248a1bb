// C16: nobody speaks for us in a message that comes in.
#include <doctest/doctest.h>

#include "base/mail/authentication_results.h"

using namespace sallyport::mail;

namespace {

std::string filtered(const std::string& content, std::size_t piece) {
  AuthenticationResultsFilter filter("mx.example.com");
  std::string out;
  for (std::size_t at = 0; at < content.size(); at += piece)
    filter.feed(std::string_view(content).substr(at, piece), out);
  filter.finish(out);
  return out;
}

// However it is cut.
std::string filtered(const std::string& content) {
  const std::string whole = filtered(content, content.size() + 1);
  CHECK(filtered(content, 1) == whole);
  for (std::size_t cut = 0; cut <= content.size() && content.size() < 2000; ++cut) {
    AuthenticationResultsFilter filter("mx.example.com");
    std::string out;
    filter.feed(std::string_view(content).substr(0, cut), out);
    filter.feed(std::string_view(content).substr(cut), out);
    filter.finish(out);
    CHECK(out == whole);
  }
  return whole;
}

const std::string kRest =
    "Subject: x\r\n folded\r\n\r\nbody\r\nAuthentication-Results: mx.example.com; none\r\n";

}  // namespace

TEST_CASE("C16: every field with our id goes, whatever its spelling or folding") {
  for (const char* field : {"Authentication-Results: mx.example.com; spf=pass\r\n",
                            "AUTHENTICATION-RESULTS:MX.EXAMPLE.COM;spf=pass\r\n",
                            "authentication-Results : mx.example.com 1; none\r\n",
                            "Authentication-Results:\r\n mx.example.com;\r\n\tspf=pass\r\n",
                            "Authentication-Results: (a (nested \\) one)) mx.example.com; none\r\n",
                            "Authentication-Results: \"mx.example.com\"; none\r\n",
                            "Authentication-Results: \"mx\\.example.com\"; none\r\n",
                            "Authentication-Results: mx.example.com.; none\r\n",
                            "Authentication-Results: mx.example.com(x); none\r\n",
                            "Authentication-Results:\r\n \r\n mx.example.com; none\r\n",
                            "Authentication-Results: mx.example.com\r\n",
                            "Authentication-Results \t : mx.example.com; none\r\n"}) {
    CHECK_MESSAGE(filtered(field + kRest) == kRest, std::string(field));
    CHECK_MESSAGE(filtered("To: y\r\n" + (field + kRest)) == "To: y\r\n" + kRest, std::string(field));
  }
}

TEST_CASE("C16: fifty copies, among others") {
  std::string content, expected;
  for (int copy = 0; copy < 50; ++copy) {
    content += "Authentication-Results: mx.example.com; spf=pass\r\n\tsmtp.mailfrom=a\r\nX-N: " +
               std::to_string(copy) + "\r\n";
    expected += "X-N: " + std::to_string(copy) + "\r\n";
  }
  AuthenticationResultsFilter filter("mx.example.com");
  std::string out;
  filter.feed(content + kRest, out);
  filter.finish(out);
  CHECK(out == expected + kRest);
  CHECK(filter.removed() == 50);
  CHECK(filter.past_header());
}

TEST_CASE("fields of others, and what only looks like one, stay octet by octet") {
  for (const char* field :
       {"Authentication-Results: other.example; spf=pass\r\n",
        "Authentication-Results: mx.example.com.evil.example; none\r\n",
        "Authentication-Results: (mx.example.com) other.example; none\r\n",
        "X-Authentication-Results: mx.example.com; none\r\n",
        "Authentication-Results-Old: mx.example.com; none\r\n",
        "Authentication-Result: mx.example.com; none\r\n", "Authentication-Results mx.example.com\r\n",
        "Subject: a\r\n Authentication-Results: mx.example.com; none\r\n",
        "Authentication-Results: mx example.com; none\r\n",
        "Authentication-Results: mx.example.company; none\r\n", "A\r\n", "Authentication-\r\n"})
    CHECK_MESSAGE(filtered(field + kRest) == field + kRest, std::string(field));
  for (const char* content :
       {"", "\r\n", "\r", "\n\n", "no header at all", "Authentication-Results", "Authentication-Results ",
        "Authentication-Results: other", "\r\nAuthentication-Results: mx.example.com; none\r\n"})
    CHECK_MESSAGE(filtered(content) == content, std::string(content));
  CHECK(filtered("Authentication-Results: mx.example.com").empty());
}

TEST_CASE("a field that hides its owner behind too much is ours; one that names another is not") {
  const std::string comment = '(' + std::string(20'000, 'c') + ") ";
  CHECK(filtered("Authentication-Results: " + comment + "mx.example.com; none\r\n more\r\n" + kRest) ==
        kRest);
  const std::string theirs =
      "Authentication-Results: other.example; " + std::string(40'000, 'x') + "\r\n more\r\n";
  CHECK(filtered(theirs + kRest) == theirs + kRest);
  CHECK(filtered("Authentication-Results: mx.example.com; " + std::string(40'000, 'x') + "\r\n more\r\n" +
                 kRest) == kRest);
  const std::string blanks = "Authentication-Results" + std::string(20'000, ' ') + ": mx.example.com\r\n";
  CHECK(filtered(blanks + kRest) == kRest);
}

TEST_CASE("C16: what a lenient reader would take for ours goes, too") {
  for (const char* body :
       {"mx .example.com; spf=pass", "mx(x).example.com; spf=pass", "mx.\r\n example.com; spf=pass",
        "\"mx\".example.com; spf=pass", "mx.example.com/1; spf=pass", "mx.example.com, x;",
        "\x0bmx.example.com; spf=pass", "MX.example.com.; spf=pass", "; spf=pass",
        "(open mx.example.com; spf=pass", ""})
    CHECK_MESSAGE(filtered("Authentication-Results: " + std::string(body) + "\r\n" + kRest) == kRest,
                  std::string(body));
  AuthenticationResultsFilter filter("mx.xn--bcher-kva.test");
  std::string out;
  filter.feed(
      "Authentication-Results: mx.b\xc3\xbc"
      "cher.test; spf=pass\r\n\r\n",
      out);
  CHECK(out == "\r\n");
}

TEST_CASE("whose field it is") {
  CHECK(authserv_id(" example.org 1; none") == "example.org");
  CHECK(authserv_id("(c)\r\n \"a b\\\"c\" ; none") == "a b\"c");
  CHECK(authserv_id("").empty());
  CHECK(authserv_id("((((").empty());
}
