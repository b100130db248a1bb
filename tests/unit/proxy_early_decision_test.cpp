// The whole judgement of a recipient, rules, lists and greylisting in front and behind: what is decided
// while questions are still open stands, whatever their answers are; and while the DNS is broken nobody is
// refused for good who would be spared by some answer that it might give.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/io/event_loop.h"
#include "base/store/state_store.h"
#include "proxy/greylist_verdict.h"
#include "proxy/recipient_verdict.h"
#include "proxy/treated_verdict.h"
#include "proxy/treatment.h"
#include "tests/unit/conf_d.h"
#include "tests/unit/dns_support.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::proxy;

namespace {

using Choices = std::vector<std::string>;

// A question, and what its answer may be.
struct Slot {
  const char* question;
  Choices records;
};

const std::vector<Slot> kSlots = {
    {"PTR 1.113.0.203.in-addr.arpa",
     {"", "1.113.0.203.in-addr.arpa. PTR mx.good.test.", "1.113.0.203.in-addr.arpa. PTR dyn-1.isp.test.",
      "1.113.0.203.in-addr.arpa. PTR mx.good.test.\n1.113.0.203.in-addr.arpa. PTR dyn-1.isp.test.",
      "1.113.0.203.in-addr.arpa. PTR dyn-1.isp.test.\n1.113.0.203.in-addr.arpa. PTR mx.good.test.",
      "1.113.0.203.in-addr.arpa. SERVFAIL"}},
    {"A mx.good.test",
     {"", "mx.good.test. A 203.0.113.1", "mx.good.test. A 198.51.100.1", "mx.good.test. A SERVFAIL"}},
    {"A dyn-1.isp.test", {"", "dyn-1.isp.test. A 203.0.113.1"}},
    {"TXT good.test",
     {"", R"(good.test. TXT "v=spf1 ip4:203.0.113.1 -all")", R"(good.test. TXT "v=spf1 -all")",
      R"(good.test. TXT "v=spf1 ~all")", R"(good.test. TXT "v=spf1 mx ?all")",
      R"(good.test. TXT "v=spf1 ptr ?all")", R"(good.test. TXT "v=spf1 ptr:isp.test -all")",
      R"(good.test. TXT "v=spf1 x")", "good.test. TXT SERVFAIL"}},
    {"MX good.test", {"", "good.test. MX 10 mx.good.test.", "good.test. MX 0 .", "good.test. MX SERVFAIL"}},
    {"TXT mx.good.test",
     {"", R"(mx.good.test. TXT "v=spf1 a -all")", R"(mx.good.test. TXT "v=spf1 -all")"}},
    {"A 1.113.0.203.bl.test", {"", "1.113.0.203.bl.test. A 127.0.0.2", "1.113.0.203.bl.test. SERVFAIL"}},
    {"A 1.113.0.203.wl.test", {"", "1.113.0.203.wl.test. A 127.0.0.2", "1.113.0.203.wl.test. SERVFAIL"}},
    {"A good.test.names.test", {"", "good.test.names.test. A 127.0.0.2"}},
    {"A mx.good.test.rn.test", {"", "mx.good.test.rn.test. A 127.0.0.2"}},
    {"A dyn-1.isp.test.rn.test", {"", "dyn-1.isp.test.rn.test. A 127.0.0.2"}},
};

// What a list says to whom it does not serve.
const char* const kNotServed = " A 127.255.255.254";

bool speaks_against(const Slot& slot) {
  const std::string_view question = slot.question;
  return question.ends_with(".bl.test") || question.ends_with(".names.test");
}

bool is_list(const Slot& slot) {
  const std::string_view question = slot.question;
  return speaks_against(slot) || question.ends_with(".wl.test") || question.ends_with(".rn.test");
}

class Chance {
 public:
  explicit Chance(unsigned seed) : engine_(seed) {}

  const std::string& working(const Choices& choices) {
    for (;;)
      if (const std::string& one = of(choices); !one.ends_with("SERVFAIL")) return one;
  }
  bool one_in(int n) { return static_cast<int>(engine_() % static_cast<unsigned>(n)) == 0; }
  const std::string& of(const Choices& choices) { return choices[engine_() % choices.size()]; }

  std::string lines(const Choices& choices) {
    std::string out;
    for (const std::string& line : choices)
      if (one_in(4)) out += line + "\n";
    return out;
  }

