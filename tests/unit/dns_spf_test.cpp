#include <doctest/doctest.h>

#include <algorithm>

#include "dns/spf.h"
#include "dns/spf_macro.h"
#include "dns/spf_record.h"
#include "tests/unit/dns_support.h"
#include "tests/unit/io_support.h"

using namespace sallyport;
using namespace sallyport::dns;
using namespace sallyport::dns::testing;
using namespace std::chrono_literals;

namespace {

struct LateClock final : Clock {
  TimePoint now() const override { return TimePoint{} + passed; }
  Duration passed = 0s;
};

// Every question takes its time.
struct SlowResolver final : Resolver {
  SlowResolver(ZoneResolver& records, LateClock& time, Duration each)
      : zone(records), clock(time), takes(each) {}
  io::Task<AnswerPtr> ask(Question question, Asking asking) override {
    clock.passed += takes;
    if (clock.now() > asking.deadline) co_return std::make_shared<const Answer>();
    co_return zone.answer(question);
  }
  ZoneResolver& zone;
  LateClock& clock;
  Duration takes;
};

// No address before all of them have been asked for.
struct GatheringResolver final : Resolver {
  GatheringResolver(ZoneResolver& records, int addresses) : zone(records), missing(addresses) {}
  io::Task<AnswerPtr> ask(Question question, Asking) override {
    if (question.type != Type::a) co_return zone.answer(question);
    const io::Executor executor = co_await io::this_executor();
    auto all = all_here.lock();
    if (!all) all_here = all = std::make_shared<io::Signal>(executor);
    if (--missing == 0) all->notify();
    while (missing > 0 && co_await all->wait(io::testing::soon())) {
    }
    CHECK(missing == 0);
    co_return zone.answer(question);
  }
  ZoneResolver& zone;
  int missing;
  std::weak_ptr<io::Signal> all_here;  // of those who wait: it dies with their loop
};

SpfOutcome check(Resolver& resolver, SpfRequest request, const Clock& clock = system_clock()) {
  return run(check_host(resolver, clock, std::move(request)));
}

SpfOutcome check(const std::string& text, std::string client = "192.0.2.1",
                 std::string sender = "a@d.example") {
  auto records = zone(text);
  SpfRequest request;
  request.client = *IpAddress::parse(client);
  request.helo = "mail.d.example";
  request.sender = std::move(sender);
  return check(records, request);
}

std::string txt(const std::string& owner, const std::string& text) {
  std::string line = owner + ". TXT";
  for (std::size_t at = 0; at == 0 || at < text.size(); at += 200)
    line += " \"" + text.substr(at, 200) + '"';
  return line + '\n';
}

std::string domain(const std::string& record) { return txt("d.example", "v=spf1 " + record); }

std::string repeated(int times, const std::string& text) {
  std::string out;
  for (int count = 0; count < times; ++count) out += text;
  return out;
}

SpfMacroValues values() {
  SpfMacroValues values;
  values.local_part = "strong-bad";
  values.sender_domain = values.domain = "email.example.com";
  values.helo = "mx.example.org";
  values.receiver = "us.example";
  values.validated_name = "v.example";
  values.client = *IpAddress::parse("192.0.2.3");
  values.seconds = 1234;
  return values;
}

}  // namespace

TEST_CASE("SPF macros as RFC 7208 7.4 expands them") {
  const auto expands = [](std::string_view text) { return expand(text, values()); };
  CHECK(expands("%{s}") == "strong-bad@email.example.com");
  CHECK(expands("%{o} %{d} %{d4} %{d3} %{d2} %{d1}") ==
        "email.example.com email.example.com email.example.com email.example.com example.com com");
  CHECK(expands("%{dr} %{d2r}") == "com.example.email example.email");
  CHECK(expands("%{l} %{l-} %{lr} %{lr-} %{l1r-}") == "strong-bad strong.bad strong-bad bad.strong strong");
  CHECK(expands("%{ir}.%{v}._spf.%{d2}") == "3.2.0.192.in-addr._spf.example.com");
  CHECK(expands("%{lr-}.lp._spf.%{d2}") == "bad.strong.lp._spf.example.com");
  CHECK(expands("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}") == "3.2.0.192.in-addr.strong.lp._spf.example.com");
  CHECK(expands("%{h} %{p} %{r} %{t} %{c}") == "mx.example.org v.example us.example 1234 192.0.2.3");
  CHECK(expands("%%%_%-") == "% %20");
  CHECK(expands("%{S}") == "strong-bad%40email.example.com");
  auto six = values();
  six.client = *IpAddress::parse("2001:db8::cb01");
  CHECK(expand("%{ir}.%{v}._spf.%{d2}", six) ==
        "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com");
}

