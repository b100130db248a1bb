#include <doctest/doctest.h>

#include "policy/recipient.h"
#include "tests/unit/envelope_support.h"

using namespace sallyport;
using namespace sallyport::policy;
using sallyport::testing::path;

namespace {

constexpr const char* kRelayPatterns = "*!*\n\"*@*\"\n\"*@*\"@*\n";

WildcardList list(const char* text) {
  std::vector<WildcardList::Fault> faults;
  auto parsed = WildcardList::parse(text, "lists/test", faults);
  CHECK(faults.empty());
  return parsed;
}

Settings site() {
  Settings settings;
  settings.hostname = "mx.local.host";
  settings.domains.add("local.host", "inside");
  settings.domains.add("*.wild.host", "wild");
  settings.outbound_route = "out";
  settings.trusted_networks = {{*Network::parse("10.0.0.0/24")}};
  settings.barring.recipients.list = list(kRelayPatterns);
  return settings;
}

ClientFacts stranger() { return {*IpAddress::parse("192.0.2.1"), {}, {}, {}}; }
ClientFacts trusted() { return {*IpAddress::parse("10.0.0.7"), {}, {}, {}}; }

std::string outcome(const ClientFacts& client, const char* recipient, const Settings& settings) {
  auto verdict = judge_recipient(client, nullptr, path(recipient), settings);
  if (auto* accept = std::get_if<Accept>(&verdict)) return accept->route + (accept->role ? " role" : "");
  const auto& reply = std::get<Refuse>(verdict).reply;
  return std::to_string(reply.code) + " " + reply.enhanced.to_string() + " " + reply.text;
}

}  // namespace

TEST_CASE("R04 bang and quoted paths are barred by default with the list's text") {
  for (const char* barred : {"remote.host!user@local.host", "remote.host!user", "\"user@remote.host\"",
                             "\"user@remote.host\"@local.host", "\"a b@c\"@local.host"})
    CHECK_MESSAGE(outcome(stranger(), barred, site()) == "550 5.7.1 Address barred", barred);
}

TEST_CASE("R04 R05 unbarred, such paths are local or nothing: never relayed, not even for the trusted") {
  Settings settings = site();
  settings.barring.recipients = {};
  CHECK(outcome(trusted(), "remote.host!user@foreign.host", settings) ==
        "550 5.7.1 cannot relay for foreign.host");
  CHECK(outcome(trusted(), "\"user@remote.host\"@foreign.host", settings) ==
        "550 5.7.1 cannot relay for foreign.host");
  CHECK(outcome(trusted(), "remote.host!user@local.host", settings) == "inside");
  CHECK(outcome(trusted(), "\"user@remote.host\"@local.host", settings) ==
        "550 5.7.1 cannot relay for remote.host");
}

TEST_CASE("R04 R05 unbarred, no next hop is shown a path to another host") {
  Settings settings = site();
  settings.barring.recipients = {};
  for (const char* hack :
       {R"("user@remote.host"@local.host)", R"("user\@remote.host"@local.host)",
        "remote.host!user@local.host", R"("remote.host!user"@local.host)",
        R"("remote.host\!user"@local.host)", R"("@local.host:user@remote.host"@local.host)"})
    CHECK_MESSAGE(outcome(stranger(), hack, settings) == "550 5.7.1 cannot relay for remote.host", hack);
  CHECK(outcome(stranger(), R"("\@"@local.host)", settings) == "550 5.7.1 cannot relay for local.host");
  CHECK(outcome(stranger(), "!a!user@local.host", settings) == "550 5.7.1 cannot relay for local.host");
  for (const char* name : {"wow!@local.host", "!user@local.host", R"("a user"@local.host)"})
    CHECK_MESSAGE(outcome(stranger(), name, settings) == "inside", name);
}

