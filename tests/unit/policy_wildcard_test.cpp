#include <doctest/doctest.h>

#include <random>

#include "policy/wildcard_list.h"

using namespace sallyport::policy;

namespace {

constexpr const char* kNineLines =
    "*@*%%%%*\n*@%%%%*\n*@*%%%%\n%%%%*@*\n*@netcom.com\n*@hotmail.com\n"
    "~myfriend@netcom.com\n~myfriend@hotmail.com\nspammer@spam.net\n";
constexpr const char* kRelayPatterns = "*!*\n\"*@*\"\n\"*@*\"@*\n";
constexpr Star kZero = Star::zero_or_more;

WildcardList list(const std::string& text, Star star = Star::one_or_more) {
  std::vector<WildcardList::Fault> faults;
  auto parsed = WildcardList::parse(text, "lists/test", faults, star);
  CHECK(faults.empty());
  return parsed;
}

// The line that bars by each reading, 0 = none.
struct Vector {
  const char* address;
  int one_or_more;
  int zero_or_more;
};

void check_vectors(const char* text, const std::vector<Vector>& vectors) {
  const auto one = list(text), zero = list(text, kZero);
  for (const Vector& vector : vectors) {
    CAPTURE(vector.address);
    CHECK(one.bars(vector.address).value_or(0) == vector.one_or_more);
    CHECK(zero.bars(vector.address).value_or(0) == vector.zero_or_more);
  }
}

// What the index must find: every line tried, from the last one on.
std::optional<int> bars_line_by_line(const std::string& text, std::string_view address, Star star) {
  std::optional<int> barred;
  if (address.empty()) return barred;
  ListReader reader(text);
  for (ListEntry entry; reader.next(entry);) {
    const bool clears = entry.text.starts_with('~');
    if (!wildcard_matches(entry.text.substr(clears ? 1 : 0), address, star)) continue;
    barred = clears ? std::nullopt : std::optional(entry.line);
  }
  return barred;
}

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(engine_);
  }
  std::string text(std::string_view letters, std::size_t longest) {
    std::string out(1 + below(longest), ' ');
    for (char& c : out) c = letters[below(letters.size())];
    return out;
  }
  // Half of them of the forms that have tables of their own.
  std::string pattern() {
    const std::string literal = text("aAb1@.", 8);
    switch (below(8)) {
      case 0:
        return literal;
      case 1:
        return "*" + literal;
      case 2:
        return literal + "*";
      case 3:
        return "*" + literal + "*" + text("ab", 4);
      default:
        return escaped(text("aAb1@*?$%\\", 9));
    }
  }

  // Anything, or what a pattern might match.
  std::string address(std::string_view pattern) {
    if (pattern.starts_with("~")) pattern.remove_prefix(1);
    if (below(2) == 0) return text("aAb1@.*?\\", 12);
    std::string out;
    for (const char c : pattern) {
      if (c == '*' && below(3) != 0) out += text("aAb1@.", 3);
      if (c == '?' || c == '%' || c == '$') out += text("a1", 1);
      if (!is_wildcard(c) && c != '\\') out += c;
    }
    return out;
  }

 private:
  static std::string escaped(std::string pattern) {
    std::size_t backslashes = 0;
    while (backslashes < pattern.size() && pattern[pattern.size() - 1 - backslashes] == '\\') ++backslashes;
    return backslashes % 2 == 0 ? pattern : pattern + "*";
  }

  std::mt19937 engine_;
};

std::string random_list(Random& random) {
  std::string text;
  for (std::size_t lines = 1 + random.below(30); lines > 0; --lines)
    text += (random.below(3) == 0 ? "~" : "") + random.pattern() + "\n";
  return text;
}

}  // namespace

TEST_CASE("the nine lines bar and pass what Mailtraq's documentation says") {
  check_vectors(kNineLines, {{"bob@netcom.com", 5, 5},
                             {"myfriend@netcom.com", 0, 0},
                             {"MyFriend@HotMail.com", 0, 0},
                             {"joe@hotmail.com", 6, 6},
                             {"spammer@spam.net", 9, 9},
                             {"other@spam.net", 0, 0},
                             {"a@x1234y.com", 1, 1},
                             {"a@1234.com", 2, 2},
                             {"a@host1234", 3, 3},
                             {"1234joe@x.com", 4, 4},
                             {"a@1234", 0, 3},
                             {"1234@x.com", 0, 4},
                             {"@hotmail.com", 0, 6},
                             {"a@x123.com", 0, 0},
                             {"12a34@x.com", 0, 0},
                             {"x@sub.netcom.com", 0, 0}});
}

TEST_CASE("the relay patterns match the path as written, quotes kept") {
  check_vectors(kRelayPatterns, {{"remote.host!user@local.host", 1, 1},
                                 {"remote.host!user", 1, 1},
                                 {"\"user@remote.host\"", 2, 2},
                                 {"\"user@remote.host\"@local.host", 3, 3},
                                 {"\"a b@c\"@local.host", 3, 3},
                                 {"!user@local.host", 0, 1},
                                 {"\"user\"@local.host", 0, 0},
                                 {"user@local.host", 0, 0},
                                 {"user%remote.host@local.host", 0, 0},
                                 {"@local.host:user@remote.host", 0, 0}});
}

TEST_CASE("the last match decides, and the line is named") {
  CHECK(list("~friend@x.com\n*@x.com\n").bars("friend@x.com") == 2);
  CHECK(!list("*@x.com\n~friend@x.com\n").bars("friend@x.com"));
  CHECK(list("# a comment\n\n*@x.com\r\n").bars("a@x.com") == 3);
  CHECK(list("a@x.com\n~*@X.com\nA@x.com\n").bars("a@x.com") == 3);
  CHECK(!list("a@x.com\n~a@X\\.com\n").bars("a@x.com"));
}

