#include <doctest/doctest.h>
#include <unistd.h>

#include "base/json_view.h"
#include "base/store/evidence_record.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::store;
using namespace std::chrono_literals;
using mail::Check;
using mail::Fact;
using mail::FactKey;
using mail::Finding;
using mail::Listed;

namespace {

const std::vector<std::string> kLists = {"bl.example", "wl.example"};

// As a log has it: an event around the facts.
std::string line_of(const mail::Evidence& evidence) {
  const ScratchDirectory directory;
  const std::string path = directory.file("log");
  write_file(path, "");
  std::FILE* file = std::fopen(path.c_str(), "we");
  REQUIRE(file);
  const TestClock clock;
  {
    EventLog log(fileno(file), LogFormat::json, clock);
    Event event("message");
    event.text("client", evidence.client.to_string()).number("evidence_form", kEvidenceForm);
    event.flag("sender_is_ours", evidence.sender_is_ours).begin_list("evidence");
    for (const Fact& fact : evidence.known) {
      event.begin_item();
      write_fact(event, fact);
      event.end_item();
    }
    event.end_list().begin_list("not_asked");
    for (const FactKey& key : evidence.pending) {
      event.begin_item();
      write_key(event, key, key.list < 0 ? "" : kLists.at(static_cast<std::size_t>(key.list)));
      event.text("why", "unanswered").end_item();
    }
    log.write(event.end_list());
  }
  std::fclose(file);
  return read_file(path);
}

void check_same(const Fact& one, const Fact& other) {
  CHECK(one.key == other.key);
  CHECK(one.finding == other.finding);
  CHECK(one.subject == other.subject);
  CHECK(one.listed == other.listed);
  CHECK(one.detail == other.detail);
  CHECK(one.mechanism == other.mechanism);
  CHECK(one.open == other.open);
  CHECK(one.codes == other.codes);
  CHECK(one.took == other.took);
  REQUIRE(one.asked.size() == other.asked.size());
  for (std::size_t i = 0; i < one.asked.size(); ++i) {
    CHECK(one.asked[i].question == other.asked[i].question);
    CHECK(one.asked[i].answer == other.asked[i].answer);
    CHECK(one.asked[i].took == other.asked[i].took);
    CHECK(one.asked[i].at_hand == other.asked[i].at_hand);
  }
}

Fact found(Check check, Finding finding) {
  Fact fact{.key = {check}, .finding = finding, .subject = "a.example"};
  if (check == Check::spf_mailfrom) {
    fact.detail = "the domain's own words";
    fact.mechanism = "-all";
    fact.open = finding == Finding::spf_pass;
  }
  if (check != Check::dnsbl) return fact;
  fact.key = {Check::dnsbl, 1, Listed::sender_domain};
  fact.subject = "wl.example";
  fact.listed = "a.example";
  fact.codes = {IpAddress::v4(0x7f000002), IpAddress::v4(0x7f00000b)};
  fact.detail = "\x1b[31m \"quoted\" \\ \xe2\x80\xae";
  fact.asked = {{"A x", "127.0.0.2", 12ms, false}, {"TXT x", "\"words\"", 0ms, true}};
  fact.took = 1234ms;
  return fact;
}

mail::Evidence everything() {
  mail::Evidence evidence;
  evidence.client = *IpAddress::parse("2001:db8::25");
  evidence.sender_is_ours = true;
  for (std::size_t check = 0; check < mail::kChecks; ++check)
    for (const Finding finding : mail::findings_of(static_cast<Check>(check)))
      evidence.known.push_back(found(static_cast<Check>(check), finding));
  evidence.pending = {{Check::rdns}, {Check::dnsbl, 0, Listed::client}};
  return evidence;
}

}  // namespace

TEST_CASE("evidence is read back as it was written") {
  const mail::Evidence written = everything();
  const std::string line = line_of(written);
  const auto event = JsonView::parse(line);
  REQUIRE(event);
  const auto read = read_evidence(event->root(), kLists);
  REQUIRE(read);
  CHECK(read->client == written.client);
  CHECK(read->sender_is_ours);
  CHECK(read->pending == written.pending);
  REQUIRE(read->known.size() == written.known.size());
  for (std::size_t i = 0; i < written.known.size(); ++i) check_same(read->known[i], written.known[i]);
}

TEST_CASE("a list is known by its name, wherever it stands today") {
  const std::string line = line_of(everything());
  const auto event = JsonView::parse(line);
  const std::vector<std::string> turned = {"new.example", "wl.example"}, gone = {"bl.example"};
  const auto read = read_evidence(event->root(), turned);
  REQUIRE(read);
  CHECK(read->known.size() == everything().known.size());
  CHECK(read->pending.size() == 1);  // bl.example is asked no more
  const auto without = read_evidence(event->root(), gone);
  CHECK(without->known.size() < everything().known.size());
  CHECK(without->pending.size() == 2);
}

TEST_CASE("another form of evidence, or what is none, is not read") {
  const auto read = [](const char* text) {
    const auto event = JsonView::parse(text);
    REQUIRE(event);
    return read_evidence(event->root(), kLists);
  };
  CHECK_FALSE(read(R"({"client":"192.0.2.1","evidence":[]})"));
  CHECK_FALSE(read(R"({"client":"192.0.2.1","evidence_form":2,"evidence":[]})"));
  CHECK_FALSE(read(R"({"client":"nobody","evidence_form":1,"evidence":[]})"));
  const auto odd = read(R"({"client":"192.0.2.1","evidence_form":1,"evidence":[1,{"check":"rdns"},
    {"check":"rdns","found":"pass"},{"check":"dnsbl","of":"x","subject":"bl.example","found":"clear"},
    {"check":"helo","found":"syntax"}]})");
  REQUIRE(odd);
  CHECK(odd->known.size() == 1);
  const auto upstream = read(R"({"client":"192.0.2.1","taken_from":"192.0.2.9","evidence_form":1})");
  CHECK(upstream->client == *IpAddress::parse("192.0.2.9"));
}
