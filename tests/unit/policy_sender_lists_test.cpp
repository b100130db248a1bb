#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "policy/recipient.h"
#include "policy/sender_breadth.h"
#include "policy/sender_lists.h"
#include "tests/unit/envelope_support.h"

using namespace sallyport;
using namespace sallyport::policy;
using sallyport::testing::path;

namespace {

std::string canonical(std::string_view line) {
  const auto entry = parse_sender_entry(line);
  return entry ? to_line(*entry) : "error: " + entry.error().detail;
}

bool is_refused(std::string_view line) { return !parse_sender_entry(line); }

SenderList list_of(std::string_view text) {
  std::vector<ListFault> faults;
  auto list = SenderList::parse(text, "lists/allow", faults);
  CHECK(faults.empty());
  return list;
}

// The lines that mean this sender, client, reverse name and recipient.
std::vector<int> lines(const SenderList& list, const char* sender, const char* client, const char* name,
                       const char* recipient) {
  auto patterns = network_patterns(*IpAddress::parse(client), list.shape());
  for (auto& pattern : sender_patterns(path(sender))) patterns.push_back(pattern);
  for (auto& pattern : reverse_name_patterns(name)) patterns.push_back(pattern);
  std::vector<int> numbers;
  for (const auto& entry : entry_names(patterns, path(recipient), list.shape()))
    if (const auto found = list.find(entry)) numbers.push_back(found->line);
  std::ranges::sort(numbers);
  return numbers;
}

}  // namespace

TEST_CASE("an entry of a sender list is read, and written again, in one form") {
  CHECK(canonical("Joe@Example.COM") == "joe@example.com");
  CHECK(canonical("*.Example.com") == "*.example.com");
  CHECK(canonical("192.0.2.0/24") == "192.0.2.0/24");
  CHECK(canonical("192.0.2.1") == "192.0.2.1/32");
  CHECK(canonical("2001:DB8::1") == "2001:db8::1/128");
  CHECK(canonical("rdns:*.Example.net") == "rdns:*.example.net");
  CHECK(
      canonical("example.com expires=2027-01-31  for=Joe@our.example owner=anna authenticated # a # b ") ==
      "example.com for=joe@our.example authenticated owner=anna expires=2027-01-31 # a # b");
  CHECK(canonical("example.com for=our.example") == "example.com for=our.example");
}

