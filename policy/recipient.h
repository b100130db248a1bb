// Who may send to whom: the right to relay, and what becomes of one recipient. Pure functions.
//
// The right to relay comes from three things only: a trusted network, AUTH, a client certificate
// (promise P2). HELO, MAIL FROM and header fields are no inputs here.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/ip_address.h"
#include "base/mail/address.h"
#include "base/mail/replies.h"
#include "policy/settings.h"

namespace sallyport::policy {

using mail::Refusal;

struct ClientFacts {
  IpAddress address;
  std::string authenticated;  // user name, "" = nobody
  std::string certificate_fingerprint;
  std::string certificate_name;  // vouched for by the private CA
};

bool contains(std::span<const Network> networks, const IpAddress& address);

enum class RelayRight { none, trusted_network, authenticated, client_certificate };
RelayRight relay_right(const ClientFacts& client, const Settings& settings);
bool is_trusted(const IpAddress& address, const Settings& settings);
bool is_upstream(const IpAddress& address, const Settings& settings);

// An allow entry that means the sender, or a letter that the recipient has written to it (`rule` is
// "correspondent"), and that does not hold: SPF does not vouch for MAIL FROM.
struct Unheld {
  std::string rule;   // as of Accept
  std::string entry;  // what it says
};

// Somebody else in the recipient's domain has written to the sender: no greylisting, and points of the
// recipient's own beside those of the client.
struct KnownInDomain {
  std::string domain;  // "" = nobody has
  int score = 0;
};

struct Refuse {
  Refusal why;
  mail::Reply reply;
  std::string rule;  // file:line of the list entry that decided, or ""
  bool reply_id = true;
  std::string observed = {};  // as of Accept
  std::string entry = {};     // what that line or entry says
  std::optional<Unheld> unheld = {};
  KnownInDomain correspondent = {};
};
// As the table of replies has it; `detail` stands for its {}.
Refuse refuse(Refusal why, std::string_view detail = {});

// Goes to `route`. A role address is delivered whatever the next hop says of it (role_mailbox).
struct Accept {
  std::string route;
  bool role = false;
  bool outbound = false;
  std::string rule = {};  // the allow entry by which nothing more was looked at
  KnownInDomain correspondent = {};
  std::string observed =
      {};                  // what lists that only observe would have said: "blocked-sender lists/block:3"
  std::string entry = {};  // what the allow entry says
  std::optional<Unheld> unheld = {};
};
using RecipientVerdict = std::variant<Accept, Refuse>;

// Who is taken in spite of what speaks against him: role addresses, and whom a list or his recipient's
// letters allow. `nobody`: what would become of them otherwise, for the record.
enum class Sparing : std::uint8_t { as_configured, nobody };

// In this order: percent hack, role addresses of ours, the barring list of recipients, a missing domain,
// the right to relay, the barring list of senders. `sender` is nullptr where there is none yet. The reason
// why the right to relay comes behind barred recipients: bang and quoted paths get the list's text. Barred
// or not (Barring::mode), an address of ours whose local part names another host is never taken: next hops
// may follow it.
RecipientVerdict judge_recipient(const ClientFacts& client, const mail::Path* sender,
                                 const mail::Path& recipient, const Settings& settings,
                                 Sparing sparing = Sparing::as_configured);

// The recipients of one session, as their next hops know them. Whoever guesses names is told no more.
class RecipientTally {
 public:
  void count(bool known) {
    ++asked_;
    if (!known) ++unknown_;
  }
  // More than `asked` were asked, and more than half of them do not exist; 0: never.
  bool is_harvest(int asked) const { return asked > 0 && asked_ > asked && 2 * unknown_ > asked_; }

 private:
  int asked_ = 0;
  int unknown_ = 0;
};

// After the message is complete: mail that goes round in circles.
std::optional<Refuse> judge_trace(int received, int received_by_us, const Settings& settings);

// "joe@our.domain" for joe+detail@our.domain, in comparing form, where the route of that domain knows
// details, else "". What stands behind the separator is the sender's choice: it leads around no entry or
// rule for joe.
std::string mailbox_behind_detail(const mail::Path& recipient, const Settings& settings);

bool is_role_address(const mail::Path& path, const Settings& settings);

}  // namespace sallyport::policy
