#include <doctest/doctest.h>

#include "policy/client_identity.h"

using namespace sallyport;
using namespace sallyport::policy;
using mail::Check;
using mail::Finding;
using Kind = ClientIdentity::Kind;

namespace {

mail::Evidence client(const char* address, std::vector<mail::Fact> facts = {}) {
  mail::Evidence evidence;
  evidence.client = *IpAddress::parse(address);
  evidence.known = std::move(facts);
  return evidence;
}

mail::Fact spf(Check check, Finding finding, std::string domain) {
  return {.key = {check}, .finding = finding, .subject = std::move(domain)};
}

mail::Fact reverse(Finding finding, std::string name) {
  return {.key = {Check::rdns}, .finding = finding, .subject = {}, .listed = {}, .detail = std::move(name)};
}

}  // namespace

TEST_CASE("who owns a domain is held to account for all names below it") {
  CHECK(accountable({Kind::spf_domain, "a17.evil.example"}).name == "evil.example");
  CHECK(accountable({Kind::spf_domain, "evil.co.uk"}).name == "evil.co.uk");
  CHECK(accountable({Kind::spf_domain, "uk"}).name == "uk");
  CHECK(accountable({Kind::network, "192.0.2.0/24"}).name == "192.0.2.0/24");
}

TEST_CASE("identity: a stranger is its network") {
  CHECK(identify(client("192.0.2.66")) == ClientIdentity{Kind::network, "192.0.2.0/24"});
  CHECK(identify(client("2001:db8:1:2::99")) == ClientIdentity{Kind::network, "2001:db8:1:2::/64"});
}

TEST_CASE("identity: the organisation of a confirmed reverse name, of no other") {
  const auto of = [](Finding finding, const char* name) {
    return identify(client("192.0.2.66", {reverse(finding, name)}));
  };
  CHECK(of(Finding::rdns_confirmed, "mx1.Mail.Example.co.uk.") ==
        ClientIdentity{Kind::organisation, "example.co.uk"});
  for (const Finding finding :
       {Finding::rdns_generic, Finding::rdns_mismatch, Finding::rdns_missing, Finding::rdns_temporary})
    CHECK(of(finding, "mx1.example.com").kind == Kind::network);
  CHECK(of(Finding::rdns_confirmed, "co.uk").kind == Kind::network);  // nobody's
}

TEST_CASE("identity: the domain that SPF passed for, of the sender before that of HELO") {
  const auto mailfrom = spf(Check::spf_mailfrom, Finding::spf_pass, "Bounce.Example.NET");
  const auto helo = spf(Check::spf_helo, Finding::spf_pass, "mx.example.net");
  const auto name = reverse(Finding::rdns_confirmed, "mx.example.org");
  CHECK(identify(client("192.0.2.66", {name, helo, mailfrom})) ==
        ClientIdentity{Kind::spf_domain, "bounce.example.net"});
  CHECK(identify(client("192.0.2.66", {name, helo})) == ClientIdentity{Kind::spf_domain, "mx.example.net"});
  CHECK(
      identify(client("192.0.2.66", {name, spf(Check::spf_mailfrom, Finding::spf_fail, "example.net")})) ==
      ClientIdentity{Kind::organisation, "example.org"});
  auto anybody = mailfrom;
  anybody.open = true;
  CHECK(identify(client("192.0.2.66", {name, anybody})) ==
        ClientIdentity{Kind::organisation, "example.org"});
  CHECK(identify(client("192.0.2.66", {name, anybody, helo})) ==
        ClientIdentity{Kind::spf_domain, "mx.example.net"});
}

TEST_CASE("identity: organisational domains by the public suffix list") {
  CHECK(organisational_domain("example.com") == "example.com");
  CHECK(organisational_domain("a.b.example.com.br") == "example.com.br");
  CHECK(organisational_domain("com").empty());
  CHECK(organisational_domain("").empty());
  CHECK(organisational_domain("xn--bcher-kva.example.de") == "example.de");
}
