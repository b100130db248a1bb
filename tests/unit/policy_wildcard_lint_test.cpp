#include <doctest/doctest.h>

#include "policy/wildcard_lint.h"

using namespace sallyport::policy;

namespace {

// "line:column: message" of each warning, or its end after "does nothing: ".
std::vector<std::string> lints(const std::string& text, Star star = Star::one_or_more,
                               std::size_t most = 20) {
  std::vector<ListFault> faults;
  const auto list = WildcardList::parse(text, "lists/test", faults, star);
  std::vector<std::string> out;
  for (const auto& fault : lint_wildcard_list(text, list, most).told) {
    const auto reason = fault.message.find("does nothing: ");
    out.push_back(std::to_string(fault.line) + ":" + std::to_string(fault.column) + ": " +
                  fault.message.substr(reason == std::string::npos ? 0 : reason + 14));
  }
  return out;
}

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("the nine lines: every one does something, and their holes are named") {
  const auto told = lints(
      "*@*%%%%*\n*@%%%%*\n*@*%%%%\n%%%%*@*\n*@netcom.com\n*@hotmail.com\n"
      "~myfriend@netcom.com\n~myfriend@hotmail.com\nspammer@spam.net\n");
  const std::string prefix = "a \"*\" is one or more characters, so ";
  CHECK(told ==
        Told{"1:1: " + prefix + "this does not bar a@1234",
             "1:1: " + prefix +
                 "the list does not bar @x1234x, @1234x, @x1234, @netcom.com, @hotmail.com (which are "
                 "no addresses, and refused as such)",
             "4:1: " + prefix + "this does not bar 1234@x.com"});
}

TEST_CASE("a list of domains, and the shipped relay patterns, are left in peace") {
  CHECK(lints("*@spam.test\n*@more.test\n~good@more.test\n").empty());
  CHECK(lints("*!*\n\"*@*\"\n\"*@*\"@*\n").empty());
}

TEST_CASE("no holes where a star may be empty, or another line bars them") {
  CHECK(lints("%%%%*@*\n", Star::zero_or_more).empty());
  CHECK(lints("%%%%*@*\n%%%%@*\n").empty());
  CHECK(lints("%%%%*@*\n").size() == 1);
  CHECK(lints("*@*.test\n~%%%%*@*\n").empty());
}

TEST_CASE("lines that no address can match, and one that all do") {
  const std::string none = "1:1: no address can match this: ";
  CHECK(lints("spam.net\n") == Told{none + "all of a domain is \"*@spam.net\""});
  CHECK(lints("10.0.0.0/8\n").size() == 1);
  CHECK(lints("~@spam.net\n") == Told{none + "all of the domain is \"*@spam.net\""});
  CHECK(lints("<a@b.test>\n") == Told{none + "none has a \"<\" in it"});
  CHECK(lints("a@b.test,c@b.test\n") == Told{none + "none has a \",\" in it"});
  CHECK(lints("a@b.test # spam\n") == Told{none + "a comment has a line of its own"});
  CHECK(lints("postmaster\n\"a b\"@c.test\n*.spam.net\n?b\n").empty());
  for (const char* everybody : {"*\n", "*@*\n"})
    CHECK(lints(everybody).front() == "1:1: this bars every address, but for those that lines below clear");
}

TEST_CASE("of two lines for everybody one is enough") {
  CHECK(lints("*\n*@*\n") == Told{"1:1: this bars every address, but for those that lines below clear",
                                  "2:1: line 1 bars all of it already"});
}

TEST_CASE("an address that a later line decides, whatever that says") {
  CHECK(lints("a@x.test\n*@x.test\n") == Told{"1:1: line 2 matches all of it too, and decides"});
  const std::string decides = "line 3 matches all of it too, and decides";
  CHECK(lints("*@x.test\n ~a@x.test\n*x?test\n") == Told{"1:1: " + decides, "2:2: " + decides});
}

TEST_CASE("an address of which an earlier line says the same") {
  CHECK(lints("*@x.test\na@x.test\n") == Told{"2:1: line 1 bars all of it already"});
  CHECK(lints("*.test\n~*@x.test\n~a@x.test\n") == Told{"3:1: line 2 clears all of it already"});
  CHECK(lints("*@x.test\n~?@x.test\na@x.test\n").empty());
  CHECK(lints("~a@x.test\n") == Told{"1:1: no line above bars it"});
}

TEST_CASE("a pattern of which another matches everything") {
  CHECK(lints("*@*.spam.test\n*@x.spam.test\n?ob@a.test\n$ob@a.test\n") ==
        Told{"2:1: line 1 bars all of it already", "4:1: line 3 bars all of it already"});
  CHECK(lints("$ob@a.test\n?ob@a.test\n") == Told{"1:1: line 2 matches all of it too, and decides"});
  CHECK(lints("*@*.spam.test\n~a*@x.spam.test\n*@x.spam.test\n").empty());
  const auto told = lints("*@*%%%%*\n*@%%%%*\n*@*%%%%\n%%%%*@*\n", Star::zero_or_more);
  CHECK(told == Told{"2:1: line 1 bars all of it already", "3:1: line 1 bars all of it already"});
  CHECK(lints("~*@good.test\n*@b.test\n") == Told{"1:1: no line above bars it"});
}

TEST_CASE("what a quoted local part may hold") {
  CHECK(lints("*foo bar*\n*(*@*.test\n").empty());
  CHECK(lints("*@spam.test # comment\n").size() == 1);
  CHECK(lints("*@spam(test\n").size() == 1);
}

TEST_CASE("the same pattern again: the earlier one does nothing") {
  const std::string same = "the same pattern stands below, and the last match decides";
  CHECK(lints("a@x.test\nb@x.test\n\n  A@x.test\n") == Told{"1:1: " + same});
  CHECK(lints("*@x.test\n~*@x.test\n") == Told{"1:1: " + same, "2:1: no line above bars it"});
}

TEST_CASE("a domain within another") {
  CHECK(lints("*@a.x.test\n*.x.test\n") == Told{"1:1: line 2 matches all of it too, and decides"});
  CHECK(lints("*.x.test\n*@a.x.test\n") == Told{"2:1: line 1 bars all of it already"});
  CHECK(lints("*.x.test\n~b@a.x.test\n*@a.x.test\n") ==
        Told{"2:1: line 3 matches all of it too, and decides"});
  CHECK(lints("*@x.test\n*@ax.test\n").empty());
}

TEST_CASE("so many warnings and no more") {
  std::string text = "*@x.test\n";
  for (int i = 0; i < 50; ++i) text += "a" + std::to_string(i) + "@x.test\n";
  std::vector<ListFault> faults;
  const auto told = lint_wildcard_list(text, WildcardList::parse(text, "f", faults));
  CHECK(told.told.size() == 20);
  CHECK(told.untold == 30);
}

TEST_CASE("lines with faults are passed over") {
  CHECK(lints("~\na@x.test\nbad\\\n*@x.test\n").size() == 1);
}

TEST_CASE("regular expressions are told apart from patterns") {
  for (const char* text :
       {"/^joe@.*$/\n", "/spam/i\n", "~/joe@x[.]test/\n", "^joe@x.test\n", ".*@x.test\n"}) {
    CAPTURE(text);
    const auto told = lints(text);
    REQUIRE(told.size() == 1);
    CHECK(told[0].contains("1:1: no address that is meant can match this: a barring list has no regular"));
  }
  for (const std::string& told : lints("/o=site/cn=joe@x.test\n*/*@x.test\njoe.*@x.test\n"))
    CHECK_FALSE(told.contains("regular"));
}
