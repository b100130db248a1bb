#include <doctest/doctest.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "policy/address_in_name.h"
#include "policy/generic_names.h"
#include "tests/unit/source_tree.h"

using namespace sallyport;
using namespace sallyport::policy;

namespace {

struct Named {
  const char* address;
  const char* name;
};

GenericNames parsed(const std::string& text) {
  std::vector<GenericNames::Fault> faults;
  GenericNames names = GenericNames::parse(text, faults);
  for (const auto& fault : faults) MESSAGE(fault.line << ": " << fault.message);
  CHECK(faults.empty());
  return names;
}

const GenericNames& shipped() {
  static const GenericNames names =
      parsed(test::file_text(test::source_root() / "conf.d/lists/generic-names"));
  return names;
}

bool is_generic(const GenericNames& names, const Named& named) {
  return names.matches(named.name, *IpAddress::parse(named.address));
}

bool holds(const char* labels, const char* address) {
  return holds_address(labels, *IpAddress::parse(address));
}

// Their form is that of large providers; the address is in most, though not in all.
constexpr Named kPools[] = {
    {"24.5.6.7", "c-24-5-6-7.hsd1.ca.comcast.net"},
    {"71.1.2.3", "pool-71-1-2-3.nycmny.fios.verizon.net"},
    {"76.1.2.3", "cpe-76-1-2-3.socal.res.rr.com"},
    {"99.1.2.3", "adsl-99-1-2-3.dsl.pltn13.sbcglobal.net"},
    {"108.1.2.3", "108-1-2-3.lightspeed.sntcca.sbcglobal.net"},
    {"72.1.2.3", "ip72-1-2-3.sd.sd.cox.net"},
    {"97.1.2.3", "97-1-2-3.hlrn.qwest.net"},
    {"65.1.2.3", "d-65-1-2-3.cpe.metrocast.net"},
    {"24.184.240.161", "ool-18b8f0a1.dyn.optonline.net"},
    {"70.1.2.3", "CPE00fc8d112233-CM00fc8d112230.cpe.net.cable.rogers.com"},
    {"70.1.2.3", "S0106001122334455.vc.shawcable.net"},
    {"70.2.1.3", "modemcable003.1-2-70.mc.videotron.ca"},
    {"217.224.161.178", "pD9E0A1B2.dip0.t-ipconnect.de"},
    {"217.224.161.178", "pd9e0a1b2.t-ipconnect.example.de"},
    {"94.134.1.171", "i5E8601AB.versanet.de"},
    {"88.64.1.2", "dslb-088-064-001-002.088.064.pools.vodafone-ip.de"},
    {"31.16.162.179", "ip1f10a2b3.dynamic.kabel-deutschland.de"},
    {"46.223.1.2", "HSI-KBW-46-223-1-2.hsi.kabel-badenwuerttemberg.de"},
    {"77.10.27.44", "x4d0a1b2c.dyn.telefonica.de"},
    {"85.178.123.45", "e178123045.adsl.alicedsl.de"},
    {"92.196.1.2", "port-92-196-1-2.dynamic.qsc.de"},
    {"77.56.1.2", "77-56-1-2.dclient.hispeed.ch"},
    {"85.83.47.44", "0x55532f2c.adsl.cybercity.dk"},
    {"94.234.171.45", "c-5eeaab2d-74736162.cust.telenor.se"},
    {"84.208.4.5", "cm-84.208.4.5.getinternet.no"},
    {"151.224.178.195", "97e0b2c3.skybroadband.com"},
    {"86.1.2.3", "host86-1-2-3.range86-1.btcentralplus.com"},
    {"82.1.2.3", "cpc1-abcd2-2-0-cust123.4-2.cable.virginm.net"},
    {"92.1.2.3", "host-92-1-2-3.as13285.net"},
    {"2.3.4.5", "2.3.4.5.threembb.co.uk"},
    {"86.242.123.45", "lfbn-idf1-1-123-45.w86-242.abo.wanadoo.fr"},
    {"1.2.3.4", "4.3.2.1.rev.sfr.net"},
    {"82.64.1.2", "82-64-1-2.subs.proxad.net"},
    {"31.33.1.2", "i19-les01-th2-31-33-1-2.dsl.dyn.abo.bbox.fr"},
    {"87.1.2.3", "host3-2-dynamic.1-87-r.retail.telecomitalia.it"},
    {"93.1.2.3", "93-1-2-3.ip.fastwebnet.it"},
    {"83.1.2.45", "45.Red-83-1-2.dynamicIP.rima-tde.net"},
    {"190.1.2.123", "host123.190-1-2.telecom.net.ar"},
    {"187.1.2.3", "dsl-187-1-2-3-dyn.prod-infinitum.com.mx"},
    {"177.162.179.196", "b1a2b3c4.virtua.com.br"},
    {"177.1.2.3", "177.1.2.3.dynamic.adsl.gvt.net.br"},
    {"189.1.2.3", "189-1-2-3.user3p.veloxzone.com.br"},
    {"213.22.1.2", "a213-22-1-2.cpe.netcabo.pt"},
    {"83.11.1.2", "abcd12.neoplus.adsl.tpnet.pl"},
    {"89.64.1.2", "89-64-1-2.dynamic.chello.pl"},
    {"90.154.1.2", "broadband-90-154-1-2.ip.moscow.rt.ru"},
    {"91.1.2.3", "ppp91-1-2-3.pppoe.mtu-net.ru"},
    {"95.24.1.2", "95-24-1-2.broadband.corbina.ru"},
    {"88.230.1.2", "88.230.1.2.dynamic.ttnet.com.tr"},
    {"122.1.2.3", "abts-north-dynamic-003.2.1.122.airtelbroadband.in"},
    {"59.1.2.3", "triband-mum-59.1.2.3.mtnl.net.in"},
    {"113.1.2.3", "3.2.1.113.broad.sz.gd.dynamic.163data.com.cn"},
    {"126.1.2.3", "softbank126001002003.bbtec.net"},
    {"106.1.2.3", "KD106001002003.ppp-bb.dion.ne.jp"},
    {"122.1.2.3", "FL1-122-1-2-3.tky.mesh.ad.jp"},
    {"60.1.2.3", "p1234-ipngn5678marunouchi.tokyo.ocn.ne.jp"},
    {"125.1.2.3", "125-1-2-3.dynamic-ip.hinet.net"},
    {"203.0.113.7", "dhcp-17.wlan.uni.example.edu"},
    {"203.0.113.7", "dialup7.example.co.uk"},
    {"203.0.113.7", "00-1b-2c-3d-4e-5f.lan.example.net"},
    {"203.0.113.7", "nat-cgn4.mobile.example.net"},
    {"203.0.113.7", "unassigned.example.net."},
    {"3.1.2.3", "ec2-3-1-2-3.eu-west-1.compute.amazonaws.com"},
    {"2003:c1:ff0f:1234:d1e2:3f4a:5b6c:7d8e", "p200300C1FF0F1234D1E23F4A5B6C7D8E.dip0.t-ipconnect.de"},
    {"2a01:cb00:12:3400:d1e2:3f4a:5b6c:7d8e", "2a01cb0000123400d1e23f4a5b6c7d8e.ipv6.example.fr"},
    {"2a02:3100:1:2:d1e2:3f4a:5b6c:7d8e", "i-2a02-3100-1-2-d1e2-3f4a-5b6c-7d8e.v6.example.net"},
    {"2a02:3100:1:2:d1e2:3f4a:5b6c:7d8e", "h-d1e2-3f4a-5b6c-7d8e.v6.example.net"},
    {"2a02:3100:1:2::5", "vm-2a02-3100-1-2--5.v6.example.net"},
    {"2a02:3100:1:2:d1e2:3f4a:5b6c:7d8e",
     "e.8.d.7.c.6.b.5.a.4.f.3.2.e.1.d.2.0.0.0.1.0.0.0.0.0.1.3.2.0.a.2.rev.example.net"},
};

constexpr Named kServers[] = {
    {"192.0.2.1", "mail.example.org"},
    {"192.0.2.1", "mx1.example.org"},
    {"192.0.2.1", "smtp-out-3.example.org"},
    {"192.0.2.1", "mail-1-2-3-4.static.example.net"},
    {"192.0.2.1", "mail-192-0-2-1.example.net"},
    {"192.0.2.1", "static.192-0-2-1.clients.example.de"},
    {"192.0.2.1", "static.1.2.0.192.clients.your-server.de"},
    {"192.0.2.1", "192-0-2-1-static.hfc.comcastbusiness.net"},
    {"192.0.2.1", "192.0.2.1.static.telenet.be"},
    {"192.0.2.1", "host1-2-static.0-192-b.business.telecomitalia.it"},
    {"192.0.2.1", "1.Red-192-0-2.staticIP.rima-tde.net"},
    {"192.0.2.1", "ip-192-0-2-1.statisch.example.de"},
    {"192.0.2.1", "192-0-2-1.fixip.example.ch"},
    {"192.0.2.1", "static-dsl-192-0-2-1.example.net"},
    {"192.0.2.1", "webmail.192-0-2-1.example.net"},
    {"192.0.2.1", "smtpout-192-0-2-1.example.net"},
    {"192.0.2.1", "outsmtp2-192-0-2-1.example.net"},
    {"192.0.2.1", "mx7.192-0-2-1.example.net"},
    {"192.0.2.1", "relay-192-0-2-1.example.net"},
    {"192.0.2.1", "estatico-192-0-2-1.example.es"},
    {"192.0.2.1", "192-0-2-1.statique.example.fr"},
    {"192.0.2.1", "192-0-2-1.fixed.example.net"},
    {"209.85.221.41", "mail-wr1-f41.google.com"},
    {"40.107.6.79", "mail-eopbgr60079.outbound.protection.outlook.com"},
    {"40.107.6.79", "mail-db8eur05on2079.outbound.protection.outlook.com"},
    {"54.240.11.12", "a11-12.smtp-out.amazonses.com"},
    {"167.89.1.2", "o1678912.outbound-mail.sendgrid.net"},
    {"198.2.128.12", "mail128-12.atl41.mandrillapp.com"},
    {"198.37.1.2", "m23-45.eu.mailgun.net"},
    {"70.27.64.1", "mta-70-27-64-1.sparkpostmail.com"},
    {"66.163.1.2", "sonic301-20.consmr.mail.ne1.yahoo.com"},
    {"17.58.1.2", "pv50p00im-ztdg10011301.me.com"},
    {"212.227.1.2", "mout.kundenserver.de"},
    {"212.227.1.2", "mout-u-204.mailbox.org"},
    {"213.165.1.2", "mout.gmx.net"},
    {"194.25.1.2", "mailout07.t-online.de"},
    {"80.67.1.2", "smtp4-g21.free.fr"},
    {"80.12.1.2", "smtp-30.smtpout.orange.fr"},
    {"81.103.1.2", "know-smtprelay-omc-11.server.virginmedia.net"},
    {"213.120.1.2", "re-prd-fep-044.btinternet.com"},
    {"195.130.1.2", "xavier.telenet-ops.be"},
    {"131.107.1.2", "tide.example.com"},
    {"203.0.113.25", "relay.customer.example.net"},
    {"203.0.113.25", "mx.dyn.example.net"},
    {"203.0.113.25", "lists.debian.org"},
    {"203.0.113.25", "bendel.debian.org"},
    {"203.0.113.25", "mout-p-101.example.org"},
    {"203.0.113.25", "english-breakfast.cloud9.net"},
    {"203.0.113.25", "vps12345.example.net"},
    {"203.0.113.25", "vmi7654321.contaboserver.net"},
    {"203.0.113.25", "server25.hosting.example"},
    {"203.0.113.25", "host25.example.net"},
    {"203.0.113.25", "web-203-25.example.net"},
    {"203.0.113.25", "gw.example.com"},
    {"203.0.113.25", "nat.office.example.com"},
    {"203.0.113.25", "fw1.vie.example.at"},
    {"203.0.113.25", "exchange.company.example"},
    {"203.0.113.25", "dynasty.example.net"},
    {"203.0.113.25", "poolside.hotels.example"},
    {"203.0.113.25", "cablecar.transit.example"},
    {"203.0.113.25", "dsl.example"},
    {"203.0.113.25", "mta3.am0.dyn.com"},
    {"203.0.113.25", "a.pool.example"},
    {"203.0.113.25", "broadband.net."},
    {"203.0.113.25", "ns3112345.ip-203-0-114.eu"},
    {"203.0.113.25", "node-203-0-113-26.example.net"},
    {"203.0.113.25", "r3-0-113-25.example.net"},
    {"203.0.113.25", "2030.113.25.example.net"},
    {"203.0.113.25", "localhost"},
    {"203.0.113.25", ""},
    {"203.0.113.25", "."},
    {"2001:db8::25", "mx.v6.example.net"},
    {"2001:db8::25", "host25.v6.example.net"},
    {"2001:db8:1:2:d1e2:3f4a:5b6c:7d8e", "c0ffee-3f4a-5b6c-7d8e.v6.example.net"},
    {"2001:db8:1:2:d1e2:3f4a:5b6c:7d8e", "static-d1e2-3f4a-5b6c-7d8e.v6.example.net"},
    {"2001:db8:1:2:d1e2:3f4a:5b6c:7d8e", "mail-2001-db8-1-2-d1e2-3f4a-5b6c-7d8e.example.net"},
};
static_assert(std::size(kPools) >= 60 && std::size(kServers) >= 60);

}  // namespace

