// Which recipients a site takes from a stranger: a path a line on standard input (without its brackets),
// the domain that it is taken for on standard output; "-": it is not, "postmaster": the one without a
// domain.
//
// tests/integration/test_recipient_oracle.py asks a million of them, and asks a parser of its own as well.
#include <cstdio>
#include <iostream>
#include <string>

#include "policy/recipient.h"

using namespace sallyport;

namespace {

policy::Settings site() {
  policy::Settings settings;
  settings.hostname = "mx.our.test";
  settings.domains.add("our.test", "inside");
  settings.domains.add("*.wild.test", "inside");
  return settings;
}

std::string taken_for(const std::string& line, const policy::Settings& settings) {
  mail::Path path;
  if (parse_path(line, {.allow_bare_name = true}, path) != mail::PathFault::none) return "-";
  const policy::ClientFacts stranger{*IpAddress::parse("192.0.2.1"), {}, {}, {}};
  const auto verdict = policy::judge_recipient(stranger, nullptr, path, settings);
  if (!std::holds_alternative<policy::Accept>(verdict)) return "-";
  return path.domain_ascii.empty() ? "postmaster" : path.domain_ascii;
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  const auto settings = site();
  for (std::string line; std::getline(std::cin, line);) std::cout << taken_for(line, settings) << '\n';
}
