// An SPF record, parsed (RFC 7208 4.6 and 12): what its terms say, with nothing looked up.
//
// Pure. A syntax error anywhere makes the whole record an error (4.6): there is no evaluating up to it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/result.h"
#include "dns/spf.h"

namespace sallyport::dns {

struct SpfTerm {
  enum class Kind { all, include, a, mx, ptr, ip4, ip6, exists };

  Kind kind = Kind::all;
  SpfResult result = SpfResult::pass;  // what a match means, by the qualifier
  std::string domain_spec;             // a macro string; "" = the domain being checked
  Network network;                     // ip4, ip6
  int prefix4 = 32, prefix6 = 128;     // a, mx
  std::string written;
};

struct SpfRecord {
  std::vector<SpfTerm> terms;
  std::optional<std::string> redirect;  // macro strings
  std::optional<std::string> exp;
};

// "v=spf1", alone or followed by a blank, in any case (4.5).
bool is_spf_record(std::string_view text);

// `text` is one. The error's detail names the term and what is wrong with it.
Result<SpfRecord> parse_spf_record(std::string_view text);

}  // namespace sallyport::dns
