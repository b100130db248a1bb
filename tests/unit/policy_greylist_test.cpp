#include <doctest/doctest.h>

#include "policy/envelope_sender.h"
#include "policy/greylist.h"
#include "tests/unit/envelope_support.h"

using namespace sallyport;
using namespace sallyport::policy;
using namespace std::chrono_literals;
using mail::Check;
using mail::Finding;
using sallyport::testing::kNow;
using sallyport::testing::path;
using Kind = GreylistStep::Kind;

namespace {

std::string lasting(std::string_view address) { return lasting_sender(path(address)); }

GreylistRecord begun() { return greylist_step(std::nullopt, kNow, {}).record; }
GreylistRecord passed() { return {kNow, kNow, true}; }

mail::Fact fact(Check check, Finding finding, std::string subject = {}) {
  return {.key = {check}, .finding = finding, .subject = std::move(subject)};
}

struct Client {
  mail::Evidence evidence;
  CheckSettings settings = shipped_checks();
  explicit Client(std::vector<mail::Fact> known, std::vector<mail::FactKey> pending = {}) {
    evidence.client = *IpAddress::parse("192.0.2.66");
    evidence.known = std::move(known);
    evidence.pending = std::move(pending);
  }
  std::variant<bool, Need> judged(bool seen_lately = false) const {
    return is_greylisted(evidence, settings, seen_lately);
  }
  bool is_greylisted_now(bool seen_lately = false) const { return std::get<bool>(judged(seen_lately)); }
};

}  // namespace

TEST_CASE("greylist: a second before the delay is over it waits, a second after it passes") {
  const auto first = greylist_step(std::nullopt, kNow, {});
  CHECK(first.kind == Kind::begins);
  CHECK(first.wait == 5min);
  CHECK(first.defers());
  const auto early = greylist_step(first.record, kNow + 299s, {});
  CHECK(early.kind == Kind::waits);
  CHECK(early.wait == 1s);
  CHECK_FALSE(early.changed);
  const auto late = greylist_step(first.record, kNow + 301s, {});
  CHECK(late.kind == Kind::came_back);
  CHECK_FALSE(late.defers());
  CHECK(late.record == GreylistRecord{kNow, kNow + 301s, true});
  CHECK(late.expires == kNow + 301s + 36 * 24h);
}

TEST_CASE("greylist: a second behind the window it starts anew") {
  CHECK(greylist_step(begun(), kNow + 48h, {}).kind == Kind::came_back);
  const auto late = greylist_step(begun(), kNow + 48h + 1s, {});
  CHECK(late.kind == Kind::begins);
  CHECK(late.record.first == kNow + 48h + 1s);
}

TEST_CASE("greylist: what has passed is remembered, and renewed by use") {
  const auto used = greylist_step(passed(), kNow + 35 * 24h, {});
  CHECK(used.kind == Kind::passes);
  CHECK(used.changed);
  CHECK(used.expires == kNow + 71 * 24h);
  CHECK(greylist_step(used.record, kNow + 71 * 24h, {}).kind == Kind::passes);
  CHECK(greylist_step(used.record, kNow + 71 * 24h + 1s, {}).kind == Kind::begins);
  CHECK_FALSE(greylist_step(passed(), kNow + 1h, {}).changed);  // not written at each use
}

TEST_CASE("greylist: a clock that goes back costs a delay at most") {
  const auto back = greylist_step(begun(), kNow - 24h, {});
  CHECK(back.defers());
  CHECK(back.wait == 5min);
  CHECK(greylist_step(back.record, kNow - 24h + 5min, {}).kind == Kind::came_back);
  CHECK(greylist_step(back.record, kNow, {}).kind == Kind::came_back);  // set right again
  const auto still = greylist_step(passed(), kNow - 24h * 365, {});
  CHECK(still.kind == Kind::passes);
  CHECK(still.record.last == kNow - 24h * 365);
}

TEST_CASE("greylist: records survive packing") {
  const GreylistRecord record{kNow, kNow + 301s, true};
  CHECK(record.packed().size() <= 24);
  CHECK(GreylistRecord::unpack(record.packed()) == record);
  CHECK(GreylistRecord::unpack(begun().packed()) == begun());
  const GreylistRecord old{WallTime(-1s), WallTime(), false};
  CHECK(GreylistRecord::unpack(old.packed()) == old);
  for (const char* damaged : {"", "x", "0123456789abcdefg+"})
    CHECK_FALSE(GreylistRecord::unpack(damaged).has_value());
  CHECK_FALSE(GreylistIdentity::unpack("").has_value());
  const auto one = GreylistIdentity::unpack(GreylistIdentity{7, kNow}.packed());
  REQUIRE(one.has_value());
  CHECK(one->passes == 7);
  CHECK(one->last == kNow);
}

