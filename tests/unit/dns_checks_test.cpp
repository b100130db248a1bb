// What DNS says about a client: its reverse name, its HELO, the sender's domain, lists.
#include <doctest/doctest.h>

#include <utility>

#include "dns/helo.h"
#include "dns/list.h"
#include "dns/reverse.h"
#include "dns/sender_domain.h"
#include "tests/unit/dns_support.h"

using namespace sallyport;
using namespace sallyport::dns;
using namespace sallyport::dns::testing;

namespace {

ReverseName reverse(const std::string& text, const char* client = "192.0.2.1") {
  auto records = zone(text);
  return run(reverse_name(records, system_clock(), address(client), {}));
}

HeloName::Result helo(const std::string& said, const std::string& text = "",
                      const char* client = "192.0.2.1") {
  auto records = zone(text);
  return run(check_helo(records, system_clock(), said, address(client), {})).result;
}

SenderDomain::Result sender(const std::string& text) {
  auto records = zone(text);
  return run(check_sender_domain(records, system_clock(), name("d.example"), {})).result;
}

ListAnswer from_list(const std::string& text, Subject subject = address("192.0.2.1")) {
  auto records = zone(text);
  return run(ask_list(records, system_clock(), name("bl.example"), std::move(subject), {}));
}

const std::string kPtr = "1.2.0.192.in-addr.arpa. PTR h.example.\n";

}  // namespace

TEST_CASE("a reverse name counts when it has the client's address") {
  using enum ReverseName::Result;
  CHECK(reverse("").result == missing);
  CHECK(reverse("1.2.0.192.in-addr.arpa. SERVFAIL\n").result == temporary);
  CHECK(reverse(kPtr).result == mismatch);
  CHECK(reverse(kPtr + "h.example. A 192.0.2.2\n").result == mismatch);
  CHECK(reverse(kPtr + "h.example. TIMEOUT\n").result == temporary);
  const auto found = reverse(
      kPtr + "1.2.0.192.in-addr.arpa. PTR g.example.\nh.example. TIMEOUT\ng.example. A 192.0.2.1\n");
  CHECK(found.result == confirmed);
  CHECK(found.name == name("g.example"));
  CHECK(found.more.empty());
  CHECK(found.in_doubt);  // of h.example
  CHECK(found.lookups.size() == 3);
  const auto both =
      reverse(kPtr +
              "1.2.0.192.in-addr.arpa. PTR g.example.\n1.2.0.192.in-addr.arpa. PTR f.example.\n"
              "h.example. A 192.0.2.1\nf.example. A 192.0.2.2\ng.example. A 192.0.2.1\n");
  CHECK(both.name == name("h.example"));
  CHECK(both.more == std::vector{name("g.example")});
  CHECK_FALSE(both.in_doubt);
  CHECK(reverse("1.2.0.192.in-addr.arpa. PTR .\n").result == missing);
  CHECK(
      reverse("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR six.example.\n"
              "six.example. AAAA 2001:db8::1\n",
              "2001:db8::1")
          .result == confirmed);
}

TEST_CASE("D11: of a thousand reverse names ten are looked at") {
  std::string many;
  for (int number = 0; number < 1000; ++number)
    many += "1.2.0.192.in-addr.arpa. PTR h" + std::to_string(number) + ".example.\n";
  const auto found = reverse(many + "h10.example. A 192.0.2.1\n");
  CHECK(found.result == ReverseName::Result::mismatch);
  CHECK(found.lookups.size() == 11);
  CHECK(reverse(many + "h9.example. A 192.0.2.1\n").result == ReverseName::Result::confirmed);
}

TEST_CASE("HELO: what can be told without asking") {
  using enum HeloName::Result;
  for (const char* said : {"", "a b", "ex\xc3\xa4mple.com", "a..b", "192.0.2.1", "[x]", "-", "*", "."})
    CHECK_MESSAGE((helo(said) == syntax || helo(said) == not_fqdn), std::string(said));
  CHECK(helo("192.0.2.1") == syntax);
  CHECK(helo("[192.0.2.1]") == plausible);
  CHECK(helo("[IPv6:2001:db8::1]", "", "2001:db8::1") == plausible);
  CHECK(helo("[192.0.2.9]") == literal);
  CHECK(helo("mailserver") == not_fqdn);
}

TEST_CASE("HELO: what the DNS says of a name") {
  using enum HeloName::Result;
  CHECK(helo("h.example") == unresolvable);
  CHECK(helo("h.example", "h.example. A 192.0.2.1\n") == plausible);
  CHECK(helo("h.example", "h.example. A 192.0.2.2\n") == mismatch);
  CHECK(helo("h_1.example", "h_1.example. A 192.0.2.1\n") == plausible);
  CHECK(helo("h.example", "h.example. A TIMEOUT\n") == temporary);
  CHECK(helo("h.example", "h.example. A 192.0.2.2\nh.example. AAAA SERVFAIL\n") == temporary);
  CHECK(helo("h.example", "h.example. A 192.0.2.1\nh.example. AAAA SERVFAIL\n") == plausible);
  CHECK(helo("h.example", "h.example. AAAA 2001:db8::1\n", "2001:db8::1") == plausible);
}

