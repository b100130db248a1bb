// What becomes of a stranger's mail by what the checks have found: a pure, restartable function.
//
// Evidence so far goes in; out comes a decision that no further evidence can change, or the facts that
// could. The score is judged as an interval: what is known, plus the least and the most that the pending
// facts may add. tests/unit/policy_client_test.cpp holds that no early decision is contradicted by any
// completion of its evidence.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/mail/evidence.h"
#include "policy/checks.h"
#include "policy/recipient.h"

namespace sallyport::policy {

// What one fact adds to the judgement.
struct Contribution {
  std::size_t fact = 0;  // index into Evidence::known; its size: none (own_sender, where SPF is off)
  Outcome outcome;
  bool own_sender = false;  // of CheckSettings::own_sender, not of the finding
};

// From what may change (mail::may_change) nothing permanent follows, whatever the settings say.
Outcome acted_on(const Outcome& outcome, bool may_change);

struct ClientDecision {
  enum class Action : std::uint8_t { accept, defer, reject };
  Action action = Action::accept;
  int score = 0;                            // of what is known
  std::optional<Contribution> decisive;     // reject or defer by one fact; none: by the score
  std::vector<Contribution> contributions;  // all that are not `ignore`, the weightiest first
};

struct Need {
  std::vector<mail::FactKey> facts;  // any of them could change the decision
};

std::variant<ClientDecision, Need> judge_client(const mail::Evidence& evidence,
                                                const CheckSettings& settings, View view = View::acting);

// What is known by now decides: nothing more is waited for.
ClientDecision judge_known(const mail::Evidence& evidence, const CheckSettings& settings,
                           View view = View::acting);

// Whether its points, of what is enforced, come to `least` or more. What a failed look-up counts, counts;
// what a good list that does not answer might have said does not.
std::variant<bool, Need> has_points(const mail::Evidence& evidence, const CheckSettings& settings,
                                    int least);

// Whose name a client claims in HELO.
enum class HeloClaim : std::uint8_t {
  other,
  our_host,    // our host name, or our address: nobody else is called so
  our_domain,  // true of a web server that has the domain's address
};
HeloClaim claimed_by(std::string_view helo, const IpAddress& our_address, const Settings& settings);

// The refusal of a decision that is no accept: code, words, and the name for the event.
Refuse refusal(const ClientDecision& decision, const mail::Evidence& evidence,
               const CheckSettings& settings);

// "listed by bl.example", "no reverse name", "SPF: 192.0.2.1 may not send for example.com".
std::string describe(const mail::Fact& fact, const CheckSettings& settings);

}  // namespace sallyport::policy