TEST_CASE("greylist: an identity is known after five passes, an hour apart") {
  GreylistIdentity identity;
  WallTime now = kNow;
  for (int pass = 1; pass <= 5; ++pass, now += 1h) {
    CHECK_FALSE(identity.is_known({}));
    identity = identity.counted(now).value();
    CHECK_FALSE(identity.counted(now + 59min).has_value());  // one mail to many recipients
  }
  CHECK(identity.is_known({}));
  GreylistSettings never;
  never.known_after = 0;
  CHECK_FALSE(identity.is_known(never));
  CHECK_FALSE(identity.renewed(now, {}).has_value());
  CHECK(identity.renewed(now + 48h, {})->last == now + 48h);
}

TEST_CASE("greylist: keys tell identity, sender and recipient apart, and nothing else") {
  const ClientIdentity net{ClientIdentity::Kind::network, "192.0.2.0/24"};
  const ClientIdentity other{ClientIdentity::Kind::network, "192.0.3.0/24"};
  const auto key = greylist_key(net, path("anna@example.net"), path("bob@example.com"));
  CHECK(key.size() == 16);
  CHECK(key == greylist_key(net, path("ANNA@Example.NET"), path("Bob@EXAMPLE.com")));
  CHECK(key == greylist_key(net, path(R"("anna"@example.net)"), path(R"("b\ob"@example.com)")));
  CHECK(greylist_key(net, path("JÖRG@x.test"), path("ÄNNE@y.test")) ==
        greylist_key(net, path("jörg@x.test"), path("änne@y.test")));
  CHECK(key != greylist_key(other, path("anna@example.net"), path("bob@example.com")));
  CHECK(key != greylist_key(net, path("anne@example.net"), path("bob@example.com")));
  CHECK(key != greylist_key(net, path("anna@example.net"), path("ben@example.com")));
  CHECK(key != greylist_key(net, mail::Path{}, path("bob@example.com")));
}

TEST_CASE("greylist: cases are chosen by client, sender and recipient, alone and together") {
  const ClientIdentity net{ClientIdentity::Kind::network, "192.0.2.0/24"};
  const ClientIdentity other{ClientIdentity::Kind::network, "192.0.3.0/24"};
  const auto anna = path("anna17@example.net"), joe = path("joe@example.net"),
             bob = path("bob@example.com");
  const auto key = greylist_key(net, anna, bob);
  CHECK(GreylistChoice().has(key));
  CHECK(GreylistChoice().of_client(net).has(key));
  CHECK_FALSE(GreylistChoice().of_client(other).has(key));
  CHECK(GreylistChoice().from(path("Anna18@example.net")).has(key));
  CHECK_FALSE(GreylistChoice().from(joe).has(key));
  CHECK_FALSE(GreylistChoice().from({}).has(key));
  CHECK(GreylistChoice().from({}).has(greylist_key(net, {}, bob)));
  CHECK(GreylistChoice().to(path("BOB@example.com")).has(key));
  CHECK_FALSE(GreylistChoice().to(anna).has(key));
  CHECK(GreylistChoice().of_client(net).from(anna).to(bob).has(key));
  CHECK_FALSE(GreylistChoice().of_client(net).from(anna).to(joe).has(key));
  CHECK_FALSE(GreylistChoice().has("not a key"));
}

