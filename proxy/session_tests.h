// Sessions that the admin states in conf.d/*.test.json, and what should become of their recipients: so that
// a change of the configuration that breaks what was meant is found by `check`, and refused by a reload.
//
//   { "zone": ["66.2.0.192.bl.example.net. A 127.0.0.2"],
//     "sessions": [
//       { "name": "a listed client", "client": "192.0.2.66", "helo": "mail.example.net", "from":
//       "a@example.net",
//         "to": { "anna@example.com": "reject", "postmaster@example.com": "accept" } } ] }
//
// The answers of the DNS are those of the zone, and no others. Nothing is remembered, no next hop is asked.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/config/diagnostic.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

struct SessionTests {
  std::size_t sessions = 0;
  std::size_t failed = 0;
};

// What is wrong with the files, and each recipient who fares otherwise than stated, is an error in
// `diagnostics`, at its place. Blocks until all have been judged.
SessionTests run_session_tests(const std::string& directory,
                               const std::shared_ptr<const Settings>& settings,
                               config::Diagnostics& diagnostics);

}  // namespace sallyport::proxy
