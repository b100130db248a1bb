// Reverse names that say no more of a client than that it is one of many: a dial-up pool's, a provider's
// customers', made of the address. Mail servers have names of their own, and few of such clients are any.
//
// A list says which, an entry a line. A line of letters alone is a word, which stands for itself in the
// name, between whatever is no letter; any other line is a pattern (RE2) of the whole name. Both in either
// case. A name that holds the client's own address is generic without any entry. The last two labels belong
// to the provider, and are looked at by patterns only.
//
// A name with a word of fixed addresses or of mail ("static", "mail", "smtp", "mx") is never generic.
//
// Immutable once parsed; copies share the entries; usable from every thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "policy/list_file.h"

namespace sallyport::policy {

class GenericNames {
 public:
  using Fault = ListFault;
  static constexpr std::int64_t kMostMemory = 8 * 1024 * 1024;  // of all patterns together

  // Reads a list; what is wrong with it goes to `faults` (all of it at once). `file` tells one list from
  // another.
  static GenericNames parse(std::string_view text, std::vector<Fault>& faults, std::string file = {});
  const std::string& file() const { return file_; }

  // `name`: the reverse name, with or without its last dot. Patterns that come to need more memory than
  // they may are taken for ones that do not match.
  bool matches(std::string_view name, const IpAddress& client) const;

 private:
  struct Entries;

  std::string file_;
  std::shared_ptr<const Entries> entries_;  // null: there are none
};

}  // namespace sallyport::policy
