// Whom our users write to: who becomes a correspondent, and how he is known again.
#include <doctest/doctest.h>

#include "policy/correspondents.h"
#include "policy/recipient.h"
#include "policy/settings.h"
#include "tests/unit/envelope_support.h"

using namespace sallyport;
using namespace sallyport::policy;
using namespace std::chrono_literals;
using sallyport::testing::kNow;
using sallyport::testing::path;

namespace {

struct Site {
  Settings settings;
  ClientFacts inside, outside;
  CorrespondentSettings& correspondents = settings.sender_lists.correspondents;

  Site() {
    settings.domains.add("our.test", "r");
    settings.domains.add("*.our.test", "r");
    settings.outbound_route = "r";
    settings.trusted_networks = {{*Network::parse("10.0.0.0/8")}};
    inside.address = *IpAddress::parse("10.0.0.7");
    outside.address = *IpAddress::parse("192.0.2.1");
  }

  bool teaches(std::string_view from, std::string_view to, bool automatic = false,
               std::size_t recipients = 1) {
    return makes_correspondent({inside, path(from), recipients, automatic}, path(to), settings);
  }
};

}  // namespace

TEST_CASE("correspondents: whom a user of ours writes to, and nobody else") {
  Site site;
  CHECK(site.teaches("anna@our.test", "joe@ext.test"));
  CHECK(site.teaches("anna@sub.our.test", "joe@ext.test"));
  CHECK_FALSE(site.teaches("", "joe@ext.test"));
  CHECK_FALSE(site.teaches("anna@elsewhere.test", "joe@ext.test"));
  CHECK_FALSE(site.teaches("anna@our.test", "bert@our.test"));
  CHECK_FALSE(site.teaches("anna@our.test", "bert@sub.our.test"));
}

TEST_CASE("correspondents: only clients with the right to relay teach") {
  Site site;
  const auto anna = path("anna@our.test"), joe = path("joe@ext.test");
  CHECK_FALSE(makes_correspondent({site.outside, anna, 1, false}, joe, site.settings));
  site.outside.authenticated = "anna";
  CHECK(makes_correspondent({site.outside, anna, 1, false}, joe, site.settings));
}

TEST_CASE("correspondents: neither automatic mail nor a newsletter teaches") {
  Site site;
  CHECK_FALSE(site.teaches("anna@our.test", "joe@ext.test", true));
  CHECK(site.teaches("anna@our.test", "joe@ext.test", false, 20));
  CHECK_FALSE(site.teaches("anna@our.test", "joe@ext.test", false, 21));
  site.correspondents.mode = Mode::observe;
  CHECK(site.teaches("anna@our.test", "joe@ext.test"));
  site.correspondents.mode = Mode::off;
  CHECK_FALSE(site.teaches("anna@our.test", "joe@ext.test"));
}

TEST_CASE("correspondents: a mailbox is the same with and without what stands behind +") {
  CHECK(mailbox_of(path("Anna+shop@Our.Test")) == "anna@our.test");
  CHECK(mailbox_of(path("anna@our.test")) == "anna@our.test");
  CHECK(mailbox_of(path("JÖRG+shop@our.test")) == "jörg@our.test");
  CHECK(mailbox_of(path("+anna@our.test")) == "+anna@our.test");
  CHECK(mailbox_of(path("\"Anna\"@our.test")) == "anna@our.test");
  CHECK(mailbox_of(path("\"anna +shop\"@our.test")) == "\"anna +shop\"@our.test");
}

TEST_CASE("correspondents: a sender is known by what lasts, and never by a number less") {
  const auto same = [](std::string_view one, std::string_view other) {
    return correspondent_of(path(one)) == correspondent_of(path(other));
  };
  CHECK(same("joe@ext.test", "prvs=1234ABCDEF=Joe@ext.test"));
  CHECK(same("joe@ext.test", "joe+bounces-17@ext.test"));
  CHECK(same("SRS0=abcd=XY=ext.test=joe@forward.test", "SRS0=efgh=ZZ=ext.test=joe@forward.test"));
  CHECK_FALSE(same("joe17@ext.test", "joe18@ext.test"));
  CHECK_FALSE(same("123456@ext.test", "654321@ext.test"));
  // What a forwarder says of a sender is the forwarder's word alone.
  CHECK_FALSE(same("joe@ext.test", "SRS0=abcd=XY=ext.test=joe@forward.test"));
}

TEST_CASE("correspondents: keys tell pairs apart") {
  const auto key = correspondent_key("anna@our.test", "joe@ext.test");
  CHECK(key.size() == 16);
  CHECK(key != correspondent_key("our.test", "joe@ext.test"));
  CHECK(key != correspondent_key("joe@ext.test", "anna@our.test"));
  CHECK(key != correspondent_key("anna@our.testj", "oe@ext.test"));
  CHECK(key == correspondent_key("anna@our.test", "joe@ext.test"));
}

TEST_CASE("correspondents: remembered so long after the last letter, whatever the clock does") {
  const CorrespondentSettings settings;
  CHECK(is_correspondent(kNow, kNow + 90 * 24h, settings));
  CHECK_FALSE(is_correspondent(kNow, kNow + 90 * 24h + 1s, settings));
  CHECK(is_correspondent(kNow, kNow - 365 * 24h, settings));
  CHECK_FALSE(is_renewed(kNow, kNow + 3 * 24h, settings));
  CHECK(is_renewed(kNow, kNow + 3 * 24h + 1s, settings));
  CHECK(is_renewed(kNow, kNow - 1s, settings));
}
