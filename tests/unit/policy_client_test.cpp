#include <doctest/doctest.h>

#include <random>

#include "policy/client.h"

using namespace sallyport;
using namespace sallyport::policy;
using mail::Check;
using mail::Evidence;
using mail::Fact;
using mail::FactKey;
using mail::Finding;
using Action = ClientDecision::Action;

namespace {

IpAddress address(const char* text) { return IpAddress::parse(text).value(); }

CodeRange code(std::uint8_t low, std::uint8_t high, int weight) {
  return {{127, 0, 0, low}, {127, 0, 0, high}, weight};
}

ListSettings list(const char* zone, std::vector<CodeRange> codes) {
  ListSettings list;
  list.name = zone;
  list.codes = std::move(codes);
  return list;
}

CheckSettings two_lists() {
  CheckSettings settings = shipped_checks();
  settings.lists = {list("bl.example", {code(2, 11, 5)}), list("wl.example", {code(2, 3, -3)})};
  return settings;
}

constexpr FactKey kBad{Check::dnsbl, 0, mail::Listed::client};
constexpr FactKey kGood{Check::dnsbl, 1, mail::Listed::client};

Fact fact(Check check, Finding finding, std::string subject = "example.net") {
  return {{check, -1, mail::Listed::client}, finding, std::move(subject), {}, {}, {}, {}};
}

Fact listed(const FactKey& key, const char* code, std::string words = {}) {
  return {.key = key,
          .finding = Finding::dnsbl_listed,
          .subject = "zone",
          .detail = std::move(words),
          .codes = {address(code)}};
}

Evidence stranger(std::vector<Fact> known, std::vector<FactKey> pending = {}) {
  return {address("192.0.2.1"), false, mail::Facts(std::move(known)), std::move(pending)};
}

// The same, but that one fact is another.
void find_instead(Evidence& evidence, std::size_t place, Finding finding) {
  std::vector<Fact> facts(evidence.known.begin(), evidence.known.end());
  facts[place].finding = finding;
  evidence.known = mail::Facts(std::move(facts));
}

ClientDecision decided(const Evidence& evidence, const CheckSettings& settings, View view = View::acting) {
  auto verdict = judge_client(evidence, settings, view);
  REQUIRE(std::holds_alternative<ClientDecision>(verdict));
  return std::get<ClientDecision>(verdict);
}

bool undecided(const Evidence& evidence, const CheckSettings& settings) {
  return std::holds_alternative<Need>(judge_client(evidence, settings));
}

std::string refused_with(const Evidence& evidence, const CheckSettings& settings) {
  const auto decision = decided(evidence, settings);
  REQUIRE(decision.action != Action::accept);
  return refusal(decision, evidence, settings).reply.wire("id1");
}

}  // namespace

TEST_CASE("a list's codes: only what is configured counts, octet by octet") {
  ListSettings zone = list("wl.example", {{{127, 0, 0, 2}, {127, 0, 255, 3}, -3}, code(10, 11, 4)});
  CHECK(zone.weight({address("127.0.5.2")}) == -3);
  CHECK(zone.weight({address("127.0.5.4")}) == 0);
  CHECK(zone.weight({address("127.0.5.2"), address("127.0.0.10")}) == 4);
  CHECK(zone.weight({address("127.255.255.254")}) == 0);
  CHECK(zone.weight({address("2001:db8::1")}) == 0);
  CHECK(zone.least() == -3);
  CHECK(zone.most() == 4);
}

TEST_CASE("a listing rejects at once unless a good list may still speak for the client") {
  const auto settings = two_lists();
  CHECK(decided(stranger({listed(kBad, "127.0.0.4")}), settings).action == Action::reject);
  CHECK(undecided(stranger({listed(kBad, "127.0.0.4")}, {kGood}), settings));
  const auto saved = stranger({listed(kBad, "127.0.0.4"), listed(kGood, "127.0.0.2")});
  CHECK(decided(saved, settings).action == Action::accept);
  CHECK(decided(saved, settings).score == 2);
}

