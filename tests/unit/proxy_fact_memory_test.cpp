#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "base/io/event_loop.h"
#include "proxy/evidence_event.h"
#include "proxy/fact_memory.h"
#include "proxy/facts.h"
#include "proxy/inquiry.h"
#include "tests/unit/proxy_strangers_support.h"

using namespace sallyport;
using namespace sallyport::proxy;
using namespace sallyport::proxy::testing;
using namespace std::chrono_literals;
using mail::Check;
using mail::Fact;
using mail::Finding;
using mail::Listed;

namespace {

struct TestClock : Clock {
  TimePoint time{std::chrono::hours(1000)};
  TimePoint now() const override { return time; }
};

// A zone whose answers hold for a while, as those of a server do; some questions fail.
class Answers : public dns::Resolver {
 public:
  explicit Answers(const Clock& clock) : clock_(clock), zone_(dns::testing::zone(kGoodZone)) {}

  io::Task<dns::AnswerPtr> ask(dns::Question question, dns::Asking) override {
    const std::string text = to_string(question);
    ++asked;
    dns::Answer answer = *zone_.answer(question);
    if (text == failing) answer = dns::answer_without_records(dns::Status::serv_fail, question.name);
    answer.until = clock_.now() + (text == brief ? 30s : 300s);
    co_return std::make_shared<dns::Answer>(std::move(answer));
  }

  unsigned epoch() const override { return servers; }

  std::size_t asked = 0;
  unsigned servers = 0;
  std::string failing, brief;

 private:
  const Clock& clock_;
  dns::ZoneResolver zone_;
};

std::shared_ptr<Settings> site() {
  auto policy = std::make_shared<policy::Settings>();
  policy->hostname = "mx.example.test";
  policy->checks = policy::shipped_checks();
  policy->checks.lists = {list("bl.test", Listed::client), list("names.test", Listed::reverse_name)};
  auto settings = std::make_shared<Settings>();
  for (const auto& one : policy->checks.lists) settings->lists.push_back(watched(one));
  settings->policy = std::move(policy);
  return settings;
}

io::Task<> whole_session(std::shared_ptr<Inquiry> inquiry, std::string helo, std::string domain) {
  mail::Path sender;
  mail::parse_path("a@" + domain, {}, sender);
  inquiry->connected();
  inquiry->said_helo(helo);
  inquiry->said_mail(sender);
  co_await inquiry->settle_all();
}

// Sessions one after the other.
struct Scene {
  std::shared_ptr<Inquiry> session(const char* client = "203.0.113.1", const char* helo = "mx.good.test",
                                   const char* domain = "good.test") {
    auto inquiry = std::make_shared<Inquiry>(
        InquiryClient{dns::testing::address(client), dns::testing::address("192.0.2.25"), at_connect},
        settings, InquiryServices{clock, tasks, resolver, watch, remembers ? &memory : nullptr},
        loop.executor());
    loop.run(whole_session(inquiry, helo, domain));
    return inquiry;
  }
  // How many questions it takes.
  std::size_t cost(const char* client = "203.0.113.1", const char* helo = "mx.good.test",
                   const char* domain = "good.test") {
    const std::size_t before = resolver.asked;
    session(client, helo, domain);
    return resolver.asked - before;
  }

  TestClock clock;
  Answers resolver{clock};
  FactMemory memory;
  bool remembers = true;
  std::shared_ptr<Settings> settings = site();
  std::shared_ptr<const Treatment> at_connect;  // null: the settings
  std::shared_ptr<dns::ListWatch> watch =
      std::make_shared<dns::ListWatch>(settings->lists, clock, [](std::string_view, std::string_view) {});
  io::TaskGroup tasks{[](std::string_view, std::string_view what) { FAIL_CHECK(what); }};
  io::EventLoop loop;
};

// All that evidence says but for times, whatever order it came in.
std::vector<std::string> words(const Inquiry& inquiry) {
  std::vector<std::string> out;
  for (const Fact& fact : inquiry.evidence().known) {
    std::string text = std::string(to_string(fact.key.check)) + std::to_string(fact.key.list) + ' ' +
                       std::string(to_string(fact.finding)) + ' ' + fact.subject + ' ' + fact.listed + ' ' +
                       fact.detail;
    for (const IpAddress& code : fact.codes) text += ' ' + code.to_string();
    for (const mail::Asked& asked : fact.asked) text += ' ' + asked.question + '=' + asked.answer;
    out.push_back(std::move(text));
  }
  std::ranges::sort(out);
  return out;
}

mail::FactPtr fact(Finding finding, TimePoint until) {
  return std::make_shared<const Fact>(
      Fact{.key = {Check::rdns}, .finding = finding, .subject = "192.0.2.1", .until = until});
}

}  // namespace

TEST_CASE("remembered evidence is the evidence of looking up, whoever asks") {
  Scene remembering, forgetful;
  forgetful.remembers = false;
  for (int round = 0; round < 2; ++round)
    for (const char* client : {"203.0.113.1", "203.0.113.2"})
      for (const char* helo : {"mx.good.test", "good.test", "[203.0.113.1]", "nowhere.test", "mx"})
        for (const char* domain : {"good.test", "mx.good.test", "none.test"})
          CHECK(words(*remembering.session(client, helo, domain)) ==
                words(*forgetful.session(client, helo, domain)));
  CHECK(remembering.resolver.asked < forgetful.resolver.asked / 2);
}

