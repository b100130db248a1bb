// One entry of an allow or a block list: which senders it means, for whom, why, and for how long.
//
// Written on one line:
//
//   joe@example.com                  this sender's address
//   example.com                      senders in this domain, and in none below it
//   *.example.com                    senders in the domains below it
//   192.0.2.0/24   2001:db8::1       clients by address
//   rdns:mail.example.net            clients by their confirmed reverse name
//   rdns:*.example.net
//
// and behind it, in any order, `for=joe@our.example` or `for=our.example` (else for everybody),
// `expires=2027-01-31` (the day's end, UTC), `owner=NAME`, `authenticated`; behind a `#` the reason. Blanks
// in a quoted local part ("joe smith"@example.com) separate nothing.
// Pure values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace sallyport::policy {

struct SenderEntry {
  enum class Kind : std::uint8_t {
    sender,  // an address or a domain: what MAIL FROM claims
    network,
    reverse_name,
  };

  Kind kind = Kind::sender;
  std::string pattern;    // in comparing form; a network always with its prefix
  std::string recipient;  // "joe@our.example", "our.example"; "" = everybody
  std::string owner;
  std::string reason;
  std::optional<WallTime> expires;
  bool authenticated = false;  // allow, by sender: only what SPF passed

  // "example.com for=joe@our.example": what names an entry among those of its list.
  std::string name() const;
};

// Errors: invalid, with words for whoever wrote it.
Result<SenderEntry> parse_sender_entry(std::string_view line);
// `word_at`: where in the line the word at fault begins.
Result<SenderEntry> parse_sender_entry(std::string_view line, std::size_t& word_at);
// Where the word begins that begins so ("for=", "authenticated"); 0: there is none.
std::size_t word_of(std::string_view line, std::string_view option);
// As it is read again.
std::string to_line(const SenderEntry& entry);
// The pattern and the recipient alone, as options of a command give them.
Result<> set_pattern(SenderEntry& entry, std::string_view written);
Result<> set_recipient(SenderEntry& entry, std::string_view written);
// What a block entry is told that says so.
inline constexpr const char* kAuthenticatedBlock =
    "`authenticated` is for allow lists: a block entry holds whether SPF passes or not";
// "postmaster@our.example": an entry for a role address, which no block entry may be.
bool is_role_entry(std::string_view recipient, const std::vector<std::string>& role_names);
Result<WallTime> parse_expiry_day(std::string_view day);

}  // namespace sallyport::policy