TEST_CASE("SPF macros: what is none") {
  for (const char* text : {"%", "%a", "%{", "%{}", "%{x}", "%{d0}", "%{d;}", "%{dr2}", "%{d", "a b.example",
                           "%{c}.example", "%{t}.example", "a.%{r}", "a.b\x7f.example", "\xc3\xa4.example"})
    CHECK_FALSE_MESSAGE(is_macro_string(text, SpfMacroUse::domain), text);
  for (const char* text : {"example", "a.123", "a.-b", "a.b-", "a.", ""})
    CHECK_FALSE_MESSAGE(is_macro_string(text, SpfMacroUse::domain), text);
  for (const char* text :
       {"a.example", "a.example.", "%{d}", "a.%{d4r.-+,/_=}", "x.a-b", "x.1b", "%%%%.example"})
    CHECK_MESSAGE(is_macro_string(text, SpfMacroUse::domain), text);
  CHECK(is_macro_string("See http://x/?i=%{i}&c=%{c} %{t}", SpfMacroUse::explanation));
  CHECK(holds_validated_name("a.%{P3r}.b"));
  CHECK_FALSE(holds_validated_name("%%{p}"));
}

TEST_CASE("SPF: an expansion over 253 octets loses labels on its left") {
  const std::string label(60, 'x');
  const std::string tail = label + '.' + label + '.' + label + '.' + label;
  CHECK(shortened_domain("abc.def." + tail) == "abc.def." + tail);
  CHECK(shortened_domain("abcd.efgh.ijkl." + tail + '.') == "efgh.ijkl." + tail);
  CHECK(shortened_domain(std::string(300, 'x')).size() == 300);  // no name: no match
}

TEST_CASE("SPF records: a mistake anywhere spoils all of it, and is named") {
  const auto mistake = [](const std::string& terms) {
    const auto record = parse_spf_record("v=spf1 " + terms);
    return record ? "none" : record.error().detail;
  };
  CHECK(mistake("+all") == "none");
  CHECK(mistake("-all a:x.example//64 mx/24//48 ip4:192.0.2.1 unknown=%{i} A:%{d}") == "none");
  CHECK(mistake("ip4:192.0.2.0/24 foo -all") == "\"foo\": no mechanism");
  for (const char* terms : {"all:x",
                            "all/8",
                            "include",
                            "include:",
                            "a:",
                            "a/33",
                            "a/024",
                            "a//129",
                            "a/24/64",
                            "a:x.example/",
                            "ip4",
                            "ip4:2001:db8::1",
                            "ip4:192.0.2.1/33",
                            "ip4:192.0.2.1//32",
                            "ip6:192.0.2.1",
                            "ip6:2001:db8::1/129",
                            "exists",
                            "ptr/24",
                            "mx:a b",
                            "redirect=a.example redirect=b.example",
                            "exp=x",
                            "=x",
                            "1a=b",
                            "--all",
                            "a\t",
                            "a:\x01.example",
                            "x=%{z}",
                            "redirect="})
    CHECK_MESSAGE(mistake(terms) != "none", std::string(terms));
  CHECK(is_spf_record("V=SPF1 -all"));
  CHECK(is_spf_record("v=spf1"));
  CHECK_FALSE(is_spf_record("v=spf10 -all"));
  CHECK_FALSE(is_spf_record("v=spf1\t-all"));
}

