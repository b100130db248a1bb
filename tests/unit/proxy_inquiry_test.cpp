#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "base/io/event_loop.h"
#include "proxy/inquiry.h"
#include "tests/unit/proxy_strangers_support.h"

using namespace sallyport;
using namespace sallyport::proxy;
using namespace sallyport::proxy::testing;
using mail::Check;
using mail::Finding;
using mail::Listed;
using policy::View;

namespace {

// Answers from a zone, but holds back what it is told to until release().
class HeldResolver : public dns::Resolver {
 public:
  HeldResolver() : zone_(dns::testing::zone(kGoodZone)) {}

  void add(const std::string& records) { zone_ = dns::testing::zone(kGoodZone + records); }

  void hold(const std::string& question) { held_[question]; }
  void release(const std::string& question) {
    for (io::Signal* waiting : held_.extract(question).mapped()) waiting->notify();
  }
  void fail(std::string question) { thrown_ = std::move(question); }
  // Asked past the cache it says so.
  void add_fresh(const std::string& records) { fresh_ = dns::testing::zone(kGoodZone + records); }
  bool was_asked(const std::string& question) const { return std::ranges::count(asked, question) > 0; }

  io::Task<dns::AnswerPtr> ask(dns::Question question, dns::Asking asking) override {
    asked.push_back(to_string(question));
    if (full)
      co_return std::make_shared<dns::Answer>(
          dns::answer_without_records(dns::Status::exhausted, std::move(question.name)));
    if (refuse)
      co_return std::make_shared<dns::Answer>(
          dns::answer_without_records(dns::Status::serv_fail, std::move(question.name)));
    if (to_string(question) == thrown_) throw std::runtime_error("out of something");
    if (const auto held = held_.find(to_string(question)); held != held_.end()) {
      io::Signal released(co_await io::this_executor());
      held->second.push_back(&released);
      co_await released.wait(TimePoint::max());
    }
    if (asking.fresh && fresh_) co_return co_await fresh_->ask(std::move(question), asking);
    co_return co_await zone_.ask(std::move(question), asking);
  }

  std::vector<std::string> asked;
  bool full = false;    // of the questions of others
  bool refuse = false;  // whatever is asked

 private:
  dns::ZoneResolver zone_;
  std::optional<dns::ZoneResolver> fresh_;
  std::map<std::string, std::vector<io::Signal*>> held_;
  std::string thrown_;
};

mail::Path path(std::string_view text) {
  mail::Path path;
  REQUIRE(mail::parse_path(text, {}, path) == mail::PathFault::none);
  return path;
}

// Goes on by itself, and jumps ahead.
struct AheadClock : Clock {
  TimePoint now() const override { return system_clock().now() + ahead; }
  WallTime wall() const override { return system_clock().wall() + ahead; }
  Duration ahead{0};
};

// A loop, a site with the shipped checks and the lists that a test wants, and one inquiry.
struct Scene {
  explicit Scene(std::vector<policy::ListSettings> lists = {}) {
    auto policy = std::make_shared<policy::Settings>();
    policy->hostname = "mx.example.test";
    policy->domains.add("example.test", "r");
    policy->checks = policy::shipped_checks();
    policy->checks.lists = lists;
    settings->policy = policy;
    for (const auto& one : lists) settings->lists.push_back(watched(one));
    watch = std::make_shared<dns::ListWatch>(settings->lists, system_clock(),
                                             [](std::string_view, std::string_view) {});
  }

  std::shared_ptr<Inquiry> about(const char* client) {
    return std::make_shared<Inquiry>(
        InquiryClient{dns::testing::address(client), dns::testing::address("192.0.2.25"), at_connect},
        settings, InquiryServices{clock, tasks, resolver, watch}, loop.executor());
  }

  // Runs `steps` as a session would, on the loop.
  void run(io::Task<> steps) { loop.run(std::move(steps)); }

