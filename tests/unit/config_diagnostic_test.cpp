// How faults are shown: caret under the fault, windows into long lines, nothing secret, never without
// bound.
#include <doctest/doctest.h>

#include "base/config/diagnostic.h"
#include "base/config/suggestion.h"

using namespace sallyport::config;

namespace {

Diagnostic shown(const std::string& line, int column) {
  Diagnostics diagnostics;
  diagnostics.remember_source("a.json", "first\n" + line + "\nlast");
  diagnostics.error({"a.json", 2, column}, "wrong");
  return diagnostics.all().front();
}

}  // namespace

TEST_CASE("a diagnostic shows its line, a caret and a hint") {
  Diagnostics diagnostics;
  diagnostics.remember_source("a.json", "{\n    \"host\": 1\n}\n");
  diagnostics.error({"a.json", 2, 5}, "unknown key \"host\"", "did you mean \"hosts\"?");
  CHECK(diagnostics.to_string() ==
        "a.json:2:5: error: unknown key \"host\"\n    \"host\": 1\n    ^\n  hint: did you mean \"hosts\"?");
}

TEST_CASE("positions are told as far as they are known") {
  CHECK(Diagnostic{Severity::error, {}, "m", "", "", 0}.to_string() == "error: m");
  CHECK(Diagnostic{Severity::warning, {"conf.d", 0, 0}, "m", "", "", 0}.to_string() ==
        "conf.d: warning: m");
}

TEST_CASE("the caret stands under its character") {
  CHECK(shown("\t\t\"ü\": x", 8).caret == 6);
  const auto far = shown(std::string(500, 'a') + "!" + std::string(500, 'b'), 501);
  CHECK(far.source_line.size() <= 100);
  CHECK(far.source_line[static_cast<std::size_t>(far.caret) - 1] == '!');
}

TEST_CASE("lines that speak of a password are not shown") {
  CHECK(shown("\"password\": 5", 13).source_line.empty());
  CHECK_FALSE(shown("\"user\": 5", 9).source_line.empty());
}

TEST_CASE("control characters of a file do not reach the terminal") {
  const auto line = shown("\"a\": \x1b[31m\xff", 6).source_line;
  CHECK(line.find('\x1b') == std::string::npos);
  CHECK(line.find('\xff') == std::string::npos);
}

TEST_CASE("diagnostics are bounded, and the rest is counted") {
  Diagnostics diagnostics;
  for (int i = 0; i < 1000; ++i) diagnostics.warning({}, "w");
  CHECK_FALSE(diagnostics.has_errors());
  diagnostics.error({}, "e");
  CHECK(diagnostics.has_errors());  // though it was not kept
  CHECK(diagnostics.all().size() == 200);
  CHECK(diagnostics.to_string().ends_with("... and 801 more"));
}

TEST_CASE("diagnostics sort by file, line and column") {
  Diagnostics diagnostics;
  diagnostics.error({"b", 1, 1}, "4");
  diagnostics.error({"a", 10, 1}, "3");
  diagnostics.error({"a", 2, 9}, "2");
  diagnostics.error({"a", 2, 5}, "1");
  diagnostics.sort();
  std::string order;
  for (const auto& one : diagnostics.all()) order += one.message;
  CHECK(order == "1234");
}

TEST_CASE("the nearest known word is suggested, a far one is not") {
  const std::vector<std::string> known{"hosts", "tls", "recipients", "max_connections"};
  CHECK(did_you_mean("host", known) == "did you mean \"hosts\"?");
  CHECK(did_you_mean("HOSTS", known) == "did you mean \"hosts\"?");
  CHECK(did_you_mean("max_conections", known) == "did you mean \"max_connections\"?");
  CHECK(did_you_mean("recpiients", known) == "did you mean \"recipients\"?");
  CHECK(did_you_mean("colour", known).empty());
  CHECK(did_you_mean("", known).empty());
  CHECK(did_you_mean(std::string(100'000, 'a'), known).empty());
}

TEST_CASE("a swap of neighbours is one slip") {
  CHECK(edit_distance("route", "ruote") == 1);
  CHECK(edit_distance("route", "route") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "b") == 2);
}
