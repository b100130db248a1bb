// A session as its client understands it: what it sent and what we answered, side by side, read by RFC 5321
// alone. Knows nothing of the server's state; whatever does not fit breaks a promise.
//
// Strict sessions only (no lenient network). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::fuzz {

// A message whose true end was sent, or that was refused at it.
struct Attempt {
  std::string sender;                   // as in the reverse path
  std::vector<std::string> recipients;  // answered 250
  std::string content;                  // dots undone
  int code = 0;                         // of the reply to it; 0: none came
  bool operator==(const Attempt&) const = default;
};

struct SessionReading {
  std::vector<Attempt> attempts;
  std::vector<std::string> asked;  // every path in RCPT, taken or not
  std::size_t replies = 0;
  std::size_t delivered() const;
};

// `sent`: everything that the client sent, in clear and under TLS. `heard`: everything that we wrote.
SessionReading read_session(std::string_view sent, std::string_view heard);

}  // namespace sallyport::fuzz