  AheadClock clock;
  HeldResolver resolver;
  std::shared_ptr<Settings> settings = std::make_shared<Settings>();
  std::shared_ptr<const Treatment> at_connect;  // null: the settings
  std::shared_ptr<dns::ListWatch> watch;
  std::string thrown;
  io::TaskGroup tasks{[this](std::string_view, std::string_view what) { thrown = what; }};
  io::EventLoop loop;
};

Finding found(const Inquiry& inquiry, const mail::FactKey& key) {
  const mail::Fact* fact = inquiry.evidence().find(key);
  REQUIRE(fact);
  return fact->finding;
}

io::Task<> decide(std::shared_ptr<Inquiry> inquiry, policy::ClientDecision& decision) {
  decision = co_await inquiry->decide(inquiry->checks());
}

io::Task<> settle_all(std::shared_ptr<Inquiry> inquiry, View view = View::acting) {
  co_await inquiry->settle_all(view);
}

io::Task<> ask_anew(std::shared_ptr<Inquiry> inquiry) {
  inquiry->ask_lists_anew();
  co_return;
}

io::Task<> connect(std::shared_ptr<Inquiry> inquiry) {
  inquiry->connected();
  co_return;
}

io::Task<> say(std::shared_ptr<Inquiry> inquiry, std::string helo, mail::Path sender) {
  inquiry->said_helo(helo);
  inquiry->said_mail(sender);
  co_return;
}

io::Task<> mail_from(std::shared_ptr<Inquiry> inquiry, mail::Path sender) {
  inquiry->said_mail(sender);
  co_await inquiry->settle_all();
}

io::Task<> whole_session(std::shared_ptr<Inquiry> inquiry, std::string helo, mail::Path sender) {
  inquiry->connected();
  inquiry->greeted(false, {});
  co_await say(std::move(inquiry), std::move(helo), std::move(sender));
}

const mail::FactKey kFirstList{Check::dnsbl, 0, Listed::client};

}  // namespace

TEST_CASE("inquiry: all that needs the client's address alone is asked at once, at connect") {
  std::vector<policy::ListSettings> lists;
  for (int number = 0; number < 12; ++number)
    lists.push_back(list(("l" + std::to_string(number) + ".test").c_str(), Listed::client, 5));
  Scene scene(lists);
  scene.resolver.hold("PTR 1.113.0.203.in-addr.arpa");
  for (int number = 0; number < 12; ++number)
    scene.resolver.hold("A 1.113.0.203.l" + std::to_string(number) + ".test");
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(connect(inquiry));
  CHECK(scene.resolver.asked.size() == 13);
  CHECK(inquiry->evidence().pending.size() == 13);
}

TEST_CASE("inquiry: a decision does not wait for what cannot change it") {
  Scene scene({list("bl.test", Listed::client, 5)});
  for (const char* held : {"PTR 1.113.0.203.in-addr.arpa", "MX good.test", "TXT good.test"})
    scene.resolver.hold(held);
  const auto inquiry = scene.about("203.0.113.1");
  scene.settings->dns.budget.waiting = std::chrono::seconds(1);
  scene.run(whole_session(inquiry, "[203.0.113.1]", path("a@good.test")));
  policy::ClientDecision decision;
  scene.run(decide(inquiry, decision));
  CHECK(decision.action == policy::ClientDecision::Action::reject);
  CHECK(inquiry->evidence().pending.size() >= 3);
}

TEST_CASE("inquiry: what the HELO is waits for the reverse name") {
  Scene scene;
  scene.resolver.hold("PTR 1.113.0.203.in-addr.arpa");
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(whole_session(inquiry, "MX.good.test", path("a@good.test")));
  CHECK_FALSE(inquiry->evidence().find({Check::helo}));
  scene.resolver.release("PTR 1.113.0.203.in-addr.arpa");
  scene.run(settle_all(inquiry));
  CHECK(found(*inquiry, {Check::helo}) == Finding::helo_confirmed);
  CHECK(inquiry->reverse_name() == "mx.good.test");
}

TEST_CASE("inquiry: a fact that waits for another is pending") {
  Scene scene;
  scene.resolver.hold("PTR 1.113.0.203.in-addr.arpa");
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(whole_session(inquiry, "mx.example.test", path("a@good.test")));  // our own name
  CHECK(std::ranges::count(inquiry->evidence().pending, mail::FactKey{Check::helo}) == 1);
  scene.resolver.release("PTR 1.113.0.203.in-addr.arpa");
  policy::ClientDecision decision;
  scene.run(decide(inquiry, decision));
  CHECK(decision.action == policy::ClientDecision::Action::reject);
}

TEST_CASE("inquiry: what is forgotten asks no more, and whoever wants too much is known for it") {
  Scene scene;
  scene.settings->dns.budget.questions = 12;
  scene.resolver.hold("TXT h0.good.test");
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(say(inquiry, "h0.good.test", path("a@good.test")));
  const std::size_t asked = scene.resolver.asked.size();
  scene.run(say(inquiry, "mx.good.test", path("a@good.test")));
  scene.resolver.release("TXT h0.good.test");
  scene.run(settle_all(inquiry));
  CHECK(scene.resolver.asked.size() <= 12);
  CHECK(scene.resolver.asked.size() > asked);
  CHECK(inquiry->overdrawn());
}

