// Greylisting: whoever is doubtful is asked to come again later, once. Mail servers do; most spam programs
// do not, and those that do may be on a list by then.
//
// Pure: records and the time go in, what becomes of the recipient and the new record come out. A record
// is of one identity of a client, one sender and one recipient (greylist_key). Of times only whole seconds
// are kept.
//
// Clocks jump. One that goes back costs nobody more than the delay anew, and takes no pass away; what has
// passed is renewed by use, and otherwise forgotten after `remember`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/mail/address.h"
#include "policy/checks.h"
#include "policy/client.h"
#include "policy/client_identity.h"

namespace sallyport::policy {

struct GreylistRecord {
  WallTime first;  // when it first came
  WallTime last;   // ... and last, as far as that was written down
  bool passed = false;

  std::string packed() const;  // 17 octets
  static std::optional<GreylistRecord> unpack(std::string_view packed);
  bool operator==(const GreylistRecord&) const = default;
};

struct GreylistStep {
  enum class Kind : std::uint8_t {
    begins,     // never seen, or came back too late
    waits,      // came back too early
    came_back,  // passes for the first time
    passes,     // has passed before
  };
  Kind kind = Kind::begins;
  Duration wait{0};  // begins, waits: still to go
  GreylistRecord record;
  WallTime expires;
  bool changed = true;  // the record is to be written

  bool defers() const { return kind == Kind::begins || kind == Kind::waits; }
};
GreylistStep greylist_step(const std::optional<GreylistRecord>& record, WallTime now,
                           const GreylistSettings& settings);

// An identity that came back often enough waits no more. Passes within an hour count once: a mail to many
// recipients is one proof.
struct GreylistIdentity {
  int passes = 0;
  WallTime last;

  static constexpr auto kApart = std::chrono::hours(1);
  bool is_known(const GreylistSettings& settings) const;
  // After one more pass; nullopt: it does not count.
  std::optional<GreylistIdentity> counted(WallTime now) const;
  // Seen again, if that is worth writing down.
  std::optional<GreylistIdentity> renewed(WallTime now, const GreylistSettings& settings) const;
  std::string packed() const;  // 12 octets
  static std::optional<GreylistIdentity> unpack(std::string_view packed);
};

// 16 octets: some of the SHA-256 of each of the three, so that cases can be chosen by any of them though no
// names are kept. Among ten million cases one choice in a hundred thousand finds a stranger's as well.
std::string greylist_key(const ClientIdentity& identity, const mail::Path& sender,
                         const mail::Path& recipient);
// 16 octets of SHA-256. `watched`: the passes of whoever would not have had to wait; they are apart.
std::string greylist_key(const ClientIdentity& identity, bool watched = false);

// The cases of a client, a sender, a recipient; of what is not given any.
class GreylistChoice {
 public:
  GreylistChoice& of_client(const ClientIdentity& identity);
  GreylistChoice& from(const mail::Path& sender);
  GreylistChoice& to(const mail::Path& recipient);
  bool has(std::string_view key) const;  // a case's

 private:
  std::string client_, sender_, recipient_;  // as they stand in a key; "": any
};

// Whether the client has to wait, by what was found about it: its points, as far as the decision needs
// them, and all that its identity rests on. `seen_lately`: it had mail delivered (GreylistApply::unknown).
std::variant<bool, Need> is_greylisted(const mail::Evidence& evidence, const CheckSettings& settings,
                                       bool seen_lately);

}  // namespace sallyport::policy
