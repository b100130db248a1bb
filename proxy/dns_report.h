// What a check by hand found, for people and for programs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "dns/lookup.h"

namespace sallyport::proxy {

long long milliseconds(Duration took);  // whole ones, as reports and events have them

struct DnsReport {
  std::string check;                                         // "spf"
  std::string result;                                        // "fail"
  std::vector<std::pair<std::string, std::string>> details;  // empty ones are left out
  std::vector<std::pair<std::string, int>> counts;
  std::vector<dns::Lookup> lookups;
};

std::string as_text(const DnsReport& report);
std::string as_json(const DnsReport& report);  // one object on one line

}  // namespace sallyport::proxy
