// `sallyport demo`: a gateway with a stand-in for the internal server behind it, on loopback, and a
// handful of real SMTP sessions through it, shown as they happen.
#pragma once

#include <cstdint>
#include <string>

namespace sallyport::proxy {

struct DemoOptions {
  std::string directory;      // the shipped conf.d
  std::uint16_t port = 2525;  // of the mx listener; submission and smtps are the two above it
  bool once = false;          // end after the sessions
  bool colour = true;
};

// 0 only if every session ended as it should.
int demo(const DemoOptions& options);

}  // namespace sallyport::proxy