TEST_CASE("the sender's domain: exists, and could take an answer") {
  using enum SenderDomain::Result;
  CHECK(sender("") == missing);
  CHECK(sender("x.d.example. A 192.0.2.1\n") == no_mail);
  CHECK(sender("d.example. MX 0 .\n") == null_mx);
  CHECK(sender("d.example. MX 10 mx.example.\nmx.example. A 192.0.2.1\n") == found);
  CHECK(sender("d.example. A 192.0.2.1\n") == found);
  CHECK(sender("d.example. AAAA 2001:db8::1\n") == found);
  CHECK(sender("d.example. MX SERVFAIL\n") == temporary);
  CHECK(sender("d.example. MX SERVFAIL\nd.example. A 192.0.2.1\n") == temporary);
  CHECK(sender("d.example. MX 10 mx.example.\nmx.example. A 10.0.0.1\n") == private_only);
  CHECK(sender("d.example. MX 10 mx.example.\nmx.example. A 10.0.0.1\nmx.example. AAAA TIMEOUT\n") ==
        found);
  CHECK(sender("d.example. MX 10 a.example.\nd.example. MX 20 b.example.\na.example. A "
               "127.0.0.1\nb.example. A 192.0.2.1\n") == found);
  CHECK(sender("d.example. A 192.168.1.1\n") == private_only);
}

TEST_CASE("private addresses") {
  for (const char* text : {"10.1.2.3", "172.31.0.1", "192.168.0.1", "127.0.0.9", "169.254.1.1",
                           "100.64.0.1", "0.0.0.0", "::1", "fe80::1", "fd00::1", "::"})
    CHECK_MESSAGE(is_private(address(text)), std::string(text));
  for (const char* text : {"172.32.0.1", "192.0.2.1", "100.128.0.1", "2001:db8::1", "11.0.0.1"})
    CHECK_FALSE_MESSAGE(is_private(address(text)), std::string(text));
}

TEST_CASE("D08: what a list's answers amount to") {
  using enum ListAnswer::Result;
  const std::string at = "1.2.0.192.bl.example. ";
  CHECK(from_list("").result == clear);
  CHECK(from_list(at + "TXT \"x\"\n").result == clear);
  for (const char* failure : {"TIMEOUT\n", "SERVFAIL\n", "REFUSED\n"})
    CHECK(from_list(at + failure).result == temporary);
  const auto found =
      from_list(at + "A 127.0.0.2\n" + at + "A 127.0.0.10\n" + at + "TXT \"see http://bl.example\"\n");
  CHECK(found.result == ListAnswer::Result::listed);
  CHECK(found.codes.size() == 2);
  CHECK(found.words == "see http://bl.example");
  // The blocked resolver, and the hijacked one.
  for (const char* code :
       {"127.255.255.252", "127.255.255.254", "127.255.255.255", "192.0.2.1", "10.0.0.1"})
    CHECK_MESSAGE(from_list(at + "A " + code + "\n").result == silent, std::string(code));
  CHECK(from_list(at + "A 127.0.0.2\n" + at + "A 192.0.2.1\n").result == silent);
  // No words are no reason to wait or to fail.
  CHECK(from_list(at + "A 127.0.0.2\n" + at + "TXT TIMEOUT\n").result == ListAnswer::Result::listed);
}

TEST_CASE("lists of names, of IPv6 addresses, and subjects that are too long") {
  using enum ListAnswer::Result;
  CHECK(from_list("bad.example.bl.example. A 127.0.1.2\n", name("bad.example")).result ==
        ListAnswer::Result::listed);
  CHECK(
      from_list("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example. A 127.0.0.2\n",
                address("2001:db8::1"))
          .result == ListAnswer::Result::listed);
  const std::string label(63, 'a');
  CHECK(from_list("", name(label + '.' + label + '.' + label +
                           ".0123456789012345678901234567890123456789012345678901234"))
            .result == clear);
}

namespace {

// Holds every question until all that are expected have come.
class Gate final : public Resolver {
 public:
  Gate(ZoneResolver& records, std::size_t expected) : zone_(records), expected_(expected) {}

  io::Task<AnswerPtr> ask(Question question, Asking) override {
    auto mine = std::make_shared<io::Signal>(co_await io::this_executor());
    waiting_.push_back(mine);
    if (waiting_.size() == expected_)
      for (const auto& one : std::exchange(waiting_, {})) one->notify();
    all_came_ =
        co_await mine->wait(std::chrono::steady_clock::now() + std::chrono::seconds(10)) && all_came_;
    co_return zone_.answer(question);
  }
  bool all_came() const { return all_came_; }

 private:
  ZoneResolver& zone_;
  std::size_t expected_;
  std::vector<std::shared_ptr<io::Signal>> waiting_;
  bool all_came_ = true;
};

}  // namespace

TEST_CASE("questions that do not depend on each other are asked at once") {
  auto records = zone("d.example. MX 10 a.example.\nd.example. MX 20 b.example.\na.example. A 192.0.2.1\n");
  std::vector<Lookup> lookups;
  Gate gate(records, 3);
  std::vector<Question> questions = {
      {name("a.example"), Type::a}, {name("d.example"), Type::mx}, {name("x.example"), Type::a}};
  const auto answers = run(ask_all(gate, system_clock(), lookups, questions, {}));
  CHECK(gate.all_came());
  REQUIRE(answers.size() == 3);
  CHECK(summary(*answers[0]) == "192.0.2.1");
  CHECK(summary(*answers[1]) == "10 a.example, 20 b.example");
  CHECK(summary(*answers[2]) == "NXDOMAIN");
  CHECK(lookups.size() == 3);
  CHECK_FALSE(lookups.front().at_hand);
}
