#include <doctest/doctest.h>

#include <string>
#include <tuple>

#include "base/mail/content.h"
#include "tests/unit/splits.h"

using namespace sallyport::mail;
using sallyport::tests::same_for_every_split;

namespace {

struct Header {
  bool complete = false;
  bool absent = false;
  bool too_large = false;
  bool continues_trace = false;
  std::uint64_t malformed_line = 0;
  int received = 0;
  int by_us = 0;
  std::uint64_t octets = 0;
  bool automatic = false;
  bool operator==(const Header&) const = default;
};

class Subject {
 public:
  explicit Subject(std::uint64_t limit) : scanner_(limit, "mx.example.com") {}
  void feed(std::string_view bytes) { scanner_.feed(bytes); }
  Header result() {
    scanner_.finish();
    const std::uint64_t octets =
        scanner_.too_large() ? 0 : scanner_.octets();  // where it stopped is not said
    return {scanner_.complete(),       scanner_.absent(),
            scanner_.too_large(),      scanner_.continues_trace(),
            scanner_.malformed_line(), scanner_.received(),
            scanner_.received_by_us(), octets,
            scanner_.automatic()};
  }

 private:
  HeaderScanner scanner_;
};

Header scan(std::string_view message, std::uint64_t limit = 262'144) {
  return same_for_every_split(message, [&] { return Subject(limit); });
}

int by_us(const std::string& received) { return scan("Received: " + received + "\r\n\r\n").by_us; }

}  // namespace

TEST_CASE("header: an ordinary one") {
  const Header out = scan(
      "Received: from a\r\n\tby b; date\r\nSubject: x\r\n y\r\n\r\nReceived: in the body\r\nno field\r\n");
  CHECK(out.complete);
  CHECK(out.octets == 49);
  CHECK(out.received == 1);
  CHECK(out.by_us == 0);
  CHECK(out.malformed_line == 0);
  CHECK_FALSE(out.absent);
}

TEST_CASE("header: a message that ends inside it") {
  const Header out = scan("Subject: x\r\nReceived: from a by mx.example.com");
  CHECK_FALSE(out.complete);
  CHECK(out.received == 1);
  CHECK(out.by_us == 1);
  CHECK(scan("").received == 0);
  CHECK(scan("\r\n").complete);
  CHECK(scan("\r\nbody").octets == 2);
}

TEST_CASE("header: Received is counted however it is spelt") {
  CHECK(scan("RECEIVED: a\r\nreceived:b\r\nReceived : c\r\nReceived\t:d\r\nReceived:\r\n\r\n").received ==
        5);
  CHECK(scan("X-Received: a\r\nReceived-SPF: b\r\nSubject: Received: c\r\n Received: d\r\n\r\n").received ==
        0);
  CHECK(scan("Subject: x\r\n\tReceived: folded\r\n\r\n").received == 0);
}

TEST_CASE("header: our own Received fields") {
  CHECK(by_us("from a ([192.0.2.1]) by mx.example.com (Sallyport) with ESMTP id 1; date") == 1);
  CHECK(by_us("from a\r\n\tby\r\n\tMX.Example.COM\r\n\twith ESMTP; date") == 1);
  CHECK(by_us("from a by mx.example.com; date") == 1);
  CHECK(by_us("from a BY mx.example.com. with SMTP") == 1);
  CHECK(by_us("by mx.example.com") == 1);
  CHECK(by_us("(qmail 1 invoked by uid 2); by mx.example.com") == 1);
  CHECK(by_us("from unknown (HELO x) (192.0.2.1)(y)by mx.example.com") == 1);
  CHECK(by_us("from by by mx.example.com") == 1);
  CHECK(by_us("from a) by mx.example.com) with x") == 1);
  CHECK(by_us("from a by(x)mx.example.com") == 1);

  CHECK(by_us("from mx.example.com by other.example with ESMTP; date") == 0);
  CHECK(by_us("from a (by mx.example.com) by other.example") == 0);
  CHECK(by_us("from a (x (y) \\) by mx.example.com) by other.example") == 0);
  CHECK(by_us("from a by xmx.example.com") == 0);
  CHECK(by_us("from a by mx.example.com.evil") == 0);
  CHECK(by_us("from a by") == 0);
  CHECK(by_us("from a standby mx.example.com") == 0);
  CHECK(by_us("") == 0);
  CHECK(by_us("(((((") == 0);
}

TEST_CASE("header: each field of ours counts once") {
  const std::string ours = "Received: from a by mx.example.com by mx.example.com\r\n";
  const Header out = scan(ours + "Received: from b by c\r\n" + ours + "\r\n");
  CHECK(out.received == 3);
  CHECK(out.by_us == 2);
}

TEST_CASE("header: a first line that is no field means there is no header block") {
  for (const char* first : {"Hello, world", "From a@b.example Sat Jan  1 12:00:00 2000", ": no name",
                            "na me: x", "n\xc3\xa9: x", "Received", "<html>"}) {
    const Header out = scan(std::string(first) + "\r\nmore text\r\n\r\nbody");
    CHECK_MESSAGE(out.absent, first);
    CHECK(out.malformed_line == 0);
    CHECK(out.octets == 0);
  }
}

