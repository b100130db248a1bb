#include "policy/sender_entry.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ip_address.h"
#include "base/mail/address.h"
#include "base/text.h"
#include "policy/list_file.h"

namespace sallyport::policy {
namespace {

constexpr std::string_view kReverse = "rdns:";
constexpr std::string_view kFor = "for=";
constexpr std::size_t kMaxText = 400;

// A quoted local part may have blanks in it: that of the pattern, and behind for=.
std::size_t end_of_word(std::string_view line) {
  const std::size_t begin = line.starts_with(kFor) ? kFor.size() : 0;
  const auto quoted = begin + end_of_quoted(line.substr(begin));
  return std::min(line.find_first_of(" \t", quoted), line.size());
}

std::string_view take_word(std::string_view& line) {
  line = trim(line);
  const auto end = end_of_word(line);
  const auto word = line.substr(0, end);
  line = trim(line.substr(end));
  return word;
}

std::string quoted(std::string_view text) { return fmt::format("\"{}\"", printable(text, 80)); }

// "example.com" or "*.example.com" in comparing form; "" for what is neither. The last label of a name is
// never a number: that is an address with a slip in it.
std::string domain_pattern(std::string_view written) {
  const bool below = written.starts_with("*.");
  mail::DomainName name;
  if (mail::parse_domain(below ? written.substr(2) : written, name) != mail::DomainFault::none) return {};
  const auto last = std::string_view(name.ascii).substr(name.ascii.rfind('.') + 1);
  if (last.empty() || parse_unsigned(last)) return {};
  return (below ? "*." : "") + name.ascii;
}

// "" for what is no address with a domain. "*@example.com" would be one, and is never meant so.
std::string address_pattern(std::string_view written) {
  if (written.starts_with("*@")) return {};
  mail::Path path;
  if (mail::parse_path(written, {.smtputf8 = true}, path) != mail::PathFault::none) return {};
  return path.is_null() || path.source_route || path.domain.empty() ? std::string() : path.key();
}

// No name of a host has an `@`: "rdns:*@example.net" are the hosts there, "rdns:joe@example.net" is joe.
std::string what_is_meant_by_name(std::string_view written) {
  const auto at = written.find('@');
  if (at == std::string_view::npos) return {};
  if (at > 0 && written.substr(0, at) != "*") return address_pattern(written);
  const std::string domain = domain_pattern(written.substr(at + 1));
  if (domain.empty()) return {};
  return fmt::format("{}{}{}", kReverse, domain.starts_with("*.") ? "" : "*.", domain);
}

// What other programs write so: "*@example.com", "@example.com", and a network by one of its addresses.
// "" for what is nothing of the kind.
std::string what_is_meant(std::string_view written) {
  if (written.starts_with(kReverse)) return what_is_meant_by_name(written.substr(kReverse.size()));
  if (const auto at = written.find('@'); at == 0 || written.starts_with("*@"))
    return domain_pattern(written.substr(at + 1));
  const auto slash = std::min(written.find('/'), written.size());
  const auto address = IpAddress::parse(written.substr(0, slash));
  const auto prefix = parse_unsigned(written.substr(std::min(slash + 1, written.size())));
  if (!address || !prefix || *prefix > (address->is_v4() ? 32U : 128U)) return {};
  const int prefix128 = static_cast<int>(*prefix) + (address->is_v4() ? 96 : 0);
  const Network network(*address, prefix128);
  return fmt::format("{}/{}", network.base().to_string(), network.prefix());
}

Result<> take_option(SenderEntry& entry, std::string_view word) {
  if (word == "authenticated") {
    entry.authenticated = true;
    return {};
  }
  const auto equals = std::min(word.find('='), word.size());
  const auto key = word.substr(0, equals);
  const auto value = word.substr(std::min(equals + 1, word.size()));
  const bool again = (key == "for" && !entry.recipient.empty()) ||
                     (key == "owner" && !entry.owner.empty()) || (key == "expires" && entry.expires);
  if (again)
    return fail(Errc::invalid,
                fmt::format("a second \"{}=\": an entry has one; write a line for each", key));
  if (key == "for") return set_recipient(entry, value);
  if (key == "owner" && !value.empty()) {
    entry.owner = value;
    return {};
  }
  if (key != "expires")
    return fail(Errc::invalid,
                fmt::format("{} is none of for=, expires=, owner= and authenticated", quoted(word)));
  auto day = parse_expiry_day(value);
  if (!day) return day.error();
  entry.expires = *day;
  return {};
}

std::string day_of(WallTime time) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                     static_cast<unsigned>(day.day()));
}

}  // namespace