TEST_CASE("names of pools are generic, by the list that ships") {
  for (const Named& named : kPools) CHECK_MESSAGE(is_generic(shipped(), named), std::string(named.name));
}

TEST_CASE("names of mail servers are not") {
  for (const Named& named : kServers) CHECK_MESSAGE(!is_generic(shipped(), named), std::string(named.name));
}

TEST_CASE("a name that holds the client's address needs no list") {
  const GenericNames none;
  CHECK(is_generic(none, {"192.0.2.1", "192-0-2-1.example.net"}));
  CHECK_FALSE(is_generic(none, {"192.0.2.2", "192-0-2-1.example.net"}));
  CHECK_FALSE(is_generic(none, {"192.0.2.1", "192-0-2-1.net"}));  // all of it the provider's own
  CHECK_FALSE(is_generic(none, {"192.0.2.1", "dyn.dhcp.pool.example.net"}));
}

TEST_CASE("IPv4 in a name, as providers write it") {
  for (const char* name : {"1-2-30-4", "x1.2.30.4y", "1_2_30_4", "4-30-2-1", "001-002-030-004", "4.1-2-30",
                           "a001002030004b", "004030002001", "01021e04", "041e0201", "p01021e04",
                           "1-2-1e-4", "01-02-1e-04", "4.1e.2.1", "7-1-2-30-4-7"})
    CHECK_MESSAGE(holds(name, "1.2.30.4"), std::string(name));
  for (const char* name :
       {"", "1-2-30", "1-2-30-5", "11-2-30-4", "1-2-30-41", "1--2-30-4", "1-2x30-4", "2-1-30-4", "1-30-2-4",
        "4-2-1-30", "12304", "0001-2-30-4", "01020304", "1021e04", "4.1.2.1e"})
    CHECK_MESSAGE(!holds(name, "1.2.30.4"), std::string(name));
  CHECK(holds("1-2-30-4", "::ffff:1.2.30.4"));
}