TEST_CASE("D05 SPF: ten terms that ask, and no eleventh, includes among them, at the very end too") {
  const std::string ten = repeated(10, "exists:yes.example ");
  CHECK(check(domain(repeated(10, "a:x.example ") + "-all") + "x.example. A 198.51.100.1\n").result ==
        SpfResult::fail);
  CHECK(check(domain(repeated(11, "a:x.example ") + "+all") + "x.example. A 198.51.100.1\n").result ==
        SpfResult::permerror);
  CHECK(check(domain(repeated(10, "a:x.example ") + "redirect=r.example") + "x.example. A 198.51.100.1\n" +
              txt("r.example", "v=spf1 +all"))
            .result == SpfResult::permerror);
  const std::string inner =
      txt("i.example", "v=spf1 " + repeated(5, "a:x.example ")) + "x.example. A 198.51.100.1\n";
  CHECK(check(domain("include:i.example " + repeated(4, "a:x.example ") + "-all") + inner).result ==
        SpfResult::fail);
  CHECK(check(domain("include:i.example " + repeated(5, "a:x.example ") + "-all") + inner).result ==
        SpfResult::permerror);
  CHECK(check(domain(repeated(1000, "ip4:198.51.100.1 ") + "-all")).result == SpfResult::fail);
}

TEST_CASE("D05 SPF: two look-ups that find nothing, and no third, inside an include too") {
  CHECK(check(domain("a:n1.example a:n2.example -all")).result == SpfResult::fail);
  CHECK(check(domain("a:n1.example a:n2.example a:n3.example -all")).result == SpfResult::permerror);
  CHECK(check(domain("a:n1.example a:n2.example exists:n3.example")).result == SpfResult::permerror);
  CHECK(check(domain("include:i.example a:n3.example -all") +
              txt("i.example", "v=spf1 a:n1.example mx:n2.example"))
            .result == SpfResult::permerror);
}

TEST_CASE("D05 SPF: eleven MX records, circles of includes and of redirects") {
  const auto exchanges = [](int count) {
    std::string text;
    for (int number = 0; number < count; ++number)
      text += "d.example. MX " + std::to_string(number) + " m" + std::to_string(number) + ".example.\nm" +
              std::to_string(number) + ".example. A 198.51.100.1\n";
    return text;
  };
  CHECK(check(domain("mx -all") + exchanges(10)).result == SpfResult::fail);
  CHECK(check(domain("mx -all") + exchanges(11)).result == SpfResult::permerror);
  CHECK(check(domain("include:d.example")).result == SpfResult::permerror);
  CHECK(check(domain("redirect=d.example")).result == SpfResult::permerror);
  CHECK(check(domain("mx -all") + "d.example. MX 0 .\n").result == SpfResult::fail);  // null MX
}

TEST_CASE("SPF: the hosts of an mx are asked for at once, and counted in their order") {
  auto records =
      zone(domain("mx -all") + "d.example. MX 3 m3.example.\nd.example. MX 1 m1.example.\n" +
           "d.example. MX 2 m2.example.\nd.example. MX 4 m4.example.\nd.example. MX 5 m5.example.\n" +
           "m2.example. A 192.0.2.1\nm3.example. TIMEOUT\n");
  GatheringResolver together(records, 5);
  const auto outcome =
      check(together,
            {.client = address("192.0.2.1"), .helo = "h.example", .sender = "a@d.example", .receiver = {}});
  CHECK(outcome.result == SpfResult::pass);
  CHECK(outcome.void_lookups == 1);  // m1: m2 has ended it before m4 and m5
}

TEST_CASE("SPF: a client's names are looked at at once") {
  auto records = zone(domain("ptr -all") +
                      "1.2.0.192.in-addr.arpa. PTR a.d.example.\n1.2.0.192.in-addr.arpa. PTR b.x.example.\n"
                      "a.d.example. A 192.0.2.1\n");
  GatheringResolver together(records, 2);
  CHECK(
      check(together,
            {.client = address("192.0.2.1"), .helo = "h.example", .sender = "a@d.example", .receiver = {}})
          .result == SpfResult::pass);
}