std::string SenderEntry::name() const {
  return recipient.empty() ? pattern : pattern + " for=" + recipient;
}

Result<> set_pattern(SenderEntry& entry, std::string_view written) {
  entry.kind = SenderEntry::Kind::sender;
  if (written.starts_with(kReverse)) {
    entry.kind = SenderEntry::Kind::reverse_name;
    const auto name = domain_pattern(written.substr(kReverse.size()));
    entry.pattern = name.empty() ? name : std::string(kReverse) + name;
  } else if (written.contains('@')) {
    entry.pattern = address_pattern(written);
  } else if (const auto network = Network::parse(written)) {
    entry.kind = SenderEntry::Kind::network;
    entry.pattern = fmt::format("{}/{}", network->base().to_string(), network->prefix());
  } else {
    entry.pattern = domain_pattern(written);
  }
  if (!entry.pattern.empty()) return {};
  if (const auto meant = what_is_meant(written); !meant.empty())
    return fail(Errc::invalid, fmt::format("{} means nobody: write {}", quoted(written), meant));
  return fail(Errc::invalid, quoted(written) +
                                 " is no address, domain (example.com, *.example.com), network "
                                 "(192.0.2.0/24) or reverse name (rdns:*.example.net)");
}

Result<> set_recipient(SenderEntry& entry, std::string_view written) {
  entry.recipient = written.contains('@') ? address_pattern(written) : domain_pattern(written);
  if (!entry.recipient.empty() && !entry.recipient.starts_with('*')) return {};
  if (!entry.recipient.empty())
    return fail(Errc::invalid, quoted(written) +
                                   " is no recipient: an entry is for an address or for one domain of "
                                   "ours, and each domain below it wants an entry of its own");
  return fail(Errc::invalid, quoted(written) + " is no recipient: an address or a domain of ours");
}

bool is_role_entry(std::string_view recipient, const std::vector<std::string>& role_names) {
  const auto at = recipient.rfind('@');
  return at != std::string_view::npos && std::ranges::any_of(role_names, [&](const std::string& name) {
           return iequals(recipient.substr(0, at), name);
         });
}

// The last moment of that day.
Result<WallTime> parse_expiry_day(std::string_view day) {
  const auto number = [&](std::size_t at, std::size_t count) {
    return static_cast<int>(parse_unsigned(day.substr(at, count)).value_or(0));
  };
  if (day.size() == 10 && day[4] == '-' && day[7] == '-') {
    const std::chrono::year_month_day date(std::chrono::year(number(0, 4)),
                                           std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                           std::chrono::day(static_cast<unsigned>(number(8, 2))));
    if (date.ok() && number(0, 4) >= 1970 && number(0, 4) < 2200)
      return WallTime(std::chrono::sys_days(date) + std::chrono::days(1)) - std::chrono::seconds(1);
  }
  return fail(Errc::invalid, quoted(day) + " is no day: write 2027-01-31");
}

Result<SenderEntry> parse_sender_entry(std::string_view line) {
  std::size_t untold = 0;
  return parse_sender_entry(line, untold);
}

Result<SenderEntry> parse_sender_entry(std::string_view line, std::size_t& word_at) {
  SenderEntry entry;
  word_at = 0;
  if (line.size() > 4 * kMaxText) return fail(Errc::invalid, "the line is too long");
  auto rest = line;
  const auto next = [&] {
    const auto word = take_word(rest);
    word_at = static_cast<std::size_t>(word.data() - line.data());
    return word;
  };
  if (auto set = set_pattern(entry, next()); !set) return set.error();
  while (!rest.empty() && !rest.starts_with('#'))
    if (auto taken = take_option(entry, next()); !taken) return taken.error();
  if (!rest.empty()) entry.reason = trim(rest.substr(1));
  return entry;
}

std::size_t word_of(std::string_view line, std::string_view option) {
  for (auto rest = line; !rest.empty() && !rest.starts_with('#');)
    if (const auto word = take_word(rest); word.starts_with(option))
      return static_cast<std::size_t>(word.data() - line.data());
  return 0;
}

std::string to_line(const SenderEntry& entry) {
  std::string line = entry.name();
  if (entry.authenticated) line += " authenticated";
  if (!entry.owner.empty()) line += " owner=" + entry.owner;
  if (entry.expires) line += " expires=" + day_of(*entry.expires);
  if (!entry.reason.empty()) line += " # " + entry.reason;
  return line;
}

}  // namespace sallyport::policy