 private:
  std::mt19937 engine_;
};

// -- a site of chance -------------------------------------------------------------------------------------

const Choices kModes = {R"("enforce")", R"("enforce")", R"("observe")", R"("off")"};
const Choices kCheckModes = {
    R"("enforce")",
    R"("enforce")",
    R"("observe")",
    R"("off")",
    R"({"rules": [{"rdns": "*.good.test", "use": "off"}, {"use": "enforce"}]})",
    R"({"rules": [{"from": "good.test", "use": "observe"}, {"use": "enforce"}]})",
    R"({"rules": [{"to": "anna@example.test", "rdns": false, "use": "enforce"}, {"use": "observe"}]})",
    R"({"rules": [{"rdns": "*.isp.test", "from": "good.test", "use": "off"}, {"use": "enforce"}]})"};
const Choices kOutcomes = {R"("ignore")", R"("reject")", R"("defer")", "1", "2", "3", "-2"};
const Choices kPraise = {R"("ignore")", R"("ignore")", R"({"score": -2})"};
const Choices kLimits = {
    "3", "5", R"({"rules": [{"from": "good.test", "use": 9}, {"use": 4}]})",
    R"({"rules": [{"rdns": "*.isp.test", "use": 2}, {"use": 5}]})",
    R"({"rules": [{"rdns": "*.isp.test", "use": 2}, {"rdns": "*.good.test", "use": 8}, {"use": 5}]})"};
const Choices kEntries = {"good.test",           "anna@good.test for=anna@example.test",
                          "203.0.113.0/24",      "rdns:*.good.test",
                          "rdns:dyn-1.isp.test", "rdns:mx.good.test for=example.test"};
const Choices kProvenEntries = {"good.test authenticated"};  // of allow lists alone

std::string site(Chance& chance, const std::string& allow, const std::string& block) {
  const auto mode = [&] { return chance.of(kModes); };
  const auto check = [&] { return chance.of(kCheckModes); };
  const auto outcome = [&] {
    const std::string& one = chance.of(kOutcomes);
    return one.front() == '"' ? one : R"({"score": )" + one + "}";
  };
  std::string out = R"({"hostname": "mx.example.test", "domains": {"example.test": {"route": "r"}},
    "routes": {"r": {"hosts": ["127.0.0.1:2525"], "tls": "never"}}, "role_mailbox": "it@example.test",
    "listeners": {"mx": {"bind": ["127.0.0.1:2500"], "tls": "none"}}, "state": {"sqlite": ""},)";
  const auto list = [&](const std::string& file) {
    const std::string quoted = '"' + file + '"';
    if (chance.one_in(2)) return quoted;
    return R"({"rules": [{"rdns": "*.isp.test", "use": ""}, {"use": )" + quoted + "}]}";
  };
  out += fmt::format(R"("lists": {{"allow": {}, "allow_mode": {}, "block": {}, "block_mode": {}}},)",
                     list(allow), mode(), list(block), mode());
  out += fmt::format(R"("thresholds": {{"reject": {}, "doubtful": {}}}, "checks": {{)", chance.of(kLimits),
                     chance.of({"1", "2"}));
  out += fmt::format(R"("rdns": {{"mode": {}, "missing": {}, "generic": {}, "confirmed": {}}},)", check(),
                     outcome(), outcome(), chance.of(kPraise));
  out += fmt::format(R"("helo": {{"mode": {}}}, "sender_domain": {{"mode": {}}},)", check(), check());
  out += fmt::format(R"("spf": {{"mode": {}, "fail": {}, "softfail": {}, "none": {}, "pass": {}}},)",
                     check(), outcome(), outcome(), outcome(), chance.of(kPraise));
  out += fmt::format(R"("greylist": {{"mode": {}, "apply": {}}},)",
                     chance.of({R"("enforce")", R"("enforce")", R"("observe")"}),
                     chance.of({R"("all")", R"("all")", R"("doubtful")"}));
  out += fmt::format(R"("dnsbl": {{"mode": {}, "zones": {{"bl.test": {{"codes": {{"127.0.0.2": {}}}}},
    "wl.test": {{"codes": {{"127.0.0.2": {}}}}}, "names.test": {{"of": ["sender"], "codes": {{"127.0.0.2": 3}}}},
    "rn.test": {{"of": ["rdns"], "codes": {{"127.0.0.2": {}}}}}}}}}}}}})",
                     check(), chance.of({"2", "5", "9"}), chance.of({"-3", "-10"}), chance.of({"3", "-4"}));
  return out;
}

// -- a session --------------------------------------------------------------------------------------------

// Answers from a zone, or from another one past the cache; what is held, only once it is released.
class HeldZone : public dns::Resolver {
 public:
  HeldZone(const std::string& zone, const std::string& fresh, std::set<std::string> held)
      : zone_(dns::testing::zone(zone)), fresh_(dns::testing::zone(fresh)), held_(std::move(held)) {}