TEST_CASE("IPv6 in a name, as providers write it") {
  constexpr const char* address = "2001:db8::a:1:b0:c00";
  for (const char* name :
       {"2001-db8-0-0-a-1-b0-c00", "a-1-b0-c00", "x000a-0001-00b0-0c00", "c00.b0.1.a",
        "2001-db8--a-1-b0-c00", "ip-2001-db8--a-1-b0-c00-x", "x000a000100b00c00x", "000a0001.00b00c00",
        "0.0.c.0.0.b.0.0.1.0.0.0.a.0.0.0", "00c00b001000a000", "0c0000b00001000a"})
    CHECK_MESSAGE(holds(name, address), std::string(name));
  for (const char* name : {"", "1-b0-c00", "a-1-b0-c01", "2001-db8--a-1-b0", "a-1--b0-c00", "aa-1-b0-c00",
                           "a000100b00c00", "2001-db8--a-1-b0-c000"})
    CHECK_MESSAGE(!holds(name, address), std::string(name));
  CHECK(holds("n-2001-db8--1", "2001:db8::1"));
  CHECK(holds("n-2001-db8--1-x", "2001:db8::1"));
  CHECK_FALSE(holds("12001-db8--1", "2001:db8::1"));
  CHECK_FALSE(holds("2001-db8--12", "2001:db8::1"));
}

