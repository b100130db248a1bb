// The sessions of *.test.json as they are written. Only proxy/session_tests*.cpp know these.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/config/table.h"
#include "base/mail/address.h"

namespace sallyport::proxy {

// What should become of one recipient. What is not written may be anything.
struct ExpectationSection {
  std::string verdict;  // "accept", "defer", "reject"
  std::string why;      // the refusal's name, as in events
  std::string reply;    // is part of the reply
  std::optional<int> score;
  std::optional<bool> greylisted;  // it has to come again before it is accepted
};

struct SessionSection {
  std::string name;
  IpAddress client;
  config::Located<std::string> listener;  // "" = where strangers come in
  std::string helo;
  config::Located<std::string> authenticated;
  bool talks_early = false;
  mail::Path from;
  std::uint64_t size = 0;  // 0: it is not declared
  std::vector<config::Located<std::string>> zone;
  config::Located<std::vector<config::Named<ExpectationSection>>> to;  // each name is an address
};

struct TestFileSection {
  std::vector<config::Located<std::string>> zone;  // for all of its sessions
  config::Located<std::vector<config::Located<SessionSection>>> sessions;
};

const config::Table<TestFileSection>& test_file_table();

}  // namespace sallyport::proxy
