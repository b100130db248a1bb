// How the values of conditions are written: addresses, networks, names, users. What each comes to is a
// Type 2 pattern or a network.
//
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/ip_address.h"
#include "policy/rule_tables.h"

namespace sallyport::policy {

std::string_view to_string(RuleFact fact);
// The stage from which on it is known.
config::Stage known_from(RuleFact fact);

struct ValueFault {
  std::string message;
  std::string hint;
};
// A pattern in comparing form, a network, or what is wrong. "<>" of `from` comes to "".
using RuleValue = std::variant<std::string, Network, ValueFault>;
RuleValue read_rule_value(RuleFact fact, std::string_view written);

}  // namespace sallyport::policy