TEST_CASE("R02 the percent hack is refused in the seed's words, to everybody") {
  CHECK(outcome(stranger(), "u%foreign.host@local.host", site()) ==
        "550 5.7.1 forwarding percent hack is not permitted");
  CHECK(outcome(stranger(), "a%b%c.d@local.host", site()) ==
        "550 5.7.1 forwarding percent hack is not permitted");
  CHECK(outcome(trusted(), "u%x.y@foreign.host", site()) ==
        "550 5.7.1 forwarding percent hack is not permitted");
  for (const char* quoted : {R"("u%foreign.host"@local.host)", R"("u\%foreign.host"@local.host)"})
    CHECK_MESSAGE(
        outcome(stranger(), quoted, site()) == "550 5.7.1 forwarding percent hack is not permitted",
        quoted);
}

TEST_CASE("R03 a source route is judged by where it ends") {
  CHECK(outcome(stranger(), "@local.host:user@remote.host", site()) ==
        "550 5.7.1 cannot relay for remote.host");
  CHECK(outcome(stranger(), "@remote.host:user@local.host", site()) == "inside");
  CHECK(outcome(stranger(), "@a.host,@b.host:user@local.host", site()) == "inside");
}

TEST_CASE("the right to relay comes from three things only") {
  Settings settings = site();
  settings.client_certificates = {{"ab12"}, {"printer.local.host"}};
  CHECK(relay_right(stranger(), settings) == RelayRight::none);
  CHECK(relay_right(trusted(), settings) == RelayRight::trusted_network);
  ClientFacts client = stranger();
  client.authenticated = "anna";
  CHECK(relay_right(client, settings) == RelayRight::authenticated);
  client = stranger();
  client.certificate_fingerprint = "ab12";
  CHECK(relay_right(client, settings) == RelayRight::client_certificate);
  client = stranger();
  client.certificate_name = "printer.local.host";
  CHECK(relay_right(client, settings) == RelayRight::client_certificate);
  client.certificate_name = "other.local.host";
  CHECK(relay_right(client, settings) == RelayRight::none);
}

TEST_CASE("R16 nothing that a stranger says makes them trusted") {
  Settings settings = site();
  settings.trusted_networks = {{*Network::parse("127.0.0.0/8")}};
  for (const char* address : {"0.0.0.0", "2002:7f00:0001::1", "::127.0.0.1", "128.0.0.1"})
    CHECK(relay_right({*IpAddress::parse(address), {}, {}, {}}, settings) == RelayRight::none);
  mail::Path own = path("boss@local.host");
  auto verdict = judge_recipient(stranger(), &own, path("x@foreign.host"), settings);
  CHECK(std::get<Refuse>(verdict).why == Refusal::relay);
}

TEST_CASE("the four cases of local and remote") {
  CHECK(outcome(stranger(), "user@local.host", site()) == "inside");
  CHECK(outcome(stranger(), "user@remote.host", site()) == "550 5.7.1 cannot relay for remote.host");
  CHECK(outcome(trusted(), "user@local.host", site()) == "inside");
  CHECK(outcome(trusted(), "user@remote.host", site()) == "out");
  Settings closed = site();
  closed.outbound_route.reset();
  CHECK(outcome(trusted(), "user@remote.host", closed) == "550 5.7.1 cannot relay for remote.host");
}

TEST_CASE("R11 address literals are nobody's domain") {
  for (const char* literal : {"u@[127.0.0.1]", "u@[IPv6:::1]", "u@[1.2.3.4]"}) {
    CHECK(outcome(stranger(), literal, site()).starts_with("550 5.7.1 cannot relay for ["));
    CHECK(outcome(trusted(), literal, site()).starts_with("550 5.7.1 cannot relay for ["));
  }
}

TEST_CASE("R12 only exact names and explicit wildcards are ours") {
  for (const char* foreign : {"u@xlocal.host", "u@local.host.evil", "u@sub.local.host", "u@wild.host"})
    CHECK_MESSAGE(outcome(stranger(), foreign, site()).starts_with("550 5.7.1 cannot relay"), foreign);
  CHECK(outcome(stranger(), "u@a.wild.host", site()) == "wild");
  CHECK(outcome(stranger(), "u@a.b.wild.host", site()) == "wild");
  CHECK(outcome(stranger(), "u@LOCAL.Host", site()) == "inside");
}

