// The demo's sessions as data: what the client sends, what must come back, and what it shows.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::proxy {

struct DemoStep {
  enum class Kind { say, start_tls, content } kind = Kind::say;
  std::string send;  // without the last CRLF; for content: with everything
  int expect = 0;    // the code of the reply
};

struct DemoSession {
  std::string title;
  std::string story;   // one sentence: what to look at
  std::string client;  // a stranger's address, which a front end names; "" = this machine
  std::vector<DemoStep> steps;
  int stored = 0;     // messages that the internal server must hold more afterwards
  std::string moral;  // what the outcome means
};

std::span<const DemoSession> demo_sessions();

// What the DNS says in the demo, as a master file.
std::string_view demo_zone();

}  // namespace sallyport::proxy