TEST_CASE("header: without a header block, what looks like fields still counts") {
  const Header out =
      scan("text\r\nReceived: by mx.example.com\r\n x\r\nplain text\r\nTo: y\r\n\r\nZ: body");
  CHECK(out.absent);
  CHECK(out.received == 1);
  CHECK(out.by_us == 1);
  CHECK(out.octets == 29 + 4 + 7);
}

TEST_CASE("header: a blank in front of the first line would continue our own trace field") {
  CHECK(scan(" from trusted.example\r\nSubject: x\r\n\r\nbody\r\n").malformed_line == 1);
  CHECK(scan("\tby mx.example.test\r\n").malformed_line == 1);
  CHECK(scan(" \r\n").malformed_line == 1);
  CHECK(scan(" \r\n").continues_trace);
  CHECK_FALSE(scan("Subject: x\r\n folded\r\nno field\r\n\r\n").continues_trace);
  CHECK_FALSE(scan("no field\r\n blank\r\n\r\n").continues_trace);
}

TEST_CASE("header: a later line that is no field is named, and the rest is still read") {
  const Header out =
      scan("Subject: x\r\nReceived: a\r\n b\r\nno field here\r\nReceived: c\r\nnor here\r\n\r\n");
  CHECK(out.malformed_line == 4);
  CHECK(out.received == 2);
  CHECK(out.complete);
  CHECK(scan("A: x\r\n>From b\r\n\r\n").malformed_line == 2);
  CHECK(scan("A: x\r\n:y\r\n\r\n").malformed_line == 2);
}

TEST_CASE("header: 8-bit values are fine, 8-bit names are not") {
  CHECK(scan("Subject: \xc3\xa9\xff\r\n\r\n").malformed_line == 0);
  CHECK(scan("A: x\r\nS\xc3\xa9: y\r\n\r\n").malformed_line == 2);
}

TEST_CASE("header: mail that a program wrote, or that goes to many, says so") {
  const auto automatic = [](const char* fields) {
    return scan(std::string("Subject: x\r\n") + fields + "\r\n\r\nbody\r\n").automatic;
  };
  for (const char* fields :
       {"Auto-Submitted: auto-replied", "auto-submitted:auto-generated; x=y",
        "Auto-Submitted:\r\n auto-replied", "Precedence: Bulk", "Precedence: junk",
        "Precedence: list (of ours)", "Precedence: auto_reply", "X-Autoreply: yes", "Precedence:\r\n bulk",
        "Precedence: (x) bulk", "Content-Type: (a;b)\r\n multipart/report ; boundary=x",
        "X-Auto-Response-Suppress: All", "Content-Type: multipart/report; boundary=x",
        "List-Id: <a.example.com>", "List-Unsubscribe: <x>"})
    CHECK_MESSAGE(automatic(fields), fields);
  for (const char* fields :
       {"Auto-Submitted: no", "Auto-Submitted: No; by=hand", "Precedence: first-class",
        "Precedence: (bulk)\r\n first-class", "Auto-Submitted: (yes) no", "X-Precedence: bulk",
        "Subject: x\r\n Precedence: bulk", "To: a\r\n\r\nPrecedence: bulk"})
    CHECK_FALSE_MESSAGE(automatic(fields), fields);
  CHECK_FALSE(scan("no field at all\r\nPrecedence: bulk\r\n\r\n").automatic);
}

TEST_CASE("P09: the size of the header block") {
  const std::string header = "A: x\r\nB: y\r\n\r\n";
  CHECK_FALSE(scan(header + std::string(100, 'b'), header.size()).too_large);
  CHECK(scan(header, header.size() - 1).too_large);
  CHECK(scan("A: " + std::string(200, 'x'), 100).too_large);
  CHECK(scan("no colon\r\nA: " + std::string(200, 'x') + "\r\n\r\n", 100).too_large);
  CHECK_FALSE(scan("no colon\r\n" + std::string(200, 'x') + "\r\n\r\n", 100).too_large);
}

TEST_CASE("P09: half a million fields cost no memory and end at the cap") {
  HeaderScanner scanner(262'144, "mx.example.com");
  for (int i = 0; i < 500'000; ++i) scanner.feed("To: a@b.example\r\n");
  CHECK(scanner.too_large());
  CHECK(scanner.octets() < 262'144 + 64);
}

TEST_CASE("header: a by clause far out in an endless field is not looked for") {
  const std::string folds = [] {
    std::string out;
    for (int i = 0; i < 1000; ++i) out += "\r\n from x";
    return out;
  }();
  HeaderScanner scanner(262'144, "mx.example.com");
  scanner.feed("Received: a" + folds + "\r\n by mx.example.com\r\nReceived: by mx.example.com" + folds +
               "\r\n\r\n");
  CHECK(scanner.received() == 2);
  CHECK(scanner.received_by_us() == 1);
}

TEST_CASE("header: a first line over the limit that is no field is too large, however it comes") {
  CHECK(scan(std::string(41, 'a') + "\r\n\r\n", 40).too_large);
  CHECK_FALSE(scan(std::string(38, 'a') + "\r\n\r\n", 40).too_large);
}