TEST_CASE("R13 of bare names only postmaster is taken") {
  CHECK(outcome(stranger(), "PostMaster", site()) == "inside role");
  CHECK(outcome(stranger(), "user", site()) == "550 5.1.3 A recipient needs a domain");
  CHECK(outcome(trusted(), "user", site()) == "550 5.1.3 A recipient needs a domain");
}

TEST_CASE("role addresses pass the barring lists") {
  Settings settings = site();
  settings.barring.recipients.list = list("*");
  settings.barring.senders.list = list("*");
  CHECK(outcome(stranger(), "ABUSE@local.host", settings) == "inside role");
  CHECK(outcome(stranger(), "postmaster@local.host", settings) == "inside role");
  CHECK(outcome(stranger(), "postmaster@foreign.host", settings) == "550 5.7.1 Address barred");
  CHECK(outcome(stranger(), "Postmaster", settings) == "inside role");
  CHECK(outcome(stranger(), R"("postmaster")", settings) == "550 5.7.1 Address barred");
  CHECK(outcome(stranger(), R"("postmaster"@local.host)", settings) == "inside role");
  CHECK(outcome(stranger(), "abuse", settings) == "550 5.7.1 Address barred");
}

TEST_CASE("for the record, what would become of a role address if it were none") {
  Settings settings = site();
  const auto otherwise = [&](const char* recipient) {
    auto verdict = judge_recipient(stranger(), nullptr, path(recipient), settings, Sparing::nobody);
    const auto* refusal = std::get_if<Refuse>(&verdict);
    return refusal ? refusal->entry : "accepted";
  };
  CHECK(otherwise("postmaster@local.host") == "accepted");
  CHECK(otherwise("Postmaster") == "accepted");
  settings.barring.recipients.list = list("# all but\n*@local.host\n~user@local.host\nAbuse@*\n");
  CHECK(otherwise("postmaster@local.host") == "*@local.host");
  CHECK(otherwise("abuse@local.host") == "abuse@*");
}

TEST_CASE("quotes lead past no barring list") {
  Settings settings = site();
  settings.barring.recipients.list = list("gone@local.host\n\"of course\"@local.host\n");
  for (const char* gone : {R"("gone"@local.host)", R"("go\ne"@LOCAL.host)", R"("of\ course"@local.host)"})
    CHECK_MESSAGE(outcome(stranger(), gone, settings) == "550 5.7.1 Address barred", gone);
  settings.barring.senders.list = list("spammer@spam.host");
  mail::Path spammer = path(R"("spam\mer"@spam.host)");
  auto verdict = judge_recipient(stranger(), &spammer, path("u@local.host"), settings);
  CHECK(std::get<Refuse>(verdict).why == Refusal::barred_sender);
}

TEST_CASE("a line that clears an address clears every spelling of it") {
  Settings settings = site();
  settings.barring.recipients.list = list("*@*\n~joe@local.host\n~\"of course\"@local.host\n");
  for (const char* cleared : {"Joe@local.host", R"("joe"@local.host)", R"("of\ course"@local.host)"})
    CHECK_MESSAGE(outcome(stranger(), cleared, settings) == "inside", cleared);
  settings.barring.recipients.list = list("~joe@local.host\n*@*\n");
  CHECK(outcome(stranger(), R"("joe"@local.host)", settings) == "550 5.7.1 Address barred");
  settings.barring.senders.list = list("*@*\n~*@bücher.example\n");
  settings.barring.recipients = {};
  for (const char* sender : {"joe@bücher.example", "joe@xn--bcher-kva.example"}) {
    mail::Path from;
    REQUIRE(mail::parse_path(sender, {.smtputf8 = true}, from) == mail::PathFault::none);
    CHECK(
        std::holds_alternative<Accept>(judge_recipient(stranger(), &from, path("u@local.host"), settings)));
  }
}