TEST_CASE("blanks, and a hash, in a quoted local part separate nothing") {
  for (const char* line :
       {R"("a b"@x.test)", R"("a #b"@x.test)", R"("a\"b c"@x.test)",
        R"("a b"@x.test for="c # d"@our.example)", R"(x.test for="c d"@our.example owner=anna # why # so)"})
    CHECK(canonical(line) == line);
  const auto list = list_of("\"a b\"@x.test\nx.test for=\"c d\"@our.example\n");
  using Lines = std::vector<int>;
  CHECK(lines(list, R"("A b"@x.test)", "192.0.2.1", "", R"("c d"@our.example)") == Lines{1, 2});
  CHECK(lines(list, R"("ab"@x.test)", "192.0.2.1", "", R"("cd"@our.example)") == Lines{});
  CHECK(is_refused(R"("a b@x.test)"));
  CHECK(canonical("x.test\t# why") == "x.test # why");
}

TEST_CASE("a comment behind an entry is no part of it") {
  CHECK(without_comment("tom@other.example # tester") == "tom@other.example");
  CHECK(without_comment("tom@other.example\t# tester # or not") == "tom@other.example");
  CHECK(without_comment("tom#1@other.example") == "tom#1@other.example");
  CHECK(without_comment("\"a #b\"@other.example # c") == "\"a #b\"@other.example");
  CHECK(without_comment("\"a b # c") == "\"a b");
}

TEST_CASE("what other programs write for a domain, or a network, is told how to write here") {
  CHECK(canonical("*@Partner.example")
            .ends_with("\"*@Partner.example\" means nobody: write partner.example"));
  CHECK(canonical("@partner.example").ends_with(": write partner.example"));
  CHECK(canonical("*@*.partner.example").ends_with(": write *.partner.example"));
  CHECK(canonical("192.0.2.5/24").ends_with(": write 192.0.2.0/24"));
  CHECK(canonical("2001:db8::5/32").ends_with(": write 2001:db8::/32"));
  CHECK(canonical("rdns:*@x.test").ends_with("\"rdns:*@x.test\" means nobody: write rdns:*.x.test"));
  CHECK(canonical("rdns:@x.test").ends_with(": write rdns:*.x.test"));
  CHECK(canonical("rdns:*@*.x.test").ends_with(": write rdns:*.x.test"));
  CHECK(canonical("rdns:Joe@x.test").ends_with(": write joe@x.test"));
  for (const char* line : {"192.0.2.5/33", "192.0.2", "*@", "@", "joe@", "rdns:*@"})
    CHECK_MESSAGE(canonical(line).contains("is no address, domain"), std::string(line));
}

TEST_CASE("an entry is for no domains below another, and says so") {
  CHECK(canonical("a.test for=*.our.example").contains("each domain below it wants an entry of its own"));
  CHECK(canonical("a.test for=our example").contains("none of for="));
}

TEST_CASE("a line that is no entry of a sender list is refused") {
  for (const char* line :
       {"<>", "@example.com", "joe@", "*", "*@example.com", "192.0.2", "192.0.2.1/24",
        "rdns:", "rdns:192.0.2.1", "example.com joe", "example.com for=", "example.com for=*.our.example",
        "example.com owner=", "example.com expires=2027-02-30", "example.com expires=30d"})
    CHECK_MESSAGE(is_refused(line), std::string(line));
}

TEST_CASE("no word of an entry counts in the place of another") {
  for (const char* line : {"x.test for=it@our.example for=anna@our.example", "x.test owner=it owner=anna",
                           "x.test expires=2027-01-31 expires=2028-01-31"})
    CHECK_MESSAGE(canonical(line).contains("write a line for each"), line);
}

TEST_CASE("an entry expires with its day") {
  using namespace std::chrono;
  CHECK(*parse_expiry_day("2027-01-31") == sys_days(2027y / 2 / 1) - 1s);
}

TEST_CASE("a sender list finds what means the sender, its client and its reverse name") {
  const auto list = list_of(
      "# a comment\n"
      "joe@example.com\n"        // 2
      "example.com\n"            // 3
      "*.example.com\n"          // 4
      "192.0.2.0/24\n"           // 5
      "2001:db8::/32\n"          // 6
      "rdns:mail.example.net\n"  // 7
      "rdns:*.example.net\n");   // 8
  using Lines = std::vector<int>;
  CHECK(lines(list_of("JÖRG@x.test\n"), "jörg@x.test", "203.0.113.1", "", "u@our.example") == Lines{1});
  CHECK(lines(list, "JOE@example.com", "203.0.113.1", "", "u@our.example") == Lines{2, 3});
  CHECK(lines(list, "x@a.b.Example.com", "203.0.113.1", "", "u@our.example") == Lines{4});
  CHECK(lines(list, "x@badexample.com", "203.0.113.1", "", "u@our.example") == Lines{});
  CHECK(lines(list, "x@foreign.example", "192.0.2.77", "", "u@our.example") == Lines{5});
  CHECK(lines(list, "x@foreign.example", "192.0.3.77", "", "u@our.example") == Lines{});
  CHECK(lines(list, "x@foreign.example", "2001:db8:1::9", "", "u@our.example") == Lines{6});
  CHECK(lines(list, "x@foreign.example", "203.0.113.1", "Mail.Example.net", "u@our.example") ==
        Lines{7, 8});
  CHECK(lines(list, "x@foreign.example", "203.0.113.1", "example.net", "u@our.example") == Lines{});
}

TEST_CASE("a reverse name that is no host name is below its domain all the same") {
  const auto list = list_of("rdns:*.bad.test\n");
  for (const char* name :
       {"-a.bad.test", "a/b.bad.test", "*.bad.test", "a b.bad.test", "a_b.bad.test", "A.BAD.test."})
    CHECK_MESSAGE(
        lines(list, "x@foreign.example", "203.0.113.1", name, "u@our.example") == std::vector<int>{1},
        std::string(name));
  CHECK(lines(list, "x@foreign.example", "203.0.113.1", "bad.test", "u@our.example").empty());
  CHECK(reverse_name_patterns("").empty());
  CHECK(reverse_name_patterns(".").empty());
}

TEST_CASE("the null sender is meant by no entry for senders") {
  const auto list = list_of("example.com\n192.0.2.1\n");
  CHECK(sender_patterns(path("")).empty());
  CHECK(lines(list, "", "192.0.2.1", "", "u@our.example") == std::vector<int>{2});
}

TEST_CASE("an entry for a recipient, or a domain of recipients, means nobody else") {
  const auto list = list_of("example.com for=joe@our.example\nexample.com for=other.example\n");
  using Lines = std::vector<int>;
  CHECK(lines(list, "x@example.com", "192.0.2.1", "", "Joe@our.example") == Lines{1});
  CHECK(lines(list, "x@example.com", "192.0.2.1", "", "ann@our.example") == Lines{});
  CHECK(lines(list, "x@example.com", "192.0.2.1", "", "ann@other.example") == Lines{2});
}

TEST_CASE("an entry for somebody is gone around by no detail of his address") {
  const auto list = list_of("spam.test for=joe@our.example\nspam.test for=joe+x@our.example\n");
  Settings settings;
  settings.domains.add("our.example", "inside");
  settings.domains.add("plain.example", "plain");
  settings.subaddress_separators = {{"inside", "+"}, {"plain", ""}};
  const auto mailbox = [&](std::string_view recipient) {
    return mailbox_behind_detail(path(recipient), settings);
  };
  CHECK(mailbox("Joe+Detail@Our.Example") == "joe@our.example");
  CHECK(mailbox("\"joe+x\"@our.example") == "joe@our.example");
  for (const char* other : {"joe@our.example", "+joe@our.example", "joe+x@plain.example",
                            "joe+x@no.example", "\"a b+c\"@our.example"})
    CHECK_MESSAGE(mailbox(other).empty(), std::string(other));
  const auto found = [&](std::string_view recipient) {
    std::vector<int> numbers;
    for (const auto& name : entry_names(sender_patterns(path("a@spam.test")), path(recipient), list.shape(),
                                        mailbox(recipient)))
      if (const auto entry = list.find(name)) numbers.push_back(entry->line);
    return numbers;
  };
  CHECK(found("joe@our.example") == std::vector<int>{1});
  CHECK(found("joe+y@our.example") == std::vector<int>{1});
  CHECK(found("joe+x@our.example") == std::vector<int>{2, 1});  // the more special one first
  CHECK(found("anna+x@our.example").empty());
}

TEST_CASE("names of entries that mean all that another does") {
  SenderListShape shape;
  shape.add(*parse_sender_entry("10.0.0.0/8"));
  const auto names = [&](const char* line) {
    const auto all = names_covering(*parse_sender_entry(line), shape);
    return std::set<std::string>(all.begin(), all.end());
  };
  using Names = std::set<std::string>;
  CHECK(names("a@b.c.test") == Names{"a@b.c.test", "b.c.test", "*.c.test", "*.test"});
  CHECK(names("b.c.test") == Names{"b.c.test", "*.c.test", "*.test"});
  CHECK(names("*.c.test") == Names{"*.c.test", "*.test"});
  CHECK(names("rdns:*.c.test") == Names{"rdns:*.c.test", "rdns:*.test"});
  CHECK(names("rdns:b.c.test") == Names{"rdns:b.c.test", "rdns:*.c.test", "rdns:*.test"});
  CHECK(names("10.1.0.0/16") == Names{"10.1.0.0/16", "10.0.0.0/8"});
  CHECK(names("0.0.0.0/0") == Names{"0.0.0.0/0"});
  CHECK(names("c.test for=joe@our.example") == Names{"c.test", "*.test", "c.test for=joe@our.example",
                                                     "c.test for=our.example", "*.test for=joe@our.example",
                                                     "*.test for=our.example"});
}

TEST_CASE("faults of a sender list are told with their places, all of them") {
  std::vector<ListFault> faults;
  const auto list = SenderList::parse("example.com\n  nonsense*\n\n*\n", "f", faults);
  REQUIRE(faults.size() == 2);
  CHECK(faults[0].line == 2);
  CHECK(faults[0].column == 3);
  CHECK(faults[1].line == 4);
  CHECK(list.size() == 1);
}

TEST_CASE("a sender list is shown in the order of its file, each entry once") {
  const auto list = list_of("b.test\na.test owner=x\n192.0.2.1\nb.test owner=y\n");
  std::string shown;
  list.each([&](const SenderList::Found& found) {
    shown += std::to_string(found.line) + to_line(found.entry) + ";";
    return shown.size() < 40;
  });
  CHECK(shown == "2a.test owner=x;3192.0.2.1/32;4b.test owner=y;");
  int seen = 0;
  list.each([&](const SenderList::Found&) { return ++seen < 2; });
  CHECK(seen == 2);
}

TEST_CASE("of lines with one name the last counts, and never one that ends before another") {
  const auto list = list_of(
      "a.test\na.test expires=2026-11-01\nb.test expires=2026-11-01\nb.test expires=2027-11-01\n"
      "c.test authenticated\nc.test\nd.test expires=2027-11-01\nd.test\nd.test expires=2026-11-01\n");
  std::string shown, repeated;
  list.each([&](const SenderList::Found& found) {
    shown += std::to_string(found.line) + to_line(found.entry) + ";";
    return true;
  });
  CHECK(shown == "1a.test;4b.test expires=2027-11-01;6c.test;8d.test;");
  list.each_repeated([&](const SenderList::Found& found, int counts) {
    repeated += std::to_string(found.line) + "by" + std::to_string(counts) + ";";
  });
  CHECK(repeated == "2by1;3by4;5by6;7by8;9by8;");
}

TEST_CASE("entries that mean the world, or nobody, are known for it") {
  const auto breadth = [](std::string_view line) { return breadth_of(*parse_sender_entry(line)); };
  for (const char* line :
       {"0.0.0.0/0", "128.0.0.0/1", "10.0.0.0/7", "::/0", "2000::/3", "2000::/15", "::/0 for=our.example"})
    CHECK_MESSAGE(breadth(line) == Breadth::many_clients, std::string(line));
  for (const char* line :
       {"*.com", "*.co.uk", "*.COM", "rdns:*.net", "*.github.io", "*.com for=our.example"})
    CHECK_MESSAGE(breadth(line) == Breadth::anybodys_name, std::string(line));
  for (const char* line : {"com", "co.uk", "rdns:net", "com for=joe@our.example"})
    CHECK_MESSAGE(breadth(line) == Breadth::nobody, std::string(line));
  for (const char* line :
       {"10.0.0.0/8", "2001::/16", "192.0.2.1", "::1", "example.com", "*.example.com", "*.example.co.uk",
        "rdns:*.example.net", "joe@com", "joe@github.io", "github.io", "*.lan", "lan", "example.test",
        "0.0.0.0/0 for=joe@our.example", "*.com for=joe@our.example"})
    CHECK_MESSAGE(breadth(line) == Breadth::ordinary, std::string(line));
}