  io::Task<dns::AnswerPtr> ask(dns::Question question, dns::Asking asking) override {
    if (held_.contains(to_string(question))) {
      io::Signal released(co_await io::this_executor());
      waiting_.push_back(&released);
      co_await released.wait(TimePoint::max());
    }
    co_return co_await (asking.fresh ? fresh_ : zone_).ask(std::move(question), asking);
  }

  void release() {
    held_.clear();
    for (io::Signal* one : std::exchange(waiting_, {})) one->notify();
  }

 private:
  dns::ZoneResolver zone_, fresh_;
  std::set<std::string> held_;
  std::vector<io::Signal*> waiting_;
};

// Of several findings that decide alone, the first one known names the refusal.
std::string outcome_of(const policy::RecipientVerdict& verdict) {
  const auto* refusal = std::get_if<policy::Refuse>(&verdict);
  if (!refusal) return "accepted";
  if (refusal->why == mail::Refusal::blocked_sender || refusal->why == mail::Refusal::greylisted)
    return name_of(verdict);
  return refusal->reply.transient() ? "deferred" : "refused";
}

// A recipient as Transaction judges one, up to the next hop, which knows everybody.
class Judgement {
 public:
  Judgement(std::shared_ptr<const Settings> settings, const std::string& zone,
            std::set<std::string> held = {})
      : settings_(std::move(settings)), resolver_(zone, zone, std::move(held)) {
    tasks_.spawn(loop_.executor(), "judge", judge());
  }
  // It comes twice, an hour apart; by then past the cache the answers are others.
  Judgement(std::shared_ptr<const Settings> settings, const std::string& zone, const std::string& fresh)
      : settings_(std::move(settings)), resolver_(zone, fresh, {}) {
    tasks_.spawn(loop_.executor(), "judge", judge_twice());
  }
  ~Judgement() {
    resolver_.release();
    loop_.run(all_ended());
  }

  // "": it waits for what is held.
  std::string early() {
    loop_.run(turns(30));
    return verdict_;
  }
  std::string in_the_end() {
    resolver_.release();
    loop_.run(all_ended());
    return verdict_;
  }

 private:
  static io::Task<> turns(int count) {
    while (count-- > 0) co_await io::sleep_for(Duration::zero());
  }
  io::Task<> all_ended() {
    while (tasks_.running() > 0) co_await io::sleep_for(Duration::zero());
  }

  io::Task<> judge_twice() {
    co_await judge();
    clock_.time += std::chrono::hours(1);
    co_await judge();
  }

  io::Task<> judge() {
    mail::Path sender, recipient;
    CHECK(mail::parse_path("anna@good.test", {}, sender) == mail::PathFault::none);
    CHECK(mail::parse_path("anna@example.test", {}, recipient) == mail::PathFault::none);
    policy::ClientFacts client;
    client.address = dns::testing::address("203.0.113.1");
    const auto inquiry = std::make_shared<Inquiry>(
        InquiryClient{client.address, dns::testing::address("192.0.2.25")}, settings_,
        InquiryServices{system_clock(), tasks_, resolver_, nullptr}, co_await io::this_executor());
    inquiry->connected();
    inquiry->greeted(false, {});
    inquiry->said_helo("mx.good.test");
    inquiry->said_mail(sender);
    const auto treated =
        co_await treatment_of(*settings_, {client, "mx", "mx.good.test", sender, recipient}, inquiry.get());
    auto verdict =
        co_await judge_treated(client, inquiry.get(), sender, recipient, treated, nullptr, clock_.wall());
    const auto* accept = std::get_if<policy::Accept>(&verdict);
    if (accept && accept->rule.empty()) {
      auto greylist = co_await judge_by_greylist(
          greylist_, {client, inquiry.get(), sender, recipient, treated, nullptr, clock_.wall(), false});
      if (greylist.refusal) verdict = std::move(*greylist.refusal);
    }
    verdict_ = outcome_of(verdict);
  }

  std::shared_ptr<const Settings> settings_;
  store::TestClock clock_;
  std::unique_ptr<store::StateStore> state_ = *store::StateStore::open("", clock_, [](std::string_view) {});
  Greylist greylist_{*state_};
  HeldZone resolver_;
  std::string verdict_;
  io::TaskGroup tasks_{[](std::string_view, std::string_view what) { FAIL_CHECK(std::string(what)); }};
  io::EventLoop loop_;
};

std::shared_ptr<const Settings> settings_of(Chance& chance, test::ConfD& conf) {
  conf.file("allow", chance.lines(kEntries) + chance.lines(kProvenEntries))
      .file("block", chance.lines(kEntries));
  conf.file("10.json", site(chance, conf.path() + "/allow", conf.path() + "/block"));
  config::Diagnostics diagnostics;
  auto settings = load(conf.path(), {.system_hostname = "mx.example.test"}, diagnostics);
  REQUIRE_MESSAGE(settings, diagnostics.to_string());
  return settings;
}

