// SPF macro strings (RFC 7208 7): their syntax, and what they expand to.
//
// Pure. Values are strangers' words: whoever shows an expansion makes it printable first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip_address.h"

namespace sallyport::dns {

enum class SpfMacroUse {
  domain,       // a domain-spec: ends in a top label or a macro; no c, r, t
  value,        // of a modifier that nobody knows
  explanation,  // the text that exp= leads to: blanks, and every letter
};

bool is_macro_string(std::string_view text, SpfMacroUse use);
// Whether it needs the validated name of the client: a look-up.
bool holds_validated_name(std::string_view text);

// Whether what it expands to differs from client to client, by what they cannot choose.
bool depends_on_client(std::string_view text);

struct SpfMacroValues {
  std::string local_part;
  std::string sender_domain;
  std::string domain;  // being checked
  std::string helo;
  std::string receiver;
  std::string validated_name;  // %{p}
  IpAddress client;
  std::int64_t seconds = 0;  // since 1970
};

// `text` is a macro string. At most about 64 KiB come out; a longer one is cut.
std::string expand(std::string_view text, const SpfMacroValues& values);
// An expansion as a name: without final dot, labels on the left dropped until it has 253 octets (7.3).
std::string shortened_domain(std::string expanded);

}  // namespace sallyport::dns