TEST_CASE("a barred sender is refused at the recipient, the null sender never") {
  Settings settings = site();
  settings.barring.senders.list = list("*@spam.host");
  settings.barring.senders.reply = "go away";
  mail::Path spammer = path("x@spam.host"), null = path("");
  auto verdict = judge_recipient(stranger(), &spammer, path("u@local.host"), settings);
  REQUIRE(std::holds_alternative<Refuse>(verdict));
  CHECK(std::get<Refuse>(verdict).reply.text == "go away");
  CHECK(std::get<Refuse>(verdict).rule == "lists/test:1");
  CHECK(std::get<Refuse>(verdict).entry == "*@spam.host");
  CHECK(std::holds_alternative<Accept>(judge_recipient(stranger(), &null, path("u@local.host"), settings)));
}

TEST_CASE("each barring list that only observes is told, whatever the other says") {
  const auto observed = [](Mode recipients, Mode senders) {
    Settings settings = site();
    settings.barring.recipients.list = list("u@local.host\n");
    settings.barring.senders.list = list("\nspammer@spam.net\n");
    settings.barring.recipients.mode = recipients;
    settings.barring.senders.mode = senders;
    const mail::Path from = path("spammer@spam.net");
    const auto verdict = judge_recipient(stranger(), &from, path("u@local.host"), settings);
    return std::visit([](const auto& one) { return one.observed; }, verdict);
  };
  const std::string recipient = "barred-recipient lists/test:1", sender = "barred-sender lists/test:2";
  CHECK(observed(Mode::observe, Mode::observe) == recipient + ", " + sender);
  CHECK(observed(Mode::observe, Mode::enforce) == recipient);
  CHECK(observed(Mode::enforce, Mode::observe) == sender);
  CHECK(observed(Mode::enforce, Mode::enforce).empty());
  CHECK(observed(Mode::off, Mode::observe) == sender);
}

TEST_CASE("a barred sender does not relay out either") {
  Settings settings = site();
  settings.barring.senders.list = list("*@spam.host");
  mail::Path spammer = path("x@spam.host");
  auto verdict = judge_recipient(trusted(), &spammer, path("u@remote.host"), settings);
  CHECK(std::get<Refuse>(verdict).why == Refusal::barred_sender);
  verdict = judge_recipient(stranger(), &spammer, path("u@remote.host"), settings);
  CHECK(std::get<Refuse>(verdict).why == Refusal::relay);
}

TEST_CASE("C20 fifty hops are enough, and three passes through here") {
  CHECK(!judge_trace(50, 3, site()));
  CHECK(judge_trace(51, 0, site())->reply.code == 554);
  CHECK(judge_trace(51, 0, site())->reply.enhanced.to_string() == "5.4.6");
  CHECK(judge_trace(4, 4, site())->reply.code == 554);
}

TEST_CASE("a harvest is more than ten recipients, of which more than half do not exist") {
  constexpr int kAsked = 10;
  RecipientTally tally;
  for (int i = 0; i < kAsked; ++i) tally.count(false);
  CHECK(!tally.is_harvest(kAsked));
  tally.count(true);
  CHECK(tally.is_harvest(kAsked));
  CHECK(!tally.is_harvest(0));
  for (int i = 0; i < kAsked - 1; ++i) tally.count(true);
  CHECK(!tally.is_harvest(kAsked));  // 10 of 20
  tally.count(false);
  CHECK(tally.is_harvest(kAsked));
}

TEST_CASE("A09 every refusal has a code, an enhanced code of its class, words and help") {
  for (const mail::RefusalText& entry : mail::refusal_texts()) {
    CAPTURE(entry.name);
    CHECK(entry.code / 100 == entry.enhanced.klass);
    CHECK(!std::string_view(entry.text).empty());
    CHECK(!std::string_view(entry.help).empty());
    CHECK_FALSE(std::string_view(entry.help).starts_with("The same"));  // `explain` has no line above it
    std::string wire = mail::reply(entry.refusal, "detail").wire("3kf9q7m2c1x");
    CHECK(wire.size() <= 512);
    CHECK(wire.ends_with("; id 3kf9q7m2c1x\r\n"));
  }
}
