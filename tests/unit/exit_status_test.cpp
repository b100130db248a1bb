// What commands end with is one table: that of docs/command-line.md, and of the sources.
#include "proxy/exit_status.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

#include "tests/unit/source_tree.h"

using namespace sallyport;
using namespace sallyport::proxy;

TEST_CASE("docs/command-line.md has every exit status, and no other") {
  const std::string page = test::file_text(test::source_root() / "docs/command-line.md");
  std::string rows;
  for (const ExitStatus& status : exit_statuses())
    rows += fmt::format("| {} | `{}` | {} |\n", status.number, status.name, status.means);
  const auto at = page.find("| status | name | means |\n|---|---|---|\n");
  REQUIRE(at != std::string::npos);
  const auto begin = page.find("| 0 |", at);
  CHECK(page.substr(begin, page.find("\n\n", begin) + 1 - begin) == rows);
}

TEST_CASE("no command ends with anything else") {
  std::set<std::string> named, used;
  for (const ExitStatus& status : exit_statuses()) named.insert(status.name);
  for (const auto& file : std::filesystem::directory_iterator(test::source_root() / "proxy")) {
    if (file.path().extension() != ".cpp") continue;
    const std::string text = test::file_text(file.path());
    for (auto at = text.find("EX_"); at != std::string::npos; at = text.find("EX_", at + 1)) {
      const auto end = text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", at);
      used.insert(text.substr(at, end - at));
    }
  }
  CHECK(named == used);
}

TEST_CASE("what a command failed of says what it ends with") {
  CHECK(exit_status_of(Errc::invalid) == 65);
  CHECK(exit_status_of(Errc::not_found) == 66);
  CHECK(exit_status_of(Errc::timeout) == 69);
  CHECK(exit_status_of(Errc::limit) == 73);
  CHECK(exit_status_of(Errc::io) == 74);
  CHECK(exit_status_of(Errc::no_space) == 74);
  CHECK(exit_status_of(Errc::refused) == 77);
}
