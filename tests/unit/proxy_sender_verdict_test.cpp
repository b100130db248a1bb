// What lists and correspondents say of a sender by what SPF says of its client, and what is counted.
#include <doctest/doctest.h>

#include "base/io/event_loop.h"
#include "base/store/state_store.h"
#include "proxy/recipient_verdict.h"
#include "proxy/sender_verdict.h"
#include "tests/unit/envelope_support.h"
#include "tests/unit/proxy_strangers_support.h"

using namespace sallyport;
using namespace sallyport::proxy;
using sallyport::testing::path;
using Kind = SenderVerdict::Kind;
using policy::Mode;
using enum SenderListKind;

namespace {

constexpr const char* kPass = "good.test. TXT \"v=spf1 ip4:203.0.113.1 -all\"\n";
constexpr const char* kFail = "good.test. TXT \"v=spf1 -all\"\n";
constexpr const char* kAnybody = "good.test. TXT \"v=spf1 +all\"\n";
constexpr const char* kNone = "good.test. A 203.0.113.9\n";
constexpr const char* kBroken = "good.test. TXT SERVFAIL\n";

std::shared_ptr<const policy::SenderList> list_of(std::string_view text, const char* file) {
  std::vector<policy::ListFault> faults;
  auto list = std::make_shared<policy::SenderList>(policy::SenderList::parse(text, file, faults));
  REQUIRE(faults.empty());
  return list;
}

// A stranger, 203.0.113.1, who says MAIL FROM:<anna@good.test>.
struct Scene {
  explicit Scene(const char* records = kNone) : resolver(dns::testing::zone(records)) {
    policy->domains.add("example.test", "r");
    policy->checks = policy::shipped_checks();
    settings->policy = policy;
  }

  void allow(std::string_view text) { policy->sender_lists.allow = list_of(text, "allow"); }
  void block(std::string_view text) { policy->sender_lists.block = list_of(text, "block"); }
  void writes(const char* ours, const char* theirs) {
    book.correspondents().learn(path(ours), path(theirs), policy->sender_lists.correspondents);
  }

  SenderLook look(const Inquiry* inquiry) {
    return look_at_sender({&book, client.address, sender, recipient, *policy, system_clock().wall()},
                          inquiry);
  }
  RecipientQuestion question() {
    return {client, sender, recipient, *policy, &book, system_clock().wall()};
  }
  // Once everything is known of the client.
  SenderVerdict verdict() {
    SenderVerdict out;
    run([](Scene& scene, std::shared_ptr<Inquiry> inquiry, SenderVerdict& out) -> io::Task<> {
      co_await inquiry->settle_all();
      out = scene.look(inquiry.get()).verdict;
    }(*this, begun(), out));
    return out;
  }
  std::shared_ptr<Inquiry> begun() {
    auto inquiry = std::make_shared<Inquiry>(
        InquiryClient{client.address, dns::testing::address("192.0.2.25")}, settings,
        InquiryServices{system_clock(), tasks, resolver, watch}, loop.executor());
    inquiry->connected();
    inquiry->said_helo("mx.good.test");
    inquiry->said_mail(sender);
    return inquiry;
  }
  void run(io::Task<> steps) { loop.run(std::move(steps)); }

  dns::ZoneResolver resolver;
  std::shared_ptr<policy::Settings> policy = std::make_shared<policy::Settings>();
  std::shared_ptr<Settings> settings = std::make_shared<Settings>();
  std::shared_ptr<dns::ListWatch> watch = std::make_shared<dns::ListWatch>(
      settings->lists, system_clock(), [](std::string_view, std::string_view) {});
  std::unique_ptr<store::StateStore> state =
      std::move(*store::StateStore::open("", system_clock(), [](std::string_view) {}));
  SenderBook book{*state, system_clock()};
  policy::ClientFacts client{dns::testing::address("203.0.113.1"), {}, {}, {}};
  mail::Path sender = path("anna@good.test");
  mail::Path recipient = path("bert@example.test");
  io::TaskGroup tasks{[](std::string_view, std::string_view) {}};
  io::EventLoop loop;
};

Kind kind_of(const char* records, const char* entry) {
  Scene scene(records);
  scene.allow(entry);
  return scene.verdict().kind;
}

}  // namespace

TEST_CASE("an allowed address is a claim, which SPF proves") {
  CHECK(kind_of(kPass, "good.test") == Kind::allowed);
  CHECK(kind_of(kPass, "good.test authenticated") == Kind::allowed);
  CHECK(kind_of(kNone, "good.test") == Kind::allowed);
  CHECK(kind_of(kNone, "good.test authenticated") == Kind::neither);
  CHECK(kind_of(kFail, "good.test") == Kind::neither);
  CHECK(kind_of(kAnybody, "good.test") == Kind::neither);
  CHECK(kind_of(kFail, "203.0.113.0/24") == Kind::allowed);
}

TEST_CASE("a claim holds where nothing is asked about the client") {
  Scene scene;
  scene.allow("good.test authenticated");
  CHECK(scene.look(nullptr).verdict.kind == Kind::allowed);
}

TEST_CASE("what an allowed address depends on is waited for") {
  Scene scene(kPass);
  scene.allow("good.test");
  const auto inquiry = scene.begun();  // the loop does not run yet: nothing is answered
  CHECK(scene.look(inquiry.get()).missing == std::vector<mail::FactKey>{{mail::Check::spf_mailfrom}});
  scene.run(
      [](std::shared_ptr<Inquiry> inquiry) -> io::Task<> { co_await inquiry->settle_all(); }(inquiry));
  CHECK(scene.look(inquiry.get()).missing.empty());
}

