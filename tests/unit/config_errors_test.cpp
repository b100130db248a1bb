// Golden files: each directory of tests/config/ is a configuration, and `expected` what is told of it.
// SALLYPORT_UPDATE_GOLDEN=1 writes the files anew, to be read in the diff.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "proxy/settings.h"
#include "tests/unit/source_tree.h"

using namespace sallyport;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kinds_promised = 25;

std::vector<fs::path> cases() {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(test::source_root() / "tests/config"))
    if (entry.is_directory()) out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

std::string replace_all(std::string text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

struct Outcome {
  bool loaded;
  bool errors;
  std::string text;
};

Outcome outcome(const fs::path& directory) {
  config::Diagnostics diagnostics;
  const auto settings = proxy::load(directory.string(), {.system_hostname = "vm"}, diagnostics);
  return {settings != nullptr, diagnostics.has_errors(),
          replace_all(diagnostics.to_string(), directory.string(), "conf.d") + "\n"};
}

}  // namespace

TEST_CASE("A08: every kind of configuration error is told as the golden file has it") {
  std::size_t refused = 0;
  for (const auto& directory : cases()) {
    CAPTURE(directory.filename().string());
    const auto told = outcome(directory);
    if (std::getenv("SALLYPORT_UPDATE_GOLDEN")) std::ofstream(directory / "expected") << told.text;
    CHECK(told.text == test::file_text(directory / "expected"));
    CHECK(told.loaded == !told.errors);
    if (!told.loaded) ++refused;
  }
  CHECK(refused >= kinds_promised);
}

TEST_CASE("a directory that is not there: what to do about it is said") {
  const auto told = outcome(test::source_root() / "tests/config/nowhere");
  CHECK_FALSE(told.loaded);
  CHECK(told.text.find("cannot be read: No such file or directory") != std::string::npos);
  CHECK(told.text.find("hint: -c names another") != std::string::npos);
}