TEST_CASE("inquiry: a session that lasts gets back what it could not ask for, and not more") {
  Scene scene;
  scene.settings->dns.budget.questions = 40;
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(whole_session(inquiry, "mx.good.test", path("a@good.test")));
  scene.run(settle_all(inquiry));
  CHECK_FALSE(inquiry->overdrawn());
  for (int message = 0; !inquiry->overdrawn(); ++message) {
    REQUIRE(message < 40);
    scene.run(mail_from(inquiry, path("a@unheard-of-" + std::to_string(message) + ".test")));
  }
  scene.run(mail_from(inquiry, path("a@good.test")));
  CHECK(inquiry->overdrawn());
  CHECK(scene.resolver.asked.size() <= 45);  // a few seconds may have passed
  scene.clock.ahead += std::chrono::seconds(20);
  scene.run(mail_from(inquiry, path("a@good.test")));  // the same sender
  CHECK_FALSE(inquiry->overdrawn());
  CHECK(found(*inquiry, {Check::spf_mailfrom}) == Finding::spf_pass);
  CHECK(scene.resolver.asked.size() <= 65);
}

TEST_CASE("inquiry: what could not be asked at connect is asked for a later message") {
  Scene scene({list("bl.test", Listed::client, 5)});
  scene.resolver.full = true;
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(connect(inquiry));
  inquiry->greeted(true, std::chrono::seconds(1));
  scene.run(say(inquiry, "mx.good.test", path("a@good.test")));
  scene.run(settle_all(inquiry));
  CHECK(inquiry->overdrawn());
  CHECK(inquiry->reverse_name().empty());
  scene.resolver.full = false;
  scene.run(mail_from(inquiry, path("a@good.test")));
  CHECK_FALSE(inquiry->overdrawn());
  CHECK(inquiry->reverse_name() == "mx.good.test");
  CHECK(found(*inquiry, kFirstList) == Finding::dnsbl_listed);
  CHECK(found(*inquiry, {Check::helo}) == Finding::helo_confirmed);
  CHECK(found(*inquiry, {Check::spf_helo}) == Finding::spf_pass);
  CHECK(found(*inquiry, {Check::early_talker}) == Finding::early_talked);
  const auto& known = inquiry->evidence().known;
  for (const mail::Fact& fact : known) CHECK(std::ranges::count(known, fact.key, &mail::Fact::key) == 1);
  const auto asked = scene.resolver.asked.size();
  scene.run(mail_from(inquiry, path("a@good.test")));
  CHECK(scene.resolver.asked.size() == asked);
}

TEST_CASE("inquiry: lists of names are asked of a reverse name that is confirmed, and of no other") {
  Scene scene({list("names.test", Listed::reverse_name, 5)});
  const mail::FactKey key{Check::dnsbl, 0, Listed::reverse_name};
  const auto good = scene.about("203.0.113.1"), mismatch = scene.about("203.0.113.2");
  scene.run(connect(good));
  scene.run(settle_all(good));
  CHECK(found(*good, key) == Finding::dnsbl_listed);
  scene.run(connect(mismatch));
  scene.run(settle_all(mismatch));
  CHECK(found(*mismatch, {Check::rdns}) == Finding::rdns_mismatch);
  CHECK_FALSE(mismatch->evidence().find(key));
}

TEST_CASE("inquiry: lists of names that cannot be asked for want of the name fail for now, too") {
  Scene scene({list("names.test", Listed::reverse_name, -5)});
  scene.resolver.add("3.113.0.203.in-addr.arpa. SERVFAIL\n");
  const auto inquiry = scene.about("203.0.113.3");
  scene.run(connect(inquiry));
  scene.run(settle_all(inquiry));
  CHECK(found(*inquiry, {Check::dnsbl, 0, Listed::reverse_name}) == Finding::dnsbl_temporary);
}

