// People our users write to: who becomes one, and how a sender is known again.
//
// Pure. A pair of an address of ours and a stranger's is remembered, and a pair of our domain and the
// stranger's: what the user wrote to is let through to him, and speaks for itself to his colleagues.
//
// Only what people write by hand may teach: an automatic answer to a spammer must not let him in, and a
// newsletter makes nobody a correspondent.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mail/address.h"
#include "policy/checks.h"

namespace sallyport::policy {

struct ClientFacts;
struct Settings;

struct CorrespondentSettings {
  Mode mode = Mode::enforce;
  Duration remember = std::chrono::hours(90 * 24);  // after our user last wrote
  int score = -2;       // of a sender to whom somebody else in the recipient's domain has written
  int recipients = 20;  // a message to more of them makes nobody a correspondent
};

struct SentMail {
  const ClientFacts& client;
  const mail::Path& sender;
  std::size_t recipients = 1;
  bool automatic = false;  // mail::HeaderScanner::automatic()
};
// Whether mail that was delivered makes `recipient` a correspondent of its sender.
bool makes_correspondent(const SentMail& sent, const mail::Path& recipient, const Settings& settings);

// "anna@our.example" of Anna+shop@our.example: what stands behind + is the same mailbox.
std::string mailbox_of(const mail::Path& path);
// The same of a sender, without what his server changes from message to message (BATV, SRS). Numbers are
// kept, unlike in greylisting: they tell people apart.
std::string correspondent_of(const mail::Path& sender);
// 16 octets, of SHA-256. `ours`: mailbox_of() or a domain.
std::string correspondent_key(std::string_view ours, std::string_view theirs);

// A clock that was set back forgets nobody.
bool is_correspondent(WallTime last_written, WallTime now, const CorrespondentSettings& settings);
// It is worth writing down that one who is remembered since `last_written` was written to again.
bool is_renewed(WallTime last_written, WallTime now, const CorrespondentSettings& settings);

}  // namespace sallyport::policy
