// Every value of the policy may be a ruleset; those that may not stand in docs/rules.md, with the reason.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "proxy/settings_written.h"
#include "tests/unit/source_tree.h"

using namespace sallyport;

namespace {

// The paths of all values that are no section: "checks.dnsbl.zones.<name>.codes".
void collect(const config::TableInfo& section, const std::string& path, bool rulable,
             std::set<std::string>& out) {
  for (const config::FieldInfo& field : section.fields) {
    const std::string here = path + (path.empty() ? "" : ".") + field.name;
    if (field.inside)
      collect(*field.inside, here + field.inside_name, rulable, out);
    else if (field.rulable == rulable)
      out.insert(here);
  }
}

std::set<std::string> values(bool rulable) {
  std::set<std::string> out;
  collect(proxy::policy_sections_table().info(), "", rulable, out);
  return out;
}

// The keys in the first column of the table under that heading.
std::set<std::string> keys_in(const std::string& page, const std::string& heading) {
  std::set<std::string> out;
  auto at = page.find(heading);
  REQUIRE(at != std::string::npos);
  const auto end = page.find("\n## ", at);
  for (at = page.find("\n| `", at); at < end; at = page.find("\n| `", at + 1)) {
    const auto close = page.find("` |", at);
    out.insert(page.substr(at + 4, close - at - 4));
  }
  return out;
}

}  // namespace

TEST_CASE("what takes no ruleset is what docs/rules.md says, and all else takes one") {
  const std::string page = test::file_text(test::source_root() / "docs/rules.md");
  CHECK(values(false) == keys_in(page, "## One value for everybody"));
  CHECK(values(true).size() > 80);
  CHECK(values(true).contains("checks.dnsbl.zones.<name>.timeout"));
}

TEST_CASE("the sections that rulesets may change are those of the policy") {
  CHECK(proxy::policy_sections_table().info().names() ==
        std::vector<std::string>{"limits", "checks", "thresholds", "barring", "lists"});
}
