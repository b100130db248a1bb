// The OpenSPF suite for RFC 7208, read in place beside the project; skipped where it is not there.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "dns/spf.h"
#include "tests/unit/dns_support.h"
#include "tests/unit/source_tree.h"

namespace sallyport::dns {
namespace {

using Json = nlohmann::json;

// JSON has the octets of a record as code points.
std::string octets(const std::string& utf8) {
  std::string out;
  for (std::size_t at = 0; at < utf8.size(); ++at) {
    const auto first = static_cast<unsigned char>(utf8[at]);
    const bool two = (first & 0xe0U) == 0xc0U && at + 1 < utf8.size();
    out += two ? static_cast<char>((first & 3U) << 6U | (static_cast<unsigned char>(utf8[++at]) & 0x3fU))
               : utf8[at];
  }
  return out;
}

std::optional<Type> add(ZoneResolver& zone, const Name& owner, const Json& record) {
  const auto type = parse_type(record["type"].get<std::string>());
  if (!type) return type;  // SPF: a type of its own, which RFC 7208 has given up
  if (*type == Type::a || *type == Type::aaaa) {
    zone.add(owner, *type, *IpAddress::parse(record["value"].get<std::string>()));
  } else if (*type == Type::txt) {
    std::string text;
    for (const auto& part : record["strings"]) text += octets(part);
    zone.add(owner, *type, text);
  } else if (*type == Type::mx) {
    const std::string host = record["host"];
    zone.add(owner, *type,
             Mx{record["pref"].get<std::uint16_t>(), host.empty() ? Name() : testing::name(host)});
  } else {
    zone.add(owner, *type, testing::name(record["value"].get<std::string>()));
  }
  return type;
}

ZoneResolver zone_of(const Json& scenario) {
  ZoneResolver zone;
  for (const auto& [owner, node] : scenario["zone"].items()) {
    const auto parsed = Name::parse(owner);
    if (!parsed) continue;  // a name that no question can have
    std::set<Type> there;
    for (const auto& record : node["rrs"])
      if (const auto type = add(zone, *parsed, record)) there.insert(*type);
    if (!node.value("timeout", false)) continue;
    for (const Type type : {Type::a, Type::aaaa, Type::txt, Type::mx, Type::ptr})
      if (!there.contains(type)) zone.fail(*parsed, type, Status::timeout);
  }
  return zone;
}

SpfOutcome outcome_of(ZoneResolver& zone, const Json& test) {
  SpfRequest request;
  request.client = *IpAddress::parse(test["host"].get<std::string>());
  request.helo = test["helo"];
  request.sender = test["mailfrom"];
  return testing::run(check_host(zone, system_clock(), std::move(request)));
}

}  // namespace

TEST_CASE("the OpenSPF suite: the preferred result of all 203 cases") {
  const std::filesystem::path path = test::source_root() / "../shared/suites/spf/rfc7208-tests.json";
  if (!std::filesystem::exists(path)) {
    MESSAGE("skipped: the SPF suite is not there");
    return;
  }
  const Json suite = Json::parse(std::ifstream(path));
  int cases = 0;
  for (const auto& scenario : suite["scenarios"]) {
    ZoneResolver zone = zone_of(scenario);
    for (const auto& test : scenario["tests"]) {
      const std::string title = test.value("name", test.value("id", std::to_string(cases)));
      const auto outcome = outcome_of(zone, test);
      CHECK_MESSAGE(to_string(outcome.result) == test["result"][0].get<std::string>(),
                    title << ": " << outcome.problem << ", " << outcome.mechanism);
      const auto explanation = test.find("explanation");
      if (explanation != test.end() && explanation->is_string())
        CHECK_MESSAGE(
            outcome.explanation == (*explanation == "DEFAULT" ? "" : explanation->get<std::string>()),
            title);
      ++cases;
    }
  }
  CHECK(cases == 203);
}

}  // namespace sallyport::dns