TEST_CASE("an allow entry that cannot be proved for now leaves it open, unless it only observes") {
  Scene scene(kBroken);
  scene.allow("good.test");
  scene.block("203.0.113.1");
  CHECK(scene.verdict().kind == Kind::blocked);
  CHECK(scene.verdict().uncertain);
  CHECK(scene.verdict().failed == mail::Check::spf_mailfrom);
  scene.policy->sender_lists.allow_mode = Mode::observe;
  CHECK_FALSE(scene.verdict().uncertain);
}

TEST_CASE("an allow entry that fits and does not hold is told, unless another holds") {
  const auto unheld = [](const char* records, const char* entries) {
    Scene scene(records);
    scene.allow(entries);
    scene.block("203.0.113.0/24");
    const auto verdict = scene.verdict();
    return verdict.unheld ? verdict.unheld->rule + " " + verdict.unheld->entry : "";
  };
  CHECK(unheld(kFail, "good.test # our bank") == "allow:1 good.test # our bank");
  CHECK(unheld(kNone, "good.test authenticated") == "allow:1 good.test authenticated");
  CHECK(unheld(kAnybody, "good.test") == "allow:1 good.test");
  CHECK(unheld(kBroken, "good.test") == "allow:1 good.test");
  CHECK(unheld(kFail, "good.test\nanna@good.test") == "allow:2 anna@good.test");
  CHECK(unheld(kFail, "other.test").empty());
  CHECK(unheld(kPass, "good.test").empty());
  CHECK(unheld(kFail, "good.test\n203.0.113.1").empty());
  const auto named =
      std::string(kFail) + "1.113.0.203.in-addr.arpa. PTR mx.h.test.\nmx.h.test. A 203.0.113.1\n";
  CHECK(unheld(named.c_str(), "good.test\nrdns:mx.h.test").empty());
}

TEST_CASE("a recipient's letter that does not hold is told, and each verdict has it") {
  Scene scene(kFail);
  scene.writes("bert@example.test", "anna@good.test");
  REQUIRE(scene.verdict().unheld);
  CHECK(scene.verdict().unheld->rule == "correspondent");
  scene.allow("good.test");
  scene.run([](RecipientQuestion question, std::shared_ptr<Inquiry> inquiry) -> io::Task<> {
    const auto refused = co_await judge_recipient(question, inquiry.get());
    CHECK(name_of(refused) == "client");
    REQUIRE(unheld_of(refused));
    CHECK(unheld_of(refused)->entry == "good.test");
  }(scene.question(), scene.begun()));
  scene.block("203.0.113.1");
  scene.run([](RecipientQuestion question, std::shared_ptr<Inquiry> inquiry) -> io::Task<> {
    const auto blocked = co_await judge_recipient(question, inquiry.get());
    CHECK(name_of(blocked) == "blocked-sender");
    CHECK(unheld_of(blocked));
  }(scene.question(), scene.begun()));
}

TEST_CASE("an entry that only observes is told, and decides nothing") {
  Scene scene(kPass);
  scene.allow("good.test");
  scene.block("good.test");
  scene.policy->sender_lists.allow_mode = Mode::observe;
  CHECK(scene.verdict().kind == Kind::blocked);
  CHECK(scene.verdict().observed == "allowed allow:1");
}

TEST_CASE("a correspondent is let through where SPF passes, and known in the domain without it") {
  for (const char* records : {kPass, kNone, kFail, kBroken}) {
    Scene scene(records);
    scene.writes("bert@example.test", "anna@good.test");
    const auto verdict = scene.verdict();
    CHECK((verdict.kind == Kind::allowed) == (records == kPass));
    CHECK(verdict.known_in_domain == (records == kNone));
    CHECK(verdict.score == (records == kNone ? -2 : 0));
    CHECK(verdict.uncertain == (records == kBroken));
  }
}

TEST_CASE("a correspondent who is only observed leaves nothing open") {
  Scene scene(kBroken);
  scene.writes("bert@example.test", "anna@good.test");
  scene.policy->sender_lists.correspondents.mode = Mode::observe;
  CHECK_FALSE(scene.verdict().uncertain);
}

TEST_CASE("our own domains are nobody's correspondents") {
  Scene scene(kNone);
  scene.writes("bert@example.test", "carl@example.test");
  scene.sender = path("carl@example.test");
  CHECK(scene.look(nullptr).verdict.kind == Kind::neither);
}

TEST_CASE("lists mean no mail to role addresses") {
  Scene scene;
  scene.block("203.0.113.1");
  CHECK(name_of(judge_recipient_now(scene.question(), nullptr)) == "blocked-sender");
  scene.recipient = path("postmaster@example.test");
  CHECK(name_of(judge_recipient_now(scene.question(), nullptr)) == "accept");
}

TEST_CASE("a hit is counted once a verdict is acted on, not where one is only asked for") {
  Scene scene(kPass);
  scene.block("203.0.113.1");
  const auto hits = [&] {
    return scene.book.hits(block, *policy::parse_sender_entry("203.0.113.1")).count;
  };
  const auto judge = [](RecipientQuestion question, std::shared_ptr<Inquiry> inquiry) -> io::Task<> {
    CHECK(name_of(co_await judge_recipient(question, inquiry.get())) == "blocked-sender");
  };
  CHECK(name_of(judge_recipient_now(scene.question(), nullptr)) == "blocked-sender");
  CHECK(hits() == 0);
  scene.run(judge(scene.question(), scene.begun()));
  CHECK(hits() == 1);
  auto uncounted = scene.question();
  uncounted.hits = Hits::are_not_counted;
  scene.run(judge(uncounted, scene.begun()));
  CHECK(hits() == 1);
}