TEST_CASE("greylist: senders without what changes from mail to mail") {
  CHECK(lasting_sender({}).empty());
  CHECK(lasting("Anna.Smith@Example.NET") == "anna.smith@example.net");
  CHECK(lasting("user17@example.net") == "user#@example.net");
  CHECK(lasting("anna+shop@example.net") == "anna+shop@example.net");
  // VERP
  CHECK(lasting("list-return-4711-bob=example.com@lists.example") ==
        "list-return-#-bob=example.com@lists.example");
  CHECK(lasting("bounce+17.4711-bob=example.com@mg.example") == "bounce+#-bob=example.com@mg.example");
  CHECK(lasting("0100018c5a7b-1f2e3d4c-beef-4a5b-9c8d-0123456789ab-000000@ses.example") == "#@ses.example");
  CHECK(lasting("bounces.17@example.net") == "bounces.#@example.net");
  CHECK(lasting("4711@example.net") == "#@example.net");
  CHECK(lasting("beef@example.net") == "beef@example.net");
  // BATV
  CHECK(lasting("prvs=1234ABCDEF=anna@example.net") == "anna@example.net");
  CHECK(lasting("prvs=1234abcdef=user17@example.net") == "user#@example.net");
  CHECK(lasting("btv1==345a7b9c1==anna@example.net") == "anna@example.net");
  CHECK(lasting("msprvs1=17650vYbNyY-B=bounces@example.net") == "bounces@example.net");
  CHECK(lasting("prvs=@example.net") == "prvs=@example.net");
  CHECK(lasting("prvs=abc=@example.net") == "prvs=abc=@example.net");
  CHECK(lasting("btv1=anna@example.net") == "btv#=anna@example.net");
  // SRS
  CHECK(lasting("SRS0=HHHH=TT=example.org=anna@fwd.example") == "srs#=example.org=anna@fwd.example");
  CHECK(lasting("SRS0+aB3d=7Y=example.org=anna@fwd.example") == "srs#=example.org=anna@fwd.example");
  CHECK(lasting("SRS1=XYZ=first.example==HHH=TT=example.org=anna@fwd.example") ==
        "srs#=first.example=example.org=anna@fwd.example");
  CHECK(lasting("SRS0=@fwd.example") == "srs#=@fwd.example");
  CHECK(lasting("SRS1=a@fwd.example").ends_with("@fwd.example"));
}

TEST_CASE("greylist: by default only who has points waits") {
  CHECK_FALSE(Client({}).is_greylisted_now());
  CHECK(Client({fact(Check::rdns, Finding::rdns_missing)}).is_greylisted_now());
  Client observed({fact(Check::rdns, Finding::rdns_missing)});
  observed.settings.mode(Check::rdns) = Mode::observe;
  CHECK_FALSE(observed.is_greylisted_now());
  observed.settings.mode(Check::rdns) = Mode::enforce;
  observed.settings.doubtful_at = 3;
  CHECK_FALSE(observed.is_greylisted_now());
}

TEST_CASE("greylist: all, unknown, off; never who has negative points") {
  Client client({fact(Check::rdns, Finding::rdns_confirmed)});
  client.settings.greylist.apply = GreylistApply::all;
  CHECK(client.is_greylisted_now());
  CHECK(client.is_greylisted_now(true));
  client.settings.greylist.apply = GreylistApply::unknown;
  CHECK(client.is_greylisted_now());
  CHECK_FALSE(client.is_greylisted_now(true));
  client.settings.outcome(Check::rdns, Finding::rdns_confirmed) = Outcome::points(-1);
  CHECK_FALSE(client.is_greylisted_now());
  client.settings.greylist.apply = GreylistApply::all;
  CHECK_FALSE(client.is_greylisted_now());
  client.settings.outcome(Check::rdns, Finding::rdns_confirmed) = Outcome::ignored();
  client.settings.greylist.mode = Mode::off;
  CHECK_FALSE(client.is_greylisted_now());
}

TEST_CASE("greylist: waits for the facts that decide, and for those that its identity rests on") {
  const auto missing = fact(Check::rdns, Finding::rdns_missing);
  Client undecided({}, {{Check::rdns}});
  REQUIRE(std::holds_alternative<Need>(undecided.judged()));
  CHECK(std::get<Need>(undecided.judged()).facts == std::vector<mail::FactKey>{{Check::rdns}});
  Client nameless({missing}, {{Check::spf_mailfrom}, {Check::helo}});
  REQUIRE(std::holds_alternative<Need>(nameless.judged()));
  CHECK(std::get<Need>(nameless.judged()).facts == std::vector<mail::FactKey>{{Check::spf_mailfrom}});
  CHECK(Client({missing}, {{Check::helo}}).is_greylisted_now());
}

TEST_CASE("greylist: no early decision is contradicted by any completion") {
  for (const Finding helo : mail::findings_of(Check::helo))
    for (const Finding rdns : mail::findings_of(Check::rdns))
      for (const Finding spf : mail::findings_of(Check::spf_mailfrom)) {
        const Client whole(
            {fact(Check::helo, helo), fact(Check::rdns, rdns), fact(Check::spf_mailfrom, spf)});
        for (unsigned known = 0; known < 8; ++known) {
          Client part({});
          for (unsigned place = 0; place < 3; ++place) {
            const auto& one = whole.evidence.known[place];
            if ((known >> place & 1U) != 0)
              part.evidence.known.push_back(one);
            else
              part.evidence.pending.push_back(one.key);
          }
          const auto judged = part.judged();
          if (const bool* early = std::get_if<bool>(&judged)) CHECK(*early == whole.is_greylisted_now());
        }
      }
}
