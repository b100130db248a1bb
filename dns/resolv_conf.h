// How servers are written: in a configuration, and in a resolv.conf(5), which is read again when the file
// changes. Not thread-safe.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"

namespace sallyport::dns {

// "192.0.2.53", "192.0.2.53:5300", "[2001:db8::53]:53": the port is 53 where none is written.
std::optional<Endpoint> parse_server(std::string_view text);

// In their order, at most three as in libc; those with a zone (fe80::1%eth0) are passed over.
std::vector<Endpoint> parse_resolv_conf(std::string_view text);

class ResolvConf {
 public:
  explicit ResolvConf(std::string path) : path_(std::move(path)) {}

  // Looks at the file every five seconds at most. True: `servers` are other ones now. A file that is gone
  // or names no server changes nothing: it is being written.
  bool refresh(TimePoint now, std::vector<Endpoint>& servers);

 private:
  std::string path_;
  TimePoint next_look_ = TimePoint::min();
  struct stat seen_{};
};

}  // namespace sallyport::dns
