#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/mail/reply.h"
#include "tests/unit/splits.h"

using namespace sallyport::mail;
using namespace std::string_literals;
using sallyport::tests::same_for_every_split;

namespace {

struct Parsed {
  ReplyParser::State state = ReplyParser::State::more;
  std::vector<Reply> replies;
  std::vector<std::vector<std::string>> lines;
  bool operator==(const Parsed&) const = default;
};

class Subject {
 public:
  void feed(std::string_view bytes) {
    while (!bytes.empty() && parsed_.state != ReplyParser::State::broken) {
      parsed_.state = parser_.feed(bytes);
      if (parsed_.state != ReplyParser::State::done) continue;
      parsed_.replies.push_back(parser_.reply());
      parsed_.lines.push_back(parser_.lines());
    }
  }
  Parsed result() const { return parsed_; }

 private:
  ReplyParser parser_;
  Parsed parsed_;
};

Parsed parse(std::string_view wire) {
  return same_for_every_split(wire, [] { return Subject(); });
}

Reply one(std::string_view wire) {
  const Parsed out = parse(wire);
  CHECK(out.state == ReplyParser::State::done);
  REQUIRE(out.replies.size() == 1);
  return out.replies.front();
}

bool is_broken(std::string_view wire) { return parse(wire).state == ReplyParser::State::broken; }

void check_lines(std::string_view wire) {
  CHECK(wire.ends_with("\r\n"));
  while (!wire.empty()) {
    const std::size_t end = wire.find("\r\n");
    REQUIRE(end != std::string_view::npos);
    CHECK(end + 2 <= 512);
    wire.remove_prefix(end + 2);
  }
}

}  // namespace

TEST_CASE("reply: the wire form") {
  CHECK(reply(250, {2, 1, 5}, "OK").wire("1abc") == "250 2.1.5 OK\r\n");
  CHECK(reply(550, {5, 7, 1}, "cannot relay for remote.host").wire("1abc") ==
        "550 5.7.1 cannot relay for remote.host; id 1abc\r\n");
  CHECK(reply(451, {4, 3, 0}, "later").wire("") == "451 4.3.0 later\r\n");
  CHECK(reply(354, {}, "go on").wire("1abc") == "354 go on\r\n");
  CHECK(reply(250, {}, "mx.example.com\nPIPELINING\nSIZE 5").wire("1abc") ==
        "250-mx.example.com\r\n250-PIPELINING\r\n250 SIZE 5\r\n");
  CHECK(reply(550, {5, 1, 1}, "one\ntwo").wire("1abc") == "550-5.1.1 one\r\n550 5.1.1 two; id 1abc\r\n");
  Reply bare = reply(550, {5, 7, 1}, "text");
  bare.with_id = false;
  CHECK(bare.wire("1abc") == "550 5.7.1 text\r\n");
}

TEST_CASE("reply: empty texts") {
  CHECK(reply(250, {}, "").wire("x") == "250\r\n");
  CHECK(reply(250, {2, 0, 0}, "").wire("x") == "250 2.0.0\r\n");
  CHECK(reply(451, {4, 3, 0}, "").wire("x") == "451 4.3.0 id x\r\n");
  CHECK(reply(250, {}, "a\n\nb").wire("") == "250-a\r\n250-\r\n250 b\r\n");
}

TEST_CASE("reply: nothing in a text breaks out of its line") {
  CHECK(reply(550, {5, 0, 0}, "a\r\n250 fooled\0\x1b[31m\x7f\t"s).wire("x") ==
        "550-5.0.0 a?\r\n550 5.0.0 250 fooled??[31m??; id x\r\n");
  CHECK(reply(550, {5, 0, 0}, "caf\xc3\xa9").wire("x\r\ny") == "550 5.0.0 caf??; id x??y\r\n");
}

TEST_CASE("A09: long texts are broken at spaces, every line with its codes") {
  std::string words;
  for (int i = 0; i < 300; ++i) words += "word ";
  const std::string wire = reply(554, {5, 7, 1}, words).wire("1abcdefghij");
  check_lines(wire);
  CHECK(wire.starts_with("554-5.7.1 word"));
  CHECK(wire.ends_with("; id 1abcdefghij\r\n"));
  CHECK(wire.contains("\r\n554 5.7.1 word"));
  CHECK_FALSE(wire.contains("wor\r"));
  for (std::size_t size = 470; size < 520; ++size)
    check_lines(reply(554, {5, 7, 1}, std::string(size, 'x')).wire("1abcdefghij"));
  check_lines(reply(554, {5, 7, 1}, std::string(5000, 'x')).wire("1abcdefghij"));
}