TEST_CASE("words stand for themselves, patterns for whole names, both in either case") {
  const GenericNames names = parsed("# a comment\n\n  Dyn \r\nhost[0-9]+\\.EXAMPLE\\.net\n(x|y)\\..*\n");
  const auto generic = [&](const char* name) { return is_generic(names, {"192.0.2.1", name}); };
  CHECK(generic("DYN.example.net"));
  CHECK(generic("a-dyn7.example.net"));
  CHECK(generic("a.7dyn_b.c.example.net"));
  CHECK_FALSE(generic("dyna.example.net"));
  CHECK_FALSE(generic("adyn.example.net"));
  CHECK_FALSE(generic("a.dyn.net"));
  CHECK(generic("HOST12.example.net."));
  CHECK_FALSE(generic("host12.example.net.a"));
  CHECK_FALSE(generic("a.host12.example.net"));
  CHECK_FALSE(generic("host.example.net"));
  CHECK(generic("y.net"));
  CHECK_FALSE(generic("mail.x.example.net"));
  CHECK_FALSE(names.matches("dyn." + std::string(250, 'a') + ".net", {}));
  const GenericNames copy = names;
  CHECK(is_generic(copy, {"192.0.2.1", "x.net"}));
}

TEST_CASE("a comment may stand behind an entry") {
  const GenericNames names = parsed("dyn # of addresses\nhost[0-9]+\\.isp\\.test\t# a pattern\n");
  CHECK(is_generic(names, {"192.0.2.1", "dyn.x.isp.test"}));
  CHECK(is_generic(names, {"192.0.2.1", "host7.isp.test"}));
  CHECK_FALSE(is_generic(names, {"192.0.2.1", "of.x.isp.test"}));
}

