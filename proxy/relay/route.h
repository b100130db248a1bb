// Routes: where mail of a domain goes, and how. Plain values from the configuration.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/io/tls.h"
#include "base/ip_address.h"

namespace sallyport::relay {

struct Host {
  std::string name;  // host name or address, without brackets
  std::uint16_t port = 25;
  bool lmtp = false;
  bool implicit_tls = false;
  // As an admin writes it: "10.0.0.25:25", "lmtp://mail.example.com:24", "smtps://[2001:db8::1]:465".
  std::string to_string() const;
  auto operator<=>(const Host&) const = default;
};

enum class TlsPolicy { never, opportunistic, required, verified };
enum class RecipientCheck { ask, list, any };  // "directory" comes with the directory

struct Credentials {
  std::string user;
  std::string password;
  bool operator==(const Credentials&) const = default;
};

struct Route {
  std::string name;
  std::vector<Host> hosts;  // tried in order
  TlsPolicy tls = TlsPolicy::opportunistic;
  std::shared_ptr<const io::ClientTls> tls_settings;  // set unless tls is never
  std::optional<Credentials> credentials;             // AUTH towards the next hop, only under TLS

  RecipientCheck recipients = RecipientCheck::ask;
  std::optional<Host> ask_host;  // who is asked, if not `hosts`
  // For list: keys (mail::Path::key()), sorted. Shared by settings that differ in other lists; null: none.
  std::shared_ptr<const std::vector<std::string>> recipient_list;
  std::string subaddress_separator = "+";  // user+detail is user; "" = none

  int max_connections = 15;  // to each host, all cores together
  int max_asking = 10;       // recipients asked at once, for each client
  IpAddress source;          // unspecified: the kernel chooses
  std::string helo;          // "" = our hostname
  bool eight_bit = true;     // false: 8-bit content is refused (eight_bit: refuse)
  std::optional<std::uint64_t> message_size;

  std::chrono::milliseconds connect_timeout{15'000};
  std::chrono::milliseconds greeting_timeout{60'000};
  std::chrono::milliseconds command_timeout{60'000};
  std::chrono::milliseconds data_timeout{300'000};  // for the answer to the final dot
  std::chrono::milliseconds idle_timeout{60'000};   // a pooled connection is closed after it
};

}  // namespace sallyport::relay
