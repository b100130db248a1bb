// The next hop of a session that is made up by the fuzzer. Stands in for io::connect(), which the linker
// takes from here instead of from the library: no socket is opened.
//
// Each letter decides what happens at the next thing that it hears: a connection, a command, a final dot.
//   1  it agrees; so it does when there is no letter left     +  agrees in several lines
//   2  at the dot: stores the message and closes without a word; elsewhere as 9
//   3  354 where it does not belong                           4  451   5  550 5.1.1   6  550 5.7.1   7  421
//   8  answers nonsense                                       9  closes the connection; refuses it
//   =  says nothing (a timeout)                               &  agrees, and says one thing more unasked
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::fuzz {

struct Stored {
  std::string sender;
  std::vector<std::string> recipients;  // that it said 250 for, to RCPT; for LMTP: to the dot
  std::string content;                  // as it came, our trace field on top
  bool confirmed = false;               // 250 went out
};

struct HopWorld {
  std::deque<char> script;
  bool lmtp = false;
  std::string offers;  // further lines of the EHLO reply: "250-PIPELINING\r\n..."
  std::vector<Stored> stored;
  std::vector<std::string> asked;  // every RCPT
  std::string broken;              // a promise that the gateway broke towards it
};

// The world of the connections that are made from now on, on this thread.
void set_hop_world(std::shared_ptr<HopWorld> world);

}  // namespace sallyport::fuzz