TEST_CASE("a decision does not wait for what cannot change it") {
  const auto settings = two_lists();
  // Nothing pending can reject alone, and all of it together stays below the threshold.
  CHECK(decided(stranger({}, {kGood, {Check::rdns}}), settings).action == Action::accept);
  // HELO may: it could be our own name.
  CHECK(undecided(stranger({}, {{Check::helo}}), settings));
  // And what rejects alone is not saved by points.
  const auto own = stranger({fact(Check::helo, Finding::helo_own_name)}, {kGood, kBad, {Check::rdns}});
  CHECK(decided(own, settings).action == Action::reject);
}

TEST_CASE("what is needed are the facts that matter, and no others") {
  const auto verdict =
      judge_client(stranger({fact(Check::rdns, Finding::rdns_missing)}, {kBad, {Check::early_talker}}), [] {
        auto settings = two_lists();
        settings.mode(Check::early_talker) = Mode::observe;
        return settings;
      }());
  REQUIRE(std::holds_alternative<Need>(verdict));
  CHECK(std::get<Need>(verdict).facts == std::vector{kBad});
}

TEST_CASE("temporary failures delay a mail and never refuse it for good") {
  auto settings = shipped_checks();
  settings.outcome(Check::rdns, Finding::rdns_temporary) = Outcome::points(9);
  CHECK(decided(stranger({fact(Check::rdns, Finding::rdns_temporary)}), settings).action == Action::defer);
  settings.outcome(Check::rdns, Finding::rdns_temporary) = Outcome::rejected();
  CHECK(decided(stranger({fact(Check::rdns, Finding::rdns_temporary)}), settings).action == Action::defer);

  settings = shipped_checks();
  settings.own_sender = Outcome::rejected();
  auto evidence = stranger({fact(Check::spf_mailfrom, Finding::spf_temperror)});
  evidence.sender_is_ours = true;
  CHECK(decided(evidence, settings).action == Action::defer);
}

TEST_CASE("a permanent refusal beats a temporary one, also one that is still on its way") {
  const auto settings = two_lists();
  const Fact later = fact(Check::sender_domain, Finding::sender_temporary);
  CHECK(undecided(stranger({later}, {kBad}), settings));
  CHECK(decided(stranger({later, listed(kBad, "127.0.0.4")}), settings).action == Action::reject);
  CHECK(decided(stranger({later}, {kGood}), settings).action == Action::defer);

  // What is on its way could only delay the mail, which is delayed already.
  auto doubtful = shipped_checks();
  doubtful.outcome(Check::rdns, Finding::rdns_temporary) = Outcome::points(9);
  CHECK(decided(stranger({later}, {{Check::rdns}}), doubtful).action == Action::defer);
}

TEST_CASE("observe and off: recorded or not asked, never acted on") {
  auto settings = two_lists();
  settings.mode(Check::dnsbl) = Mode::observe;
  const auto evidence = stranger({listed(kBad, "127.0.0.4")});
  CHECK(decided(evidence, settings).action == Action::accept);
  CHECK(decided(evidence, settings, View::would_be).action == Action::reject);
  settings.mode(Check::dnsbl) = Mode::off;
  CHECK(decided(evidence, settings, View::would_be).action == Action::accept);
  settings.mode(Check::dnsbl) = Mode::enforce;
  settings.lists[0].mode = Mode::observe;
  CHECK(decided(evidence, settings).action == Action::accept);
  settings.lists[0].mode = Mode::enforce;
  settings.lists[0].flag = true;
  CHECK(decided(evidence, settings).action == Action::accept);
}

TEST_CASE("a good list that fails for now may delay mail, and lets nothing be refused for good") {
  CheckSettings settings = shipped_checks();
  settings.lists = {list("bl.example", {code(2, 11, 5)}), list("wl.example", {code(2, 3, -3)})};
  const FactKey bad{Check::dnsbl, 0}, good{Check::dnsbl, 1};
  auto evidence = stranger({listed(bad, "127.0.0.2"), {.key = good, .finding = Finding::dnsbl_temporary}});
  CHECK(decided(evidence, settings).action == Action::defer);
  find_instead(evidence, 1, Finding::dnsbl_clear);
  CHECK(decided(evidence, settings).action == Action::reject);
  find_instead(evidence, 1, Finding::dnsbl_silent);
  CHECK(decided(evidence, settings).action == Action::defer);
}