TEST_CASE("reply: what one side writes the other reads") {
  const Reply sent = reply(550, {5, 1, 1}, "no such user\ntry another");
  CHECK(one(sent.wire("")) == sent);
}

TEST_CASE("reply parser: single lines") {
  CHECK(one("250 2.1.5 OK\r\n") == reply(250, {2, 1, 5}, "OK"));
  CHECK(one("250 OK\n") == reply(250, {}, "OK"));
  CHECK(one("250\r\n") == reply(250, {}, ""));
  CHECK(one("250 \r\n") == reply(250, {}, ""));
  CHECK(one("354 go\r\n").code == 354);
  CHECK(one("599 x\r\n").code == 599);
}

TEST_CASE("reply parser: several lines, several replies") {
  const Parsed out =
      parse("250-mx.example.com\r\n250-SIZE 5\r\n250 HELP\r\n550-5.1.1 a\r\n550 5.1.1 b\r\n");
  REQUIRE(out.replies.size() == 2);
  CHECK(out.replies[0] == reply(250, {}, "mx.example.com\nSIZE 5\nHELP"));
  CHECK(out.lines[0] == std::vector<std::string>{"mx.example.com", "SIZE 5", "HELP"});
  CHECK(out.replies[1] == reply(550, {5, 1, 1}, "a\nb"));
  CHECK(out.lines[1] == std::vector<std::string>{"5.1.1 a", "5.1.1 b"});
}

TEST_CASE("reply parser: an enhanced code counts only in its own class") {
  CHECK(one("550 5.7.1\r\n") == reply(550, {5, 7, 1}, ""));
  CHECK(one("550 5.123.456 x\r\n").enhanced == EnhancedCode{5, 123, 456});
  for (const char* text : {"4.7.1 x", "2.0.0 x", "5.7 x", "5.7.1x", "5.7.1234 x", "5.1000.1 x", "05.7.1 x",
                           "5.07.1 x", "5..1 x", "5.7. x", "5.7.1.1 x", "-5.7.1 x"}) {
    const Reply out = one("550 "s + text + "\r\n");
    CHECK_MESSAGE(!out.enhanced, text);
    CHECK(out.text == text);
  }
  CHECK_FALSE(one("354 3.0.0 go\r\n").enhanced);
  CHECK(one("550-x\r\n550 5.1.1 y\r\n") == reply(550, {5, 1, 1}, "x\ny"));
}

TEST_CASE("B13: what is no reply is broken, at any split") {
  for (const char* wire : {"x\r\n", "25\r\n", "\r\n", "\n", "2500 x\r\n", "250x\r\n", "250\tx\r\n",
                           "199 x\r\n", "600 x\r\n", "000 x\r\n", "-50 x\r\n", " 250 x\r\n",
                           "250-a\r\n251 b\r\n", "250-a\r\n550 b\r\n", "250-a\r\nb\r\n", "2 0 x\r\n"})
    CHECK_MESSAGE(is_broken(wire), wire);
}

TEST_CASE("B13: broken is for good") {
  ReplyParser parser;
  std::string_view input = "nonsense\r\n250 OK\r\n";
  CHECK(parser.feed(input) == ReplyParser::State::broken);
  CHECK_FALSE(parser.why_broken().empty());
  CHECK(parser.feed(input) == ReplyParser::State::broken);
}

TEST_CASE("B13: endless replies") {
  std::string lines;
  for (int i = 0; i < 99; ++i) lines += "250-x\r\n";
  CHECK(one(lines + "250 y\r\n").code == 250);
  CHECK(is_broken(lines + "250-x\r\n250 y\r\n"));

  ReplyParser parser;
  const std::string piece(1000, 'x');
  std::string_view input = "250 ";
  ReplyParser::State state = parser.feed(input);
  int fed = 0;
  for (; state == ReplyParser::State::more && fed < 1000; ++fed) {
    input = piece;
    state = parser.feed(input);
  }
  CHECK(state == ReplyParser::State::broken);
  CHECK(fed <= 66);
}

TEST_CASE("B13: what a reply holds is made printable and cut") {
  const Reply out = one("550 5.1.1 a\0b\rc\x1b\x7f\xff\r\n"s);
  for (const char c : out.text) CHECK((c >= ' ' && c < '\x7f'));
  CHECK(out.enhanced == EnhancedCode{5, 1, 1});
  ReplyParser parser;
  const std::string wire = "250 " + std::string(30'000, 'x') + "\r\n";
  std::string_view input = wire;
  CHECK(parser.feed(input) == ReplyParser::State::done);
  CHECK(parser.reply().text.size() <= 1003);
}