TEST_CASE("what is wrong in a list is told with its place, all at once") {
  std::vector<GenericNames::Fault> faults;
  const GenericNames names =
      GenericNames::parse("dyn\n (a\n[z-a].b\ndsl-pool\n\\p{Klingon}.\n# (\n(a|\nx\\..*\n", faults);
  REQUIRE(faults.size() == 5);
  for (std::size_t at = 0; at < faults.size(); ++at) CHECK_FALSE(faults[at].message.empty());
  CHECK(faults[0].line == 2);
  CHECK(faults[0].column == 2);
  CHECK(faults[1].line == 3);
  CHECK(faults[2].line == 4);
  CHECK(faults[3].line == 5);
  CHECK(faults[4].line == 7);
  CHECK(is_generic(names, {"192.0.2.1", "dyn.example.net"}));  // the rest is of use
  CHECK(is_generic(names, {"192.0.2.1", "x.example.net"}));
}

TEST_CASE("patterns that need too much memory are refused, alone and together") {
  const auto large = [](int thousands) {
    std::string pattern;
    for (int each = 0; each < thousands; ++each) pattern += ".{1000}";
    return pattern + "\n";
  };
  std::vector<GenericNames::Fault> faults;
  GenericNames names = GenericNames::parse(large(500) + "x\\..*\n", faults);
  REQUIRE(faults.size() == 1);
  CHECK(faults[0].line == 1);
  CHECK(is_generic(names, {"192.0.2.1", "x.net"}));

  faults.clear();
  std::string many;
  for (char first = 'a'; first < 'q'; ++first) many += first + large(30);
  names = GenericNames::parse(many + "x\\..*\ndyn\n", faults);
  REQUIRE(faults.size() == 1);
  CHECK(faults[0].line == 17);
  CHECK_FALSE(is_generic(names, {"192.0.2.1", "x.net"}));
  CHECK(is_generic(names, {"192.0.2.1", "dyn.example.net"}));
}

TEST_CASE("hostile names and patterns take bounded work, and at worst do not match") {
  std::string patterns;
  for (int line = 0; line < 30; ++line)
    patterns += "(.*a.{" + std::to_string(60 + line) + "}b)+\\.[^.]+\\.net\n";
  const GenericNames names = parsed(patterns);
  std::string name;
  for (unsigned at = 0, bits = 1; at < 240; ++at, bits = bits * 1'103'515'245 + 12'345)
    name += (bits >> 16) % 2 == 0 ? 'a' : 'c';
  for (int round = 0; round < 50; ++round) {
    name[static_cast<std::size_t>(round)] ^= 2;
    CHECK_FALSE(names.matches(name + ".example.net", {}));
  }
}

TEST_CASE("one list serves every thread") {
  std::vector<std::thread> threads;
  std::array<bool, 4> good{};
  for (bool& mine : good)
    threads.emplace_back([&mine] {
      mine = true;
      for (const Named& named : kPools) mine = mine && is_generic(shipped(), named);
      for (const Named& named : kServers) mine = mine && !is_generic(shipped(), named);
    });
  for (std::thread& thread : threads) thread.join();
  for (const bool mine : good) CHECK(mine);
}