TEST_CASE("wildcards mean one character, one letter, one digit, one or more") {
  CHECK(wildcard_matches("$$$%@*", "abc1@x.y"));
  CHECK(!wildcard_matches("$$$%@*", "ab11@x.y"));
  CHECK(wildcard_matches("u?er@x", "user@x"));
  CHECK(!wildcard_matches("u?er@x", "uer@x"));
  CHECK(!wildcard_matches("*a", "a"));
  CHECK(wildcard_matches("a\\*b", "a*b"));
  CHECK(!wildcard_matches("a\\*b", "axb"));
  CHECK(wildcard_matches("*a*a*a*b", "xaaaaaaaab"));
}

TEST_CASE("a character is one, however many octets it takes, and has no case") {
  CHECK(wildcard_matches("j?rg@x", "jörg@x"));
  CHECK_FALSE(wildcard_matches("j??rg@x", "jörg@x"));
  CHECK_FALSE(wildcard_matches("*?@x", "ö@x"));
  CHECK(wildcard_matches("*?@x", "öß@x"));
  CHECK(wildcard_matches("*?@x", "ö@x", kZero));
  CHECK_FALSE(wildcard_matches("*??@x", "ö@x", kZero));
  CHECK(wildcard_matches("J*\\Ö@x", "JÖjö@X"));
  CHECK_FALSE(wildcard_matches("$@x", "ö@x"));
  CHECK(wildcard_covers("j?rg@x", "jörg@x"));
  CHECK_FALSE(wildcard_covers("j??rg@x", "jörg@x"));
  CHECK_FALSE(wildcard_covers("*?@x", "ö@x"));
  CHECK(wildcard_covers("*ö", "aö?ö"));

  const auto barring = list("Jörg@x\n*@MÜLLER.test\nÄ*\n*Ö%*\n?\\É@x\n");
  CHECK(barring.bars("JÖRG@x") == 1);
  CHECK(barring.bars("a@xn--mller-kva.test") == 2);
  CHECK(barring.bars("änna@y") == 3);
  CHECK(barring.bars("aö1@y") == 4);
  CHECK(barring.bars("ñé@x") == 5);
  CHECK_FALSE(barring.bars("jorg@x"));
}

TEST_CASE("or zero or more, where the list expects it") {
  CHECK(wildcard_matches("*a", "a", kZero));
  CHECK(wildcard_matches("a*", "a", kZero));
  CHECK(wildcard_matches("a**b*", "ab", kZero));
  CHECK(wildcard_matches("*a*b", "xaxbab", kZero));
  CHECK(!wildcard_matches("*a?", "a", kZero));
  CHECK(!wildcard_matches("a*b", "a", kZero));
}

TEST_CASE("the null sender is never barred") {
  CHECK(!list("*").bars(""));
  CHECK(!list("*", kZero).bars(""));
  CHECK(list("*", kZero).bars("a") == 1);
}

TEST_CASE("a hostile pattern and address take no time to speak of") {
  std::string pattern, address(1000, 'a');
  for (int i = 0; i < 500; ++i) pattern += "*a";
  pattern += "b";
  CHECK(!wildcard_matches(pattern, address));
  CHECK(!wildcard_matches(pattern, address, kZero));
}

TEST_CASE("what is wrong in a list is told with its place") {
  std::vector<WildcardList::Fault> faults;
  WildcardList::parse("good@x\n  ~\nbad\\\n", "f", faults);
  REQUIRE(faults.size() == 2);
  CHECK(faults[0].line == 2);
  CHECK(faults[1].line == 3);
  CHECK(faults[1].column == 4);
}

TEST_CASE("a line may be longer than any address, and an address than any line") {
  const std::string octets(300, 'a');
  const auto barring = list(octets + "\n*" + octets + "\n" + octets + "*\nb\n*c\nd*\n");
  CHECK(barring.bars(octets) == 1);
  CHECK(barring.bars("x" + octets) == 2);
  CHECK(barring.bars(octets + "x") == 3);
  CHECK(!barring.bars(octets.substr(1)));
  CHECK(barring.bars(octets.substr(1) + "c") == 5);
  CHECK(barring.bars("d" + octets) == 6);
}

TEST_CASE("the index finds what trying line by line finds") {
  for (unsigned seed = 0; seed < 500; ++seed) {
    Random random(seed);
    const std::string text = random_list(random);
    CAPTURE(text);
    std::vector<ListEntry> entries;
    ListReader reader(text);
    for (ListEntry entry; reader.next(entry);) entries.push_back(entry);
    for (const Star star : {Star::one_or_more, kZero}) {
      const auto indexed = list(text, star);
      for (int i = 0; i < 20; ++i) {
        const std::string address = random.address(entries[random.below(entries.size())].text);
        CAPTURE(address);
        CHECK(indexed.bars(address) == bars_line_by_line(text, address, star));
      }
    }
  }
}

TEST_CASE("a line of a list says its pattern, and no other line does") {
  const auto lines =
      list("# a comment\n*@Netcom.com\n\nspam\\%er@x.test\n~friend@netcom.com\n*@netcom.com\n");
  CHECK(lines.pattern(6) == "*@netcom.com");
  CHECK(lines.pattern(4) == "spam\\%er@x.test");
  CHECK(lines.pattern(5) == "friend@netcom.com");
  for (const int none : {0, 1, 2, 3, 7})
    CHECK(lines.pattern(none).empty());  // 2: the last of equal ones counts
  CHECK(WildcardList().pattern(1).empty());
}