TEST_CASE(
    "whatever might speak for the client, and cannot be looked up now, lets nothing be refused for good") {
  CheckSettings settings = shipped_checks();
  settings.reject_at = 3;
  settings.outcome(Check::spf_mailfrom, Finding::spf_pass) = Outcome::points(-2);
  settings.outcome(Check::rdns, Finding::rdns_confirmed) = Outcome::points(-2);
  settings.outcome(Check::rdns, Finding::rdns_generic) = Outcome::points(3);
  for (const auto& [failed, known] :
       {std::pair(fact(Check::spf_mailfrom, Finding::spf_temperror), Finding::spf_none),
        std::pair(fact(Check::rdns, Finding::rdns_temporary), Finding::rdns_mismatch)}) {
    auto evidence = stranger({fact(Check::early_talker, Finding::early_talked), failed});
    CHECK(decided(evidence, settings).action == Action::defer);
    find_instead(evidence, 1, known);
    CHECK(decided(evidence, settings).action == Action::reject);
  }
  // One of its names is known to be that of a pool.
  auto generic = fact(Check::rdns, Finding::rdns_generic, "dyn-1.example");
  CHECK(decided(stranger({generic}), settings).action == Action::reject);
  generic.in_doubt = true;
  CHECK(decided(stranger({generic}), settings).action == Action::defer);
  settings.outcome(Check::rdns, Finding::rdns_generic) = Outcome::rejected();
  CHECK(decided(stranger({generic}), settings).action == Action::defer);
}

TEST_CASE("what a list says of one reverse name is in doubt while another cannot be looked up") {
  auto settings = two_lists();
  settings.lists[0].of = {mail::Listed::reverse_name};
  const FactKey of_name{Check::dnsbl, 0, mail::Listed::reverse_name};
  auto name = fact(Check::rdns, Finding::rdns_confirmed, "h.example");
  CHECK(decided(stranger({name, listed(of_name, "127.0.0.4")}), settings).action == Action::reject);
  name.in_doubt = true;
  CHECK(decided(stranger({name, listed(of_name, "127.0.0.4")}), settings).action == Action::defer);
}

TEST_CASE("our own domain as a stranger's sender") {
  auto settings = shipped_checks();
  auto evidence = stranger({fact(Check::spf_mailfrom, Finding::spf_none, "local.host")});
  CHECK(decided(evidence, settings).score == 0);
  evidence.sender_is_ours = true;
  CHECK(decided(evidence, settings).score == 1);
  find_instead(evidence, 0, Finding::spf_fail);
  CHECK(decided(evidence, settings).action ==
        Action::accept);  // whoever forwards our mail keeps its sender
  settings.own_sender = Outcome::points(2);
  const auto decision = decided(evidence, settings);
  CHECK(decision.action == Action::reject);  // 3 and 2
  CHECK(refusal(decision, evidence, settings).reply.text ==
        "Mail from [192.0.2.1] refused: SPF of local.host does not permit this address, local.host is a "
        "domain of ours, and SPF does not vouch for this address");
  find_instead(evidence, 0, Finding::spf_pass);
  CHECK(decided(evidence, settings).score == 0);
}

TEST_CASE("our own domain as a stranger's sender counts where SPF is off: nobody knows of a pass") {
  auto settings = shipped_checks();
  settings.own_sender = Outcome::points(5);
  settings.mode(Check::spf_mailfrom) = Mode::off;
  auto evidence = stranger({fact(Check::rdns, Finding::rdns_confirmed)});
  CHECK(decided(evidence, settings).action == Action::accept);
  evidence.sender_is_ours = true;
  const auto decision = decided(evidence, settings);
  CHECK(decision.action == Action::reject);
  CHECK(refusal(decision, evidence, settings).reply.text ==
        "Mail from [192.0.2.1] refused: the sender's domain is one of ours, and nothing vouches for this "
        "address");
  settings.own_sender = Outcome::rejected();
  CHECK(refusal(decided(evidence, settings), evidence, settings).reply.code == 550);
  settings.mode(Check::spf_mailfrom) = Mode::observe;  // asked, and then judged by its result
  CHECK(decided(evidence, settings).action == Action::accept);
}

