// Which treatment a recipient, or a new connection, gets by the rulesets.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/io/task.h"
#include "policy/rule_facts.h"
#include "proxy/inquiry.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

// What a treatment might be too, were the name or the SPF known that could not be looked up now.
struct Otherwise {
  std::vector<std::shared_ptr<const Treatment>> treatments;
  bool more = false;                       // ... and others that are not told
  mail::Check failed = mail::Check::rdns;  // what could not be looked up

  bool empty() const { return treatments.empty() && !more; }
  void add(const Otherwise& other);
};

struct Treated {
  std::shared_ptr<const Treatment> acting;
  std::shared_ptr<const Treatment> would_be;  // with the rules that only observe; else the same
  Otherwise otherwise;
  std::vector<policy::MatchedRule> unproven = {};  // that want of an SPF pass kept from holding
};

// Who sends what to whom, at RCPT.
struct RecipientFacts {
  const policy::ClientFacts& client;
  std::string_view listener;
  std::string_view helo;
  const mail::Path& sender;
  const mail::Path& recipient;
};

// A message that was declared to be so large; nullopt: it may be.
std::optional<policy::Refuse> refuses_size(const Limits& limits, std::uint64_t octets);

// By the client's address and the listener alone.
Treated treated_at_connect(const Settings& settings, const IpAddress& client, std::string_view listener);
// The rules that only observe, and that `treated` has in place of those that act.
std::vector<policy::MatchedRule> observed_rules(const Treated& treated);

// What rules may speak of, before anything is found out about the client. Points to what `facts` does.
policy::RuleFacts rule_facts(const Settings& settings, const RecipientFacts& facts);

// Waits for the reverse name, or SPF, where a rule could depend on it; of a role address only where the
// rule is of what it is not spared. `inquiry`: null: nothing is asked about the client. What is named
// outlives the task.
io::Task<Treated> treatment_of(const Settings& settings, RecipientFacts facts, Inquiry* inquiry);

}  // namespace sallyport::proxy
