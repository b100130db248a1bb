#include "policy/rule_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/mail/address.h"
#include "base/text.h"
#include "policy/wildcard_pattern.h"

namespace sallyport::policy {
namespace {

constexpr const char* kAddressForms =
    R"("user@example.com", "example.com", "*.example.com" (what is below it), or a pattern with *, ?, $, %)";

ValueFault fault(std::string_view written, std::string_view what, std::string hint) {
  return {fmt::format("\"{}\" is {}", printable(written, 80), what), std::move(hint)};
}

RuleValue pattern(std::string_view written, std::string_view hint) {
  int column = 0;
  if (fault_of_pattern(written, column)) return fault(written, "no pattern", std::string(hint));
  std::string compared;
  append_comparing_form(compared, written);
  return compared;
}

// Lower-case A-labels, or "".
std::string domain(std::string_view written) {
  mail::DomainName name;
  return mail::parse_domain(written, name) == mail::DomainFault::none ? name.ascii : std::string();
}

// "192.0.2." as "192.0.2.0/24"; "" for what is no such thing.
std::string network_of_octets(std::string_view written) {
  const auto octets = std::ranges::count(written, '.');
  if (!written.ends_with('.') || octets > 3) return {};
  std::string address(written);
  for (auto left = 4 - octets; left > 0; --left) address += left > 1 ? "0." : "0";
  const auto network = Network::parse(fmt::format("{}/{}", address, 8 * octets));
  return network ? network->to_string() : std::string();
}

// With wildcards in it, the domain may still be one.
RuleValue address_pattern(std::string_view written) {
  const auto at = written.rfind('@');
  const auto ascii = at == std::string_view::npos ? std::string() : domain(written.substr(at + 1));
  if (ascii.empty()) return pattern(written, kAddressForms);
  return pattern(std::string(written.substr(0, at + 1)) + ascii, kAddressForms);
}

// What other programs, and the files of allow and block lists, write so.
std::string meant_by(std::string_view written) {
  constexpr std::string_view by_name = "host:";
  if (written.empty()) return R"("<>" is the null sender, of bounces)";
  if (written.starts_with('@') && !domain(written.substr(1)).empty())
    return fmt::format("write \"{}\"", written.substr(1));
  if (written.starts_with('.') && !domain(written.substr(1)).empty())
    return fmt::format("write \"*{}\": what is below it", written);
  if (const auto network = network_of_octets(written); !network.empty())
    return fmt::format(R"(a client is meant by "ip": "{}")", network);
  for (const std::string_view prefix : {by_name, std::string_view("rdns:")})
    if (written.starts_with(prefix) && !domain(written.substr(prefix.size())).empty())
      return fmt::format(R"(a client is meant by "rdns": "{}")", written.substr(prefix.size()));
  return kAddressForms;
}

RuleValue address(std::string_view written) {
  if (!is_literal_pattern(written)) {
    const bool below = written.starts_with("*.") && is_literal_pattern(written.substr(2));
    if (!below) return address_pattern(written);
    const std::string parent = domain(written.substr(2));
    if (!parent.empty()) return "*." + parent;
  } else if (written.contains('@')) {
    mail::Path path;
    if (mail::parse_path(written, {.smtputf8 = true}, path) == mail::PathFault::none && !path.source_route)
      return path.key();
  } else if (const std::string whole = domain(written); !whole.empty()) {
    return "*@" + whole;
  }
  return fault(written, "neither an address nor a domain", meant_by(written));
}

RuleValue network(std::string_view written) {
  if (const auto network = Network::parse(written)) return *network;
  return fault(written, "no network",
               R"("10.0.0.0/24" or "2001:db8::/48" with no bits behind the prefix, or an address)");
}

// "from" has networks alone, or none, and a file of it has none.
RuleValue network_among_senders(std::string_view written) {
  return fault(
      written, "a network, which is of the client, and stands among senders",
      R"(in a rule with "ip": "ip": ["10.0.0.0/8"], or "ip": {"file": "..."} for a file of networks)");
}

RuleValue name(std::string_view written) {
  constexpr const char* forms = R"("mx.example.com", "*.example.com", or a pattern with *, ?, $, %)";
  if (written.ends_with('.')) written.remove_suffix(1);
  if (written.empty() || std::ranges::any_of(written, [](char c) { return c == ' ' || c == '@'; }))
    return fault(written, "no host name", forms);
  return pattern(written, forms);
}

RuleValue user(std::string_view written) {
  if (written.empty())
    return fault(written, "no user", "a name, a pattern, true for anybody, false for nobody");
  return pattern(written, "a name, or a pattern");
}

}  // namespace

std::string_view to_string(RuleFact fact) {
  constexpr std::array<std::string_view, kRuleFacts> names{"from", "to",   "ip",       "rdns",
                                                           "helo", "auth", "listener", "direction"};
  return names.at(static_cast<std::size_t>(fact));
}

config::Stage known_from(RuleFact fact) {
  switch (fact) {
    case RuleFact::ip:
    case RuleFact::listener:
      return config::Stage::connect;
    case RuleFact::helo:
      return config::Stage::helo;
    case RuleFact::from:
    case RuleFact::auth:
      return config::Stage::mail;
    case RuleFact::to:
    case RuleFact::rdns:
    case RuleFact::direction:
      return config::Stage::rcpt;
  }
  std::unreachable();
}

RuleValue read_rule_value(RuleFact fact, std::string_view written) {
  switch (fact) {
    case RuleFact::from:
      if (Network::parse(written)) return network_among_senders(written);
      return written == "<>" ? RuleValue("") : address(written);
    case RuleFact::to:
      return address(written);
    case RuleFact::ip:
      return network(written);
    case RuleFact::rdns:
    case RuleFact::helo:
      return name(written);
    case RuleFact::auth:
      return user(written);
    case RuleFact::listener:
    case RuleFact::direction:
      return pattern(written, "");
  }
  std::unreachable();
}

}  // namespace sallyport::policy