TEST_CASE("every refusal says what was found") {
  auto settings = two_lists();
  CHECK(refused_with(stranger({listed(kBad, "127.0.0.4", "https://bl.example/?192.0.2.1")}), settings) ==
        "550 5.7.1 Mail from [192.0.2.1] refused: listed by bl.example (https://bl.example/?192.0.2.1); id "
        "id1\r\n");
  settings.lists[0].secret = true;
  settings.lists[0].name = "a paid list";
  CHECK(refused_with(stranger({listed(kBad, "127.0.0.4", "key 4711")}), settings) ==
        "550 5.7.1 Mail from [192.0.2.1] refused: listed by a paid list; id id1\r\n");
  CHECK(refused_with(stranger({fact(Check::sender_domain, Finding::sender_missing)}), settings) ==
        "550 5.1.8 Sender address refused: the domain example.net does not exist; id id1\r\n");
  CHECK(refused_with(stranger({fact(Check::sender_domain, Finding::sender_null_mx)}), settings) ==
        "550 5.7.27 Sender address refused: the domain example.net takes no mail (null MX); id id1\r\n");
  CHECK(
      refused_with(stranger({fact(Check::sender_domain, Finding::sender_temporary)}), settings) ==
      "451 4.4.3 Cannot tell yet: the domain example.net cannot be looked up now; please try again later; "
      "id id1\r\n");
  CHECK(
      refused_with(stranger({fact(Check::spf_helo, Finding::spf_fail)}), settings) ==
      "550 5.7.23 Mail from [192.0.2.1] refused: SPF of HELO example.net does not permit this address; id "
      "id1\r\n");
}

TEST_CASE("a stranger's words cannot leave their place") {
  const auto settings = two_lists();
  const auto wire = refused_with(
      stranger({listed(kBad, "127.0.0.4", "x\r\n250 ok\r\n" + std::string(600, 'y'))}), settings);
  CHECK(wire.find("\r\n250 ok") == std::string::npos);
  CHECK(wire.size() < 700);
}

TEST_CASE("a list's words are cut behind a word, and only if one line cannot hold them") {
  const auto settings = two_lists();
  const std::string link = "https://bl.test/query/" + std::string(50, 'q');
  const auto with = [&](const std::string& words) {
    return refused_with(stranger({listed(kBad, "127.0.0.4", words)}), settings);
  };
  const std::string fits = std::string(200, 'w') + ' ' + link;
  CHECK(with(fits).find('(' + fits + ')') != std::string::npos);
  const std::string longer = std::string(240, 'w') + ' ' + link;
  CHECK(with(longer).find('(' + std::string(240, 'w') + " ...)") != std::string::npos);
  for (const auto& wire : {with(fits), with(longer), with(std::string(600, 'y'))}) {
    CHECK(wire.size() <= 512);
    CHECK(wire.find("\r\n") == wire.size() - 2);
  }
}

// -- the property ------------------------------------------------------------------------------------

namespace {

class Chance {
 public:
  explicit Chance(unsigned seed) : engine_(seed) {}
  int below(int bound) { return std::uniform_int_distribution(0, bound - 1)(engine_); }
  bool one_in(int many) { return below(many) == 0; }

  Outcome outcome() {
    const int kind = below(20);
    if (kind == 0) return Outcome::rejected();
    if (kind == 1) return Outcome::deferred();
    return kind < 10 ? Outcome::ignored() : Outcome::points(below(8) - 3);
  }

  Mode mode() { return one_in(5) ? Mode::observe : one_in(8) ? Mode::off : Mode::enforce; }