TEST_CASE("D05 SPF: of a client's names ten are looked at") {
  std::string names;
  for (int number = 0; number < 20; ++number)
    names += "1.2.0.192.in-addr.arpa. PTR h" + std::to_string(number) +
             (number == 9 ? ".d.example.\n" : ".x.example.\n");
  CHECK(check(domain("ptr -all") + names + "h9.d.example. A 192.0.2.1\n*.x.example. A 198.51.100.9\n")
            .result == SpfResult::pass);
  std::string late = names;
  late.replace(late.find("h9.d.example"), 12, "h9.x.example");
  late.replace(late.find("h10.x.example"), 13, "h10.d.example");
  CHECK(check(domain("ptr -all") + late + "h10.d.example. A 192.0.2.1\n*.x.example. A 198.51.100.9\n")
            .result == SpfResult::fail);
  CHECK(check(domain("exists:%{p}.x.example -all") + "*.x.example. A 127.0.0.2\n")
            .lookups.back()
            .question.name.text() == "unknown.x.example");
}

TEST_CASE("SPF: after 20 s it is a temporary error") {
  auto records = zone(domain(repeated(9, "a:x.example ") + "-all") + "x.example. A 198.51.100.1\n");
  SpfRequest request{.client = *IpAddress::parse("192.0.2.1"),
                     .helo = "h.example",
                     .sender = "a@d.example",
                     .receiver = {}};
  LateClock clock;
  SlowResolver quick(records, clock, 1900ms);
  CHECK(check(quick, request, clock).result == SpfResult::fail);
  clock.passed = 0s;
  SlowResolver slow(records, clock, 2100ms);
  CHECK(check(slow, request, clock).result == SpfResult::temperror);
}

TEST_CASE("D01 SPF: failures that pass are temporary errors, in every place") {
  for (const char* failure : {"TIMEOUT", "SERVFAIL", "REFUSED"}) {
    const std::string broken = std::string("x.example. ") + failure + "\n";
    CHECK(check(std::string("d.example. TXT ") + failure + "\n").result == SpfResult::temperror);
    for (const char* term :
         {"a:x.example", "mx:x.example", "include:x.example", "exists:x.example", "redirect=x.example"}) {
      const auto outcome = check(domain(std::string(term) + " -all") + broken);
      CHECK_MESSAGE(
          outcome.result ==
              (std::string_view(term).starts_with("redirect") ? SpfResult::fail : SpfResult::temperror),
          term);
    }
    CHECK(check(domain("redirect=x.example") + broken).result == SpfResult::temperror);
    CHECK(check(domain("ptr -all") + "1.2.0.192.in-addr.arpa. " + failure + "\n").result ==
          SpfResult::fail);
  }
}

TEST_CASE("SPF: which domain, and whose local part") {
  const std::string record = domain("exists:%{l}.%{o}.x.example -all") +
                             txt("mail.d.example", "v=spf1 exists:%{l}.helo.example -all") +
                             "postmaster.helo.example. A 127.0.0.2\na.d.example.x.example. A "
                             "127.0.0.2\npostmaster.d.example.x.example. A 127.0.0.2\n";
  CHECK(check(record).result == SpfResult::pass);
  CHECK(check(record, "192.0.2.1", "").result == SpfResult::pass);  // <>: postmaster@HELO
  CHECK(check(record, "192.0.2.1", "@d.example").result == SpfResult::pass);
  for (const char* sender : {"a@[192.0.2.1]", "a@localhost", "a@b..example", "a@"})
    CHECK_MESSAGE(check(record, "192.0.2.1", sender).result == SpfResult::none, sender);
}

TEST_CASE("SPF: IPv6, and IPv4 in its clothes") {
  const std::string record = domain("ip4:192.0.2.0/24 ip6:2001:db8::/32 -all");
  CHECK(check(record, "::ffff:192.0.2.77").result == SpfResult::pass);
  CHECK(check(record, "2001:db8:7::1").result == SpfResult::pass);
  CHECK(check(record, "2001:db9::1").result == SpfResult::fail);
  CHECK(check(domain("ip4:0.0.0.0/0 -all"), "2001:db8::1").result == SpfResult::fail);
  CHECK(check(domain("ip6:::/0 -all"), "192.0.2.1").result == SpfResult::fail);
  CHECK(check(domain("a//32 -all") + "d.example. AAAA 2001:db8::1\n", "2001:db8:f::2").result ==
        SpfResult::pass);
}

