// What the conditions of rules may speak of, as far as it is known.
//
// Values; what they point to outlives a look-up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config/stage.h"
#include "base/ip_address.h"
#include "base/mail/address.h"
#include "base/mail/evidence.h"

namespace sallyport::policy {

enum class Direction : std::uint8_t { inbound, outbound };

// Who vouches for the domain in MAIL FROM.
enum class Vouching : std::uint8_t {
  pending,
  own,      // the client is ours: it logged in, or is in a trusted network
  spf,      // SPF passed, and not for everybody
  none,     // the domain publishes no SPF, or nobody was asked
  against,  // any other result
};

struct RuleFacts {
  config::Stage stage = config::Stage::connect;  // no rule holds by what is known later
  IpAddress client;
  std::string_view listener;
  std::string_view helo;
  std::string_view user;             // "" = nobody logged in
  const mail::Path* from = nullptr;  // from MAIL on
  const mail::Path* to = nullptr;    // from RCPT on
  std::string to_mailbox;            // mailbox_behind_detail(): a condition for it holds, too
  Direction direction = Direction::inbound;
  std::optional<std::string> reverse_name = "";  // nullopt: not known yet; "": none that is confirmed
  std::vector<std::string> more_names;           // confirmed, too
  bool name_is_asked = true;                     // else no rule that speaks of it holds
  Vouching vouching = Vouching::none;
  bool to_role = false;  // what role addresses are spared makes no fact missing
  // Could not be looked up now, or not whole; and are taken for what is confirmed by now, and "against",
  // until they can.
  bool name_failed = false;
  bool spf_failed = false;
};

// The reverse name and who vouches, by what the checks have found by now.
void add_evidence(RuleFacts& facts, const mail::Evidence& evidence);

}  // namespace sallyport::policy