  CheckSettings settings() {
    CheckSettings settings;
    for (auto& row : settings.outcomes)
      for (auto& cell : row) cell = outcome();
    settings.own_sender = outcome();
    settings.reject_at = 1 + below(8);
    for (Mode& one : settings.modes) one = mode();
    for (int zone = 0; zone < 2; ++zone) {
      settings.lists.push_back(list("zone", {code(2, 3, below(9) - 3), code(3, 4, below(9) - 3)}));
      settings.lists.back().mode = mode();
      settings.lists.back().flag = one_in(6);
    }
    for (const Finding finding : mail::findings_of(Check::dnsbl))
      settings.outcome(Check::dnsbl, finding) = Outcome::ignored();
    return settings;
  }

  Fact complete(const FactKey& key) {
    const auto findings = mail::findings_of(key.check);
    Fact fact{key,       findings[static_cast<std::size_t>(below(static_cast<int>(findings.size())))],
              "subject", {},
              {},        {},
              {}};
    if (fact.finding == Finding::dnsbl_listed) {
      fact.codes.push_back(IpAddress::v4(0x7f000002U + static_cast<unsigned>(below(4))));
      if (one_in(3)) fact.codes.push_back(IpAddress::v4(0x7f000003U));
    }
    return fact;
  }

 private:
  std::mt19937 engine_;
};

const std::vector<FactKey> kAllKeys = {
    {Check::early_talker}, {Check::rdns},          {Check::helo}, {Check::spf_helo},
    {Check::spf_mailfrom}, {Check::sender_domain}, kBad,          kGood};

}  // namespace

TEST_CASE("codes of lists are ranges, octet by octet") {
  const auto holds = [](const char* range, const char* code) {
    const auto parsed = CodeRange::parse(range);
    return parsed && parsed->contains(*IpAddress::parse(code));
  };
  CHECK(holds("127.0.0.2", "127.0.0.2"));
  CHECK_FALSE(holds("127.0.0.2", "127.0.0.3"));
  CHECK(holds("127.0.0.2-127.0.0.11", "127.0.0.11"));
  CHECK_FALSE(holds("127.0.0.2-127.0.0.11", "127.0.0.12"));
  CHECK(holds("127.0.*.2-3", "127.0.200.3"));
  CHECK_FALSE(holds("127.0.*.2-3", "127.0.200.4"));
  CHECK(CodeRange::parse("127.0.*.2-3")->to_string() == "127.0.*.2-3");
  CHECK(CodeRange::parse("127.0.0.2-127.0.0.11")->to_string() == "127.0.0.2-11");
  for (const char* text :
       {"", "127.0.0", "127.0.0.2.3", "128.0.0.2", "192.0.2.1", "127.0.0.256", "127.0.0.3-2", "127.0.0.",
        "127.255.255.254", "127.255.255.*", "127.0.0.2-", "*.0.0.2", "127.0.0.9-127.0.0.2", "::1-::2"})
    CHECK_MESSAGE(!CodeRange::parse(text), text);
}

TEST_CASE("no early decision is contradicted by any completion of its evidence") {
  int early = 0;
  for (unsigned seed = 0; seed < 4000; ++seed) {
    Chance chance(seed);
    const CheckSettings settings = chance.settings();
    Evidence evidence = stranger({});
    evidence.sender_is_ours = chance.one_in(3);
    for (const FactKey& key : kAllKeys) {
      if (chance.one_in(2))
        evidence.known.push_back(chance.complete(key));
      else if (!chance.one_in(4))
        evidence.pending.push_back(key);
    }
    const auto verdict = judge_client(evidence, settings);
    std::vector<Action> seen;
    for (int completion = 0; completion < 40; ++completion) {
      Evidence whole = evidence;
      whole.pending.clear();
      for (const FactKey& key : evidence.pending) whole.known.push_back(chance.complete(key));
      seen.push_back(decided(whole, settings).action);
    }
    if (const auto* decision = std::get_if<ClientDecision>(&verdict)) {
      early += evidence.pending.empty() ? 0 : 1;
      for (const Action action : seen) REQUIRE_MESSAGE(action == decision->action, "seed " << seed);
    } else {
      REQUIRE_FALSE(std::get<Need>(verdict).facts.empty());
      for (const FactKey& key : std::get<Need>(verdict).facts) CHECK(evidence.find(key) == nullptr);
    }
  }
  CHECK(early > 500);
}