TEST_CASE("inquiry: a name of its own names the client, and each of its names in HELO will do") {
  Scene scene;
  scene.resolver.add(
      "4.113.0.203.in-addr.arpa. PTR dyn-203-0-113-4.isp.test.\n4.113.0.203.in-addr.arpa. PTR "
      "mx4.good.test.\n"
      "4.113.0.203.in-addr.arpa. PTR other4.good.test.\ndyn-203-0-113-4.isp.test. A 203.0.113.4\n"
      "mx4.good.test. A 203.0.113.4\nother4.good.test. A 203.0.113.4\n");
  const auto inquiry = scene.about("203.0.113.4");
  scene.run(whole_session(inquiry, "other4.good.test", path("a@good.test")));
  scene.run(settle_all(inquiry));
  CHECK(found(*inquiry, {Check::rdns}) == Finding::rdns_confirmed);
  CHECK(inquiry->reverse_name() == "mx4.good.test");
  CHECK(inquiry->evidence().reverse_names().size() == 3);
  CHECK(found(*inquiry, {Check::helo}) == Finding::helo_confirmed);
}

TEST_CASE("inquiry: a list that is asked anew, and fails, takes nothing back of what it has said") {
  for (const char* anew : {"1.113.0.203.bl.test. SERVFAIL\n", "1.113.0.203.bl.test. A 127.255.255.254\n"}) {
    Scene scene({list("bl.test", Listed::client, 5), list("new.test", Listed::client, 4)});
    scene.resolver.add_fresh(std::string(anew) + "1.113.0.203.new.test. A 127.0.0.2\n");
    const auto inquiry = scene.about("203.0.113.1");
    scene.run(connect(inquiry));
    REQUIRE(found(*inquiry, kFirstList) == Finding::dnsbl_listed);
    scene.run(ask_anew(inquiry));
    scene.run(settle_all(inquiry));
    CHECK(found(*inquiry, kFirstList) == Finding::dnsbl_listed);
    CHECK(found(*inquiry, {Check::dnsbl, 1, Listed::client}) == Finding::dnsbl_listed);
  }
}

TEST_CASE("inquiry: lists are asked anew in a time of their own, however long the client waited") {
  Scene scene({list("bl.test", Listed::client, 5)});
  scene.resolver.add_fresh("1.113.0.203.bl.test. A 127.0.0.3\n");
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(connect(inquiry));
  scene.clock.ahead = std::chrono::minutes(1);
  scene.run(ask_anew(inquiry));
  scene.run(settle_all(inquiry));
  CHECK(inquiry->evidence().find(kFirstList)->codes.size() == 2);
}

TEST_CASE("inquiry: lists that could not be asked anew for want of questions defer one message, not all") {
  Scene scene({list("bl.test", Listed::client, 5)});
  scene.resolver.add_fresh("1.113.0.203.bl.test. A 127.0.0.3\n");
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(connect(inquiry));
  scene.resolver.full = true;
  scene.run(ask_anew(inquiry));
  scene.run(settle_all(inquiry));
  CHECK(inquiry->overdrawn());
  scene.resolver.full = false;
  scene.run(mail_from(inquiry, path("b@good.test")));
  CHECK_FALSE(inquiry->overdrawn());
  scene.run(ask_anew(inquiry));
  scene.run(settle_all(inquiry));
  CHECK(inquiry->evidence().find(kFirstList)->codes.size() == 2);
}

TEST_CASE("inquiry: what is said anew is asked anew, and late answers about the old are dropped") {
  Scene scene;
  scene.resolver.hold("A old.good.test");
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(whole_session(inquiry, "old.good.test", path("a@good.test")));
  scene.run(say(inquiry, "mx.good.test", path("b@none.good.test")));
  scene.resolver.release("A old.good.test");
  scene.run(settle_all(inquiry));
  CHECK(found(*inquiry, {Check::helo}) == Finding::helo_confirmed);
  CHECK(found(*inquiry, {Check::sender_domain}) == Finding::sender_missing);
  const auto& known = inquiry->evidence().known;
  for (const mail::Fact& fact : known) CHECK(std::ranges::count(known, fact.key, &mail::Fact::key) == 1);
}

TEST_CASE("inquiry: the same words again ask nothing again") {
  Scene scene;
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(whole_session(inquiry, "mx.good.test", path("a@good.test")));
  const std::size_t asked = scene.resolver.asked.size();
  inquiry->said_helo("mx.good.test");
  inquiry->said_mail(path("a@good.test"));
  CHECK(scene.resolver.asked.size() == asked);
}