// One of the answers that each question may have.
Choices answers_of_chance(Chance& chance) {
  Choices answers;
  for (const Slot& slot : kSlots) answers.push_back(chance.of(slot.records));
  return answers;
}

std::string zone_of(const Choices& answers) { return fmt::format("{}\n", fmt::join(answers, "\n")); }

// The same world, but that some servers fail for now.
Choices broken(Chance& chance, const Choices& answers, const std::vector<bool>& fails) {
  Choices out = answers;
  for (std::size_t slot = 0; slot < kSlots.size(); ++slot) {
    if (!fails[slot]) continue;
    const std::string question = kSlots[slot].question;  // "TXT good.test"
    const auto blank = question.find(' ');
    const std::string name = question.substr(blank + 1) + ".";
    const bool unserved = is_list(kSlots[slot]) && chance.one_in(3);
    out[slot] = name + (unserved ? kNotServed : " " + question.substr(0, blank) + " SERVFAIL");
  }
  return out;
}

bool is_for_good(const std::string& outcome) { return outcome == "refused" || outcome == "blocked-sender"; }

}  // namespace

TEST_CASE("no early decision over rules, lists and greylisting is contradicted later") {
  std::map<std::string, int> early;
  for (unsigned seed = 0; seed < 250; ++seed) {
    Chance chance(seed);
    test::ConfD conf;
    const auto settings = settings_of(chance, conf);
    const Choices answers = answers_of_chance(chance);
    std::set<std::string> held;
    for (const Slot& slot : kSlots)
      if (chance.one_in(2 + static_cast<int>(seed % 6))) held.insert(slot.question);
    Judgement judgement(settings, zone_of(answers), held);
    const std::string decided = judgement.early();
    if (decided.empty() || held.empty()) continue;
    ++early[decided];
    CHECK_MESSAGE(judgement.in_the_end() == decided, "seed " << seed);
    for (int completion = 0; completion < 5; ++completion) {
      Choices whole = answers_of_chance(chance);
      for (std::size_t slot = 0; slot < kSlots.size(); ++slot)
        if (!held.contains(kSlots[slot].question)) whole[slot] = answers[slot];
      const std::string zone = zone_of(whole);
      REQUIRE_MESSAGE(Judgement(settings, zone).in_the_end() == decided, "seed " << seed << "\n" << zone);
    }
  }
  for (const char* decision : {"accepted", "deferred", "refused", "blocked-sender", "greylisted"})
    CHECK_MESSAGE(early[decision] > 0, "nothing was " << std::string(decision) << " early");
}

// At once, and by a list that knows the client only when it comes back.
TEST_CASE("while the DNS is broken nobody is refused for good who would be spared were it in order") {
  int refused = 0, refused_later = 0, put_off = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    Chance chance(seed);
    test::ConfD conf;
    const auto settings = settings_of(chance, conf);
    Choices answers;
    for (const Slot& slot : kSlots) answers.push_back(chance.working(slot.records));
    std::vector<bool> fails;
    for (std::size_t slot = 0; slot < kSlots.size(); ++slot)
      fails.push_back(chance.one_in(2 + static_cast<int>(seed % 4)));
    const Choices now = broken(chance, answers, fails);
    Choices before = now;
    for (std::size_t slot = 0; slot < kSlots.size(); ++slot)
      if (speaks_against(kSlots[slot]) && !fails[slot]) before[slot].clear();
    const bool at_once = is_for_good(Judgement(settings, zone_of(now)).in_the_end());
    const bool later = is_for_good(Judgement(settings, zone_of(before), zone_of(now)).in_the_end());
    refused += at_once ? 1 : 0;
    refused_later += later ? 1 : 0;
    for (int completion = 0; completion < 6; ++completion) {
      Choices whole = answers;
      for (std::size_t slot = 0; slot < kSlots.size(); ++slot)
        if (fails[slot] && completion > 0) whole[slot] = chance.working(kSlots[slot].records);
      const std::string outcome = Judgement(settings, zone_of(whole)).in_the_end();
      put_off += is_for_good(outcome) && !at_once ? 1 : 0;
      REQUIRE_MESSAGE((is_for_good(outcome) || !(at_once || later)),
                      "seed " << seed << std::string(later ? ", when it came back" : "") << ": " << outcome
                              << "\n"
                              << zone_of(now) << "--\n"
                              << zone_of(whole));
    }
  }
  CHECK(refused > 0);
  CHECK(refused_later > 0);
  CHECK(put_off > 0);
}
