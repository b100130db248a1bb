// A next hop for tests: a small SMTP or LMTP server on loopback that does what its rules say, and records
// what it was told. Its sessions are tasks of the loop it was started on.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/io/event_loop.h"
#include "base/io/stream.h"
#include "base/io/task.h"
#include "base/io/tls.h"
#include "proxy/relay/route.h"

namespace sallyport::relay::testing {

// Raw answers, CRLF added. Empty: no answer at all. What ends in "<close>" closes the connection behind
// it, "<reset>" drops it, "<hang>" waits for ever; "<late>" comes late, "<raw>" without
// CRLF.
struct HopRules {
  std::string greeting = "220 hop.test ESMTP";
  std::vector<std::string> offers = {"PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SIZE 50000000"};
  // By the beginning of the command, any case; the longest counts, of equal ones that in the same case.
  // Unlisted ones succeed.
  std::map<std::string, std::string> answers;
  // To the final dot; for LMTP one for each recipient, the last for all further ones.
  std::vector<std::string> dot = {"250 2.0.0 stored"};
  // In the middle of the content, once so many octets have come.
  std::size_t mid_data_at = 0;
  std::string mid_data;
  bool lmtp = false;
  bool accepts_data_without_recipients = false;
  std::shared_ptr<const io::ServerTls> tls;  // STARTTLS works with it
  bool implicit_tls = false;
  std::vector<std::string> offers_in_tls;  // empty: the same as in clear
};

struct Taken {
  std::string from;
  std::vector<std::string> to;
  std::string content;
  bool tls = false;
};

class FakeHop {
 public:
  FakeHop() : state_(std::make_shared<State>()) {}

  void start(io::TaskGroup& tasks, const io::Executor& executor);
  void stop();  // closes the listener: connections are refused from now on
  Host host() const;
  Endpoint endpoint() const;

  // The rules of the next connections; `next` those of the coming ones in turn, before them.
  HopRules rules;
  std::vector<HopRules> next;

  // What happened so far.
  int connections() const { return state_->connections; }
  int open() const { return state_->open; }
  int most_open() const { return state_->most_open; }
  const std::vector<Taken>& taken() const { return state_->taken; }
  const std::vector<std::string>& lines() const { return state_->lines; }
  int count(std::string_view beginning) const;  // of lines
  std::string plaintext() const { return state_->plaintext; }

  struct State {
    FakeHop* hop = nullptr;
    bool closing = false;
    std::function<void()> close_listener;
    Endpoint endpoint;
    int connections = 0;
    int open = 0;
    int most_open = 0;
    std::vector<Taken> taken;
    std::vector<std::string> lines;
    std::string plaintext;  // everything that came in clear
  };

 private:
  std::shared_ptr<State> state_;
};

}  // namespace sallyport::relay::testing