TEST_CASE("SPF: an explanation is the domain's own words, made harmless") {
  const std::string record = domain("-all exp=why.%{d}");
  const auto words = [&](const std::string& text) { return check(record + txt("why.d.example", text)); };
  CHECK(words("%{i} is not ours: see http://d.example/why?s=%{S}").explanation ==
        "192.0.2.1 is not ours: see http://d.example/why?s=a%40d.example");
  CHECK(words("\\013\\010250 ok").explanation.empty());
  CHECK(words("\\195\\164").explanation.empty());
  CHECK(words("%{x}").explanation.empty());
  CHECK(words(std::string(250, 'x')).explanation.size() == 200);
  CHECK(check(record + txt("why.d.example", "one") + txt("why.d.example", "two")).explanation.empty());
  const auto outcome = words("no");
  CHECK(outcome.mechanism == "-all");
  CHECK(outcome.domain == "d.example");
  // The explanation of an included domain is nobody's (6.2).
  CHECK(check(domain("include:i.example -all") + txt("i.example", "v=spf1 -all exp=why.example") +
              txt("why.example", "x"))
            .explanation.empty());
  // A local part that would leave its place.
  auto records = zone(record + txt("why.d.example", "not %{l}"));
  SpfRequest request{.client = *IpAddress::parse("192.0.2.1"),
                     .helo = "h.example",
                     .sender = "\"a\r\nb\"@d.example",
                     .receiver = {}};
  CHECK(check(records, request).explanation == "not \"a??b\"");
}

TEST_CASE("SPF: a pass by a term that lets anybody send is told") {
  const std::string hosts = "x.example. A 192.0.2.200\nx.example. MX 10 x.example\n";
  const auto open = [&](const std::string& record, const std::string& more = {}) {
    const auto outcome = check(domain(record) + hosts + more);
    CHECK_MESSAGE(outcome.result == SpfResult::pass, record);
    return outcome.open;
  };
  for (const char* anybody : {"+all", "ip4:128.0.0.0/1 -all", "ip4:128.0.0.0/1 ip4:192.0.2.0/24 -all",
                              "a:x.example/0 -all", "mx:x.example/7 -all", "exists:x.example -all",
                              "exists:x.%{d1} -all", "exists:x%{o1r}.example -all"})
    CHECK_MESSAGE(open(anybody, "xd.example. A 127.0.0.2\n"), anybody);
  for (const char* some : {"ip4:192.0.0.0/8 +all", "a:x.example/24 +all", "mx:x.example/8 +all"})
    CHECK_MESSAGE(!open(some), some);
  CHECK(!open("exists:%{i}.x.example -all", "192.0.2.1.x.example. A 127.0.0.2\n"));
  CHECK(open("exists:%{i}.x.example -all", "*.x.example. A 127.0.0.2\n"));
  const std::string named =
      "1.2.0.192.in-addr.arpa. PTR mail.partner.example\nmail.partner.example. A 192.0.2.1\n";
  CHECK(open("exists:%{p}.x.example -all", named + "*.x.example. A 127.0.0.2\n"));
  CHECK(!open("exists:%{p}.x.example -all", named + "mail.partner.example.x.example. A 127.0.0.2\n"));
  const std::string inner = txt("i.example", "v=spf1 +all");
  CHECK(open("include:i.example -all", inner));
  CHECK(open("redirect=i.example", inner));
  CHECK(!open("include:i.example -all", txt("i.example", "v=spf1 ip4:192.0.2.0/24 -all")));
  CHECK(!open("-include:j.example ip4:192.0.2.1 -all", txt("j.example", "v=spf1 ip4:198.51.100.1 -all")));
  CHECK(!check(domain("-include:i.example") + inner).open);  // a fail
  CHECK(check(domain("ip6:2000::/3 -all"), "2001:db8::1").open);
  CHECK(!check(domain("ip6:2001::/16 -all"), "2001:db8::1").open);
}

TEST_CASE("SPF: more than one record, none, and what is none") {
  CHECK(check(domain("-all") + domain("+all")).result == SpfResult::permerror);
  CHECK(check(txt("d.example", "v=spf10 -all") + txt("d.example", "other")).result == SpfResult::none);
  CHECK(check(domain("?all")).result == SpfResult::neutral);
  CHECK(check(domain("a:x.example") + "x.example. A 198.51.100.1\n").mechanism == "default");
  CHECK(check(domain("include:none.example -all")).problem == "include:none.example has no SPF record");
}