TEST_CASE("who was here a minute ago costs no question, and it shows") {
  Scene scene;
  CHECK(scene.cost() > 5);
  const auto again = scene.session();
  CHECK(scene.cost() == 0);
  for (const Fact& fact : again->evidence().known) {
    CHECK(fact.took == Duration::zero());
    for (const mail::Asked& asked : fact.asked) CHECK(asked.at_hand);
    if (!fact.written.empty()) CHECK(fact.written == written(fact));
  }
  CHECK(scene.cost("203.0.113.2") > 0);  // another client
  CHECK(scene.cost("203.0.113.1", "good.test") > 0);
  CHECK(scene.cost("203.0.113.1", "mx.good.test", "mx.good.test") > 0);
}

TEST_CASE("a fact is remembered for as long as the first of its answers holds") {
  Scene scene;
  scene.resolver.brief = "PTR 1.113.0.203.in-addr.arpa";
  scene.session();
  scene.clock.time += 29s;
  CHECK(scene.cost() == 0);
  scene.clock.time += 1s;
  CHECK(scene.cost() == 2);  // its names, and their addresses
  scene.clock.time += 300s;
  CHECK(scene.cost() > 5);
}

TEST_CASE("nothing is remembered in which an answer failed") {
  Scene scene;
  scene.resolver.failing = "AAAA mx.good.test";  // the HELO is plausible all the same
  scene.session();
  CHECK(scene.cost() > 0);
  scene.resolver.failing.clear();
  scene.session();
  CHECK(scene.cost() == 0);
}

TEST_CASE("other settings remember nothing of the former ones") {
  Scene scene;
  scene.session();
  const auto former = scene.settings;
  scene.settings = site();
  CHECK(scene.cost() > 5);
  CHECK(scene.cost() == 0);
  scene.settings = former;  // a session that is still under them
  CHECK(scene.cost() > 5);
}

TEST_CASE("who is treated otherwise at connect is looked at by other generic names") {
  std::vector<policy::GenericNames::Fault> faults;
  policy::Settings customers = *site()->policy;
  customers.generic_names = policy::GenericNames::parse("cust\n", faults, "lists/customers");
  Treatment treatment;
  treatment.policy = std::make_shared<policy::Settings>(std::move(customers));
  Scene scene;
  const auto finding = [&](std::shared_ptr<const Treatment> at_connect) {
    scene.at_connect = std::move(at_connect);
    const auto inquiry = scene.session("203.0.113.5");
    const Fact* fact = inquiry->evidence().find({Check::rdns});
    REQUIRE(fact);
    return fact->finding;
  };
  const auto ruled = std::make_shared<Treatment>(treatment);
  for (int round = 0; round < 2; ++round) {
    CHECK(finding(nullptr) == Finding::rdns_confirmed);
    CHECK(finding(ruled) == Finding::rdns_generic);
  }
}

TEST_CASE("what other servers said is not remembered") {
  Scene scene;
  scene.session();
  ++scene.resolver.servers;
  CHECK(scene.cost() > 5);
  CHECK(scene.cost() == 0);
}

TEST_CASE("a list that does not answer now is not remembered as one that did") {
  Scene scene;
  scene.session();
  scene.watch->heard(0, dns::ListAnswer::Result::temporary);
  const auto now = scene.session();
  const Fact* fact = now->evidence().find({Check::dnsbl, 0, Listed::client});
  REQUIRE(fact);
  CHECK(fact->finding == Finding::dnsbl_temporary);
}

TEST_CASE("the memory of facts is bounded, and keeps nothing that passes") {
  const auto scope = site()->fact_scope;
  const TimePoint now{1h};
  FactMemory memory(64 << 10);
  for (int number = 0; number < 1000; ++number)
    memory.remember(FactMemory::input({Check::rdns}, {std::to_string(number)}),
                    fact(Finding::rdns_missing, now + 1h), scope, now);
  CHECK(memory.size().bytes <= 64 << 10);
  CHECK(memory.size().entries > 20);
  memory.clear();
  memory.remember("temporary", fact(Finding::rdns_temporary, now + 1h), scope, now);
  memory.remember("over", fact(Finding::rdns_missing, now), scope, now);
  CHECK(memory.size().entries == 0);
  memory.remember("ever", fact(Finding::rdns_missing, TimePoint::max()), scope, now);
  CHECK(memory.recall("ever", scope, now + FactMemory::kLongest - 1s));
  CHECK_FALSE(memory.recall("ever", scope, now + FactMemory::kLongest));
}

TEST_CASE("no two inputs have the same text") {
  const mail::FactKey spf{Check::spf_helo};
  CHECK(FactMemory::input(spf, {"a", "bc"}) != FactMemory::input(spf, {"ab", "c"}));
  CHECK(FactMemory::input(spf, {"a"}) != FactMemory::input(spf, {"a", ""}));
  CHECK(FactMemory::input(spf, {"a"}) != FactMemory::input({Check::spf_mailfrom}, {"a"}));
  CHECK(FactMemory::input({Check::dnsbl, 0, Listed::helo}, {"a"}) !=
        FactMemory::input({Check::dnsbl, 0, Listed::sender_domain}, {"a"}));
  CHECK(FactMemory::input({Check::dnsbl, 0}, {"a"}) != FactMemory::input({Check::dnsbl, 1}, {"a"}));
}