TEST_CASE("inquiry: what failed is asked anew at the next MAIL, though the same sender says it") {
  Scene scene;
  scene.resolver.refuse = true;
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(whole_session(inquiry, "mx.good.test", path("a@good.test")));
  scene.run(settle_all(inquiry));
  CHECK(found(*inquiry, {Check::rdns}) == Finding::rdns_temporary);
  CHECK(found(*inquiry, {Check::spf_mailfrom}) == Finding::spf_temperror);
  scene.resolver.refuse = false;
  scene.run(mail_from(inquiry, path("a@good.test")));
  CHECK(inquiry->reverse_name() == "mx.good.test");
  CHECK(found(*inquiry, {Check::helo}) == Finding::helo_confirmed);
  CHECK(found(*inquiry, {Check::spf_mailfrom}) == Finding::spf_pass);
  const auto asked = scene.resolver.asked.size();
  scene.run(mail_from(inquiry, path("a@good.test")));
  CHECK(scene.resolver.asked.size() == asked);
}

TEST_CASE("inquiry: a look-up that breaks off is a failure that passes, and is told") {
  Scene scene;
  scene.resolver.fail("PTR 1.113.0.203.in-addr.arpa");
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(whole_session(inquiry, "mx.good.test", path("a@good.test")));
  scene.run(settle_all(inquiry));
  CHECK(found(*inquiry, {Check::rdns}) == Finding::rdns_temporary);
  CHECK(scene.thrown == "out of something");
}

TEST_CASE("inquiry: whoever has no end is given up, and nothing hangs") {
  Scene scene({list("bl.test", Listed::client, 5)});
  scene.settings->dns.budget.waiting = Duration(-std::chrono::seconds(5));  // the grace is over, too
  scene.resolver.hold("A 1.113.0.203.bl.test");
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(connect(inquiry));
  scene.run(settle_all(inquiry));
  CHECK(found(*inquiry, kFirstList) == Finding::dnsbl_temporary);
  scene.resolver.release("A 1.113.0.203.bl.test");
}

TEST_CASE("inquiry: a list that does not answer is not asked, and that is on record") {
  Scene scene({list("bl.test", Listed::client, 5)});
  scene.watch->heard(0, dns::ListAnswer::Result::temporary);
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(connect(inquiry));
  CHECK(found(*inquiry, kFirstList) == Finding::dnsbl_temporary);
  CHECK_FALSE(scene.resolver.was_asked("A 1.113.0.203.bl.test"));
}

TEST_CASE("inquiry: a rule says how long a list is waited for, and that says nothing against the list") {
  Scene scene({list("bl.test", Listed::client, 5)});
  policy::Settings hurried = *scene.settings->policy;
  hurried.checks.lists.at(0).timeout = std::chrono::milliseconds(20);
  Treatment treatment;
  treatment.policy = std::make_shared<policy::Settings>(std::move(hurried));
  scene.at_connect = std::make_shared<Treatment>(treatment);
  scene.resolver.hold("A 1.113.0.203.bl.test");
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(connect(inquiry));
  scene.run(settle_all(inquiry));
  CHECK(found(*inquiry, kFirstList) == Finding::dnsbl_temporary);
  CHECK(scene.watch->standing(0, dns::Family::ipv4) == dns::ListWatch::Standing::asked);
}

// Behind NAT: 198.51.100.25 is our address outside, 192.0.2.25 that of the socket.
TEST_CASE("inquiry: the addresses of our host name are ours, whatever the client connected to") {
  const std::map<std::string, Finding> cases = {
      {"[198.51.100.25]", Finding::helo_own_name},     {"198.51.100.25", Finding::helo_own_name},
      {"[IPv6:2001:db8::25]", Finding::helo_own_name}, {"[192.0.2.25]", Finding::helo_own_name},
      {"[198.51.100.26]", Finding::helo_literal},      {"[203.0.113.1]", Finding::helo_plausible},
      {"198.51.100.26", Finding::helo_syntax}};
  for (const auto& [helo, finding] : cases) {
    Scene scene;
    scene.resolver.add("mx.example.test. A 198.51.100.25\nmx.example.test. AAAA 2001:db8::25\n");
    const auto inquiry = scene.about("203.0.113.1");
    scene.run(whole_session(inquiry, helo, path("")));
    scene.run(settle_all(inquiry));
    INFO(helo);
    CHECK(found(*inquiry, {Check::helo}) == finding);
    const bool must_ask = finding != Finding::helo_plausible && helo != "[192.0.2.25]";
    CHECK(scene.resolver.was_asked("A mx.example.test") == must_ask);
  }
}

