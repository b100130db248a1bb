#include <fmt/format.h>

#include "dns_support.h"
#include "proxy/own_names.h"

using namespace sallyport;
using namespace sallyport::proxy;
using dns::testing::address;
using dns::testing::name;

namespace {

// All as it should be.
const std::string kGood = R"(
mx.ours.test. A 192.0.2.1
mx.ours.test. AAAA 2001:db8::1
1.2.0.192.in-addr.arpa. PTR mx.ours.test.
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR mx.ours.test.
ours.test. MX 10 mx.ours.test.
ours.test. TXT "v=spf1 mx -all"
ours.test. TXT "another matter"
)";

OwnNames names(std::vector<dns::Name> domains = {name("ours.test")}) {
  return {name("mx.ours.test"), std::move(domains), 0, {}, false, {}, {}};
}

std::vector<NameFault> faults(const std::string& text, OwnNames names = ::names()) {
  auto zone = dns::testing::zone(text);
  return dns::testing::run(look_at(std::move(names), zone, system_clock(), TimePoint::max()));
}

std::string one_fault(const std::string& text, OwnNames names = ::names()) {
  const auto found = faults(text, std::move(names));
  REQUIRE(found.size() == 1);
  return found.front().what + " | " + found.front().publish;
}

// kGood, but for the lines that begin with `owner`: these are `instead`.
std::string good_but(const std::string& owner, const std::string& instead) {
  std::string out;
  std::size_t begin = 0;
  while (begin < kGood.size()) {
    const auto end = kGood.find('\n', begin) + 1;
    if (kGood.compare(begin, owner.size(), owner) != 0) out += kGood.substr(begin, end - begin);
    begin = end;
  }
  return out + instead + "\n";
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("own names: what is as it should be is worth no word") {
  CHECK(faults(kGood).empty());
  CHECK(faults(kGood + "more.test. MX 10 mx.ours.test.\nmore.test. TXT \"v=spf1 redirect=ours.test\"",
               names({name("ours.test"), name("more.test")}))
            .empty());
}

TEST_CASE("own names: the host name has an address that others can reach") {
  const std::string elsewhere = "ours.test. MX 10 mx.ours.test.\nours.test. TXT \"v=spf1 mx -all\"\n";
  CHECK(one_fault(elsewhere) ==
        "hostname: mx.ours.test has no address, and it is what others hear in our HELO | "
        "publish: mx.ours.test. A (or AAAA), the address that others see");
  CHECK(has(one_fault(elsewhere + "mx.ours.test. A 10.0.0.5"), "has the address 10.0.0.5 here"));
}

TEST_CASE("own names: the reverse name of each address is the host name") {
  CHECK(
      one_fault(good_but("1.2.0.192", "")) ==
      "hostname: 192.0.2.1, the address of mx.ours.test, has no reverse name: many servers take no mail "
      "from "
      "such an address | publish: 1.2.0.192.in-addr.arpa. PTR mx.ours.test. (whoever gave you the address "
      "can)");
  CHECK(has(one_fault(good_but("1.2.0.192", "1.2.0.192.in-addr.arpa. PTR host7.isp.test.")),
            "the reverse name of 192.0.2.1 is host7.isp.test, not mx.ours.test"));
  CHECK(faults(kGood + "1.2.0.192.in-addr.arpa. PTR host7.isp.test.\n").empty());  // one of them is enough
}

TEST_CASE("own names: the MX of a domain leads to us, or to who stands in front of us") {
  const auto with_mx = [](const std::string& mx) {
    return good_but("ours.test. MX", mx + "\nin.test. A 192.0.2.1\nelse.test. A 198.51.100.7\n");
  };
  CHECK(faults(with_mx("ours.test. MX 10 in.test.")).empty());  // by its address
  CHECK(faults(with_mx("ours.test. MX 5 else.test.\nours.test. MX 10 in.test.")).empty());
  CHECK(one_fault(with_mx("ours.test. MX 10 else.test.")) ==
        "domains: ours.test has the MX else.test, which leads neither to mx.ours.test nor to anybody in "
        "\"upstream\" | publish: ours.test. MX 10 mx.ours.test.");
  auto behind = names();
  behind.leads_in = {*Network::parse("198.51.100.0/24")};
  CHECK(faults(with_mx("ours.test. MX 10 else.test."), behind).empty());
  CHECK(has(one_fault(with_mx("ours.test. MX 0 .")), "takes no mail (null MX"));
  CHECK(has(one_fault(with_mx("")), "domains: ours.test has no MX record |"));
  CHECK(faults(with_mx("ours.test. A 192.0.2.1")).empty());  // RFC 5321 5.1
}

TEST_CASE("own names: the SPF record of a domain lets our own mail out, one way or another") {
  const std::string record = good_but("ours.test. TXT \"v",
                                      "ours.test. TXT \"v=spf1 ip4:198.51.100.7 -all\"\n"
                                      "smart.test. A 198.51.100.7\n");
  CHECK(faults(record).empty());  // nothing goes out
  auto sending = names();
  sending.sends = true;
  CHECK(faults(kGood, sending).empty());  // mx: our host name's address
  CHECK(one_fault(record, sending) ==
        "domains: the SPF record of ours.test does not let our own mail out: it names none of 192.0.2.1, "
        "2001:db8::1 | publish: ours.test. TXT \"v=spf1 ...\" with the addresses that others see our mail "
        "come from, those of the smarthost perhaps");
  auto from = sending;
  from.sends_from = {address("198.51.100.7"), address("10.0.0.5")};
  CHECK(faults(record, from).empty());
  auto through = sending;
  through.sends_through = {name("smart.test")};
  CHECK(faults(record, through).empty());
  through.sends_through = {name("other.test")};
  CHECK(faults(record, through).size() == 1);
  const auto neutral = good_but("ours.test. TXT \"v", "ours.test. TXT \"v=spf1 ip4:198.51.100.7 ?all\"");
  CHECK(faults(neutral, sending).empty());
  const auto broken_off =
      good_but("ours.test. TXT \"v", "ours.test. TXT \"v=spf1 a:slow.test -all\"\nslow.test. SERVFAIL");
  CHECK(faults(broken_off, sending).empty());
}

TEST_CASE("own names: each domain has one SPF record, and not for everybody") {
  const auto with_txt = [](const std::string& txt) { return good_but("ours.test. TXT", txt); };
  CHECK(one_fault(with_txt("")) ==
        "domains: ours.test has no SPF record: anybody may send in its name | publish: ours.test. TXT "
        "\"v=spf1 mx -all\", with all who send for it named before -all");
  CHECK(has(one_fault(with_txt("ours.test. TXT \"v=spf1 mx -all\"\nours.test. TXT \"v=spf1 a -all\"")),
            "has 2 SPF records"));
  CHECK(has(one_fault(with_txt("ours.test. TXT \"v=spf1 mxx -all\"")), "has a broken SPF record: "));
  for (const char* all : {"all", "+all"})
    CHECK(has(one_fault(with_txt(fmt::format("ours.test. TXT \"v=spf1 mx {}\"", all))), "(+all)"));
  for (const char* all : {"~all", "?all", "-all"})
    CHECK(faults(with_txt(fmt::format("ours.test. TXT \"v=spf1 mx {}\"", all))).empty());
}

TEST_CASE("own names: a DNS that does not answer is one warning, and accuses nobody") {
  const std::string dead = "mx.ours.test. TIMEOUT\nours.test. SERVFAIL\n";
  CHECK(has(one_fault(dead), "DNS does not answer: our own names were not looked at | see \"dns\""));
  // What was found counts, however little it is.
  const auto half = faults("mx.ours.test. A 10.0.0.5\nmx.ours.test. AAAA TIMEOUT\nours.test. TIMEOUT\n");
  REQUIRE(half.size() == 2);
  CHECK(has(half[0].what, "has the address 10.0.0.5 here"));
  CHECK(half[1].what == "DNS does not answer for mx.ours.test, ours.test");
  for (const char* owner : {"mx.ours.test.", "1.2.0.192.in-addr.arpa."})
    CHECK(has(one_fault(good_but(owner, std::string(owner) + " TIMEOUT")),
              "DNS does not answer for mx.ours.test |"));
  for (const char* rest : {"ours.test. MX SERVFAIL", "ours.test. MX 5 dark.test.\ndark.test. TIMEOUT"})
    CHECK(has(one_fault(good_but("ours.test. MX", rest)), "DNS does not answer for ours.test |"));
  CHECK(has(one_fault(good_but("ours.test. TXT", "ours.test. TXT REFUSED")),
            "DNS does not answer for ours.test"));
}

TEST_CASE("own names: those of the configuration, 50 domains at most, no wildcards") {
  auto policy = std::make_shared<policy::Settings>();
  policy->hostname = "mx.ours.test";
  policy->upstream = {{*Network::parse("198.51.100.7")}};
  policy->domains.add("*.ours.test", "groupware");
  for (int number = 0; number < 53; ++number)
    policy->domains.add(fmt::format("d{}.ours.test", number), "groupware");
  Settings settings;
  settings.policy = policy;
  settings.listeners.resize(2);
  settings.listeners[0].bind = {{IpAddress(), 25}};
  settings.listeners[1].bind = {{address("192.0.2.9"), 25}};
  settings.listeners[1].proxy_protocol = {*Network::parse("203.0.113.0/24")};

  const auto found = own_names(settings);
  CHECK(found.hostname == name("mx.ours.test"));
  CHECK(found.domains.size() == 50);
  CHECK(found.left_out == 3);
  CHECK(found.leads_in == std::vector{*Network::parse("198.51.100.7"), *Network::parse("203.0.113.0/24"),
                                      *Network::parse("192.0.2.9")});
  OwnNames one = names();
  one.left_out = 3;
  CHECK(has(one_fault(kGood, one), "domains: 3 more were not looked up in DNS"));
}