TEST_CASE("inquiry: a check that is off asks nothing") {
  Scene scene({list("bl.test", Listed::client, 5)});
  auto policy = std::make_shared<policy::Settings>(*scene.settings->policy);
  policy->checks.modes.fill(policy::Mode::off);
  scene.settings->policy = policy;
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(whole_session(inquiry, "mx.good.test", path("a@good.test")));
  CHECK(scene.resolver.asked.empty());
  CHECK(inquiry->evidence().known.empty());
}

// Rules that only observe ask for names and SPF: what acts has them off.
struct WatchingScene : Scene {
  WatchingScene() {
    auto policy = std::make_shared<policy::Settings>(*settings->policy);
    settings->reach.checks = std::make_shared<policy::CheckSettings>(policy->checks);
    for (const Check check : {Check::rdns, Check::spf_helo, Check::spf_mailfrom})
      policy->checks.mode(check) = policy::Mode::off;
    settings->reach.acting = std::make_shared<policy::CheckSettings>(policy->checks);
    settings->policy = policy;
  }
};

TEST_CASE("inquiry: what only watching asks for is no part of who the client is, and what it is called") {
  WatchingScene scene;
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(whole_session(inquiry, "mx.good.test", path("a@good.test")));
  scene.run(settle_all(inquiry, View::would_be));
  CHECK(inquiry->evidence(View::would_be).find({Check::spf_mailfrom})->finding == Finding::spf_pass);
  CHECK(inquiry->reverse_name(View::would_be) == "mx.good.test");
  CHECK(inquiry->evidence().find({Check::spf_mailfrom}) == nullptr);
  CHECK(inquiry->evidence().find({Check::rdns}) == nullptr);
  CHECK(inquiry->reverse_name().empty());
  CHECK(found(*inquiry, {Check::helo}) == Finding::helo_plausible);
  CHECK(inquiry->who().client.name == "203.0.113.0/24");
  CHECK(inquiry->who().settled);
}

TEST_CASE("inquiry: what acts waits for nothing that only watching asks for") {
  WatchingScene scene;
  scene.resolver.hold("PTR 1.113.0.203.in-addr.arpa");
  scene.resolver.hold("TXT good.test");
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(whole_session(inquiry, "mx.good.test", path("a@good.test")));
  scene.run(settle_all(inquiry));
  CHECK(found(*inquiry, {Check::helo}) == Finding::helo_plausible);
  CHECK(inquiry->who().settled);
  CHECK_FALSE(inquiry->evidence(View::would_be).pending.empty());
  scene.resolver.release("PTR 1.113.0.203.in-addr.arpa");
  scene.resolver.release("TXT good.test");
  scene.run(settle_all(inquiry, View::would_be));
  CHECK(inquiry->reverse_name(View::would_be) == "mx.good.test");
}

TEST_CASE("inquiry: what only watching asks for uses up no question of what acts") {
  Scene alone;  // what acts, and nobody watches
  auto policy = std::make_shared<policy::Settings>(*alone.settings->policy);
  for (const Check check : {Check::rdns, Check::spf_helo, Check::spf_mailfrom})
    policy->checks.mode(check) = policy::Mode::off;
  alone.settings->policy = policy;
  const auto acting = alone.about("203.0.113.1");
  alone.run(whole_session(acting, "mx.good.test", path("a@good.test")));
  alone.run(settle_all(acting));
  WatchingScene scene;
  scene.settings->dns.budget.questions = static_cast<int>(alone.resolver.asked.size());
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(whole_session(inquiry, "mx.good.test", path("a@good.test")));
  scene.run(settle_all(inquiry, View::would_be));
  CHECK(found(*inquiry, {Check::helo}) == Finding::helo_plausible);
  CHECK(found(*inquiry, {Check::sender_domain}) == Finding::sender_found);
  CHECK(scene.resolver.asked.size() > alone.resolver.asked.size());
  CHECK_FALSE(inquiry->overdrawn());
}

TEST_CASE("inquiry: a list that acts has the reverse name asked for itself") {
  Scene scene({list("names.test", Listed::reverse_name)});
  auto policy = std::make_shared<policy::Settings>(*scene.settings->policy);
  policy->checks.mode(Check::rdns) = policy::Mode::off;
  scene.settings->policy = policy;
  const auto inquiry = scene.about("203.0.113.1");
  scene.run(connect(inquiry));
  scene.run(settle_all(inquiry));
  CHECK(inquiry->reverse_name() == "mx.good.test");
}
