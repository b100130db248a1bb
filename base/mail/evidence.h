// What is known about a client and its mail, and how we know it: facts, gathered by checks, judged by
// policy. Values only; a fact is never changed once it is known.
//
// A check that was never begun is neither in `known` nor in `pending`: it is "not asked", which is not the
// same as "clear". Owned by one session, on one core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"

namespace sallyport::mail {

enum class Check : std::uint8_t { early_talker, rdns, helo, sender_domain, dnsbl, spf_helo, spf_mailfrom };
inline constexpr std::size_t kChecks = 7;

// What a check can find. One list, so that settings, events and documents use the same words.
enum class Finding : std::uint8_t {
  early_waited,  // the client waited for its greeting
  early_talked,

  rdns_confirmed,  // a PTR name that has the client's address (FCrDNS)
  rdns_missing,
  rdns_mismatch,
  rdns_generic,  // confirmed, but made of the address, as dial-up pools are named
  rdns_temporary,

  helo_confirmed,  // is the confirmed reverse name
  helo_plausible,  // resolves to the client's address, or is the literal of it
  helo_syntax,     // neither a domain nor an address literal
  helo_own_name,   // our host name or address; a domain of ours, and the client is not its host
  helo_literal,    // an address literal of another address
  helo_not_fqdn,
  helo_unresolvable,
  helo_mismatch,  // resolves to other addresses
  helo_temporary,

  sender_found,    // has an MX, or an address
  sender_missing,  // the domain does not exist
  sender_no_mail,  // exists, with neither MX nor address
  sender_null_mx,  // RFC 7505
  sender_private,  // its MXs have private or loopback addresses only
  sender_temporary,

  dnsbl_clear,
  dnsbl_listed,  // `codes` says how
  dnsbl_silent,  // the list does not answer us: blocked, hijacked, set aside
  dnsbl_temporary,

  spf_none,
  spf_neutral,
  spf_pass,
  spf_fail,
  spf_softfail,
  spf_temperror,
  spf_permerror,
};
inline constexpr std::size_t kFindings = static_cast<std::size_t>(Finding::spf_permerror) + 1;

std::string_view to_string(Check check);      // "rdns": the key under `checks`, but spf_helo, spf_mailfrom
std::string_view to_string(Finding finding);  // "mismatch": the key below it
// All that `check` can find, in the order of the list above.
std::span<const Finding> findings_of(Check check);
// It says nothing about the client: nothing permanent may follow from it.
bool is_temporary(Finding finding);

// One look-up, as text: "TXT example.com" and "\"v=spf1 -all\"", or "NXDOMAIN".
struct Asked {
  std::string question;
  std::string answer;
  Duration took{0};
  bool at_hand = false;  // answered by the cache
};

// Of what a list was asked.
enum class Listed : std::uint8_t { client, reverse_name, helo, sender_domain };
std::string_view to_string(Listed listed);

// Which fact: there is one for each check, and one for each list and what it was asked of.
struct FactKey {
  Check check = Check::rdns;
  int list = -1;  // dnsbl: the place of the list in the settings
  Listed of = Listed::client;
  bool operator==(const FactKey&) const = default;
};

struct Fact {
  FactKey key;
  Finding finding = Finding::rdns_temporary;
  std::string subject{};  // what was looked at: the list, the domain, the HELO name
  std::string listed{};   // dnsbl: whom the list was asked about, if not the client
  std::string detail{};   // what follows: the reverse name, the list's or the domain's own words. Untrusted
  std::vector<std::string> more_names{};  // rdns: those that are confirmed beside it
  bool in_doubt = false;                  // rdns: there are names that could not be looked up now
  std::string mechanism{};                // SPF: the term that matched, as written
  bool open = false;                      // SPF: that term lets anybody send
  std::vector<IpAddress> codes{};         // dnsbl_listed: every A record that was returned
  std::vector<Asked> asked{};
  Duration took{0};
  TimePoint until = TimePoint::min();  // so long hold the answers on which it stands
  std::string written{};  // of one that is remembered: how it stands in events, but for judgement and time
};

// Not all of it could be looked up now: nothing permanent may follow from it alone.
bool may_change(const Fact& fact);

// SPF passed, by a term that means some clients and not all of them: `+all` says nothing of whose mail it
// is.
bool vouches(const Fact& fact);

using FactPtr = std::shared_ptr<const Fact>;

// Facts in the order in which they became known, each shared with whoever remembers it. To read, a range of
// `const Fact&`.
class Facts {
 public:
  class Iterator {
   public:
    using value_type = Fact;
    using reference = const Fact&;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;
    using pointer = const Fact*;

    Iterator() = default;
    explicit Iterator(const FactPtr* at) : at_(at) {}
    const Fact& operator*() const { return **at_; }
    const Fact* operator->() const { return at_->get(); }
    Iterator& operator++() { return ++at_, *this; }
    Iterator operator++(int) { return Iterator(at_++); }
    bool operator==(const Iterator&) const = default;

   private:
    const FactPtr* at_ = nullptr;
  };

  Facts() = default;
  Facts(std::initializer_list<Fact> facts) : Facts(std::vector<Fact>(facts)) {}
  Facts(std::vector<Fact> facts) {
    for (Fact& fact : facts) push_back(std::move(fact));
  }

  void push_back(FactPtr fact) { facts_.push_back(std::move(fact)); }
  void push_back(Fact fact) { push_back(std::make_shared<const Fact>(std::move(fact))); }
  template <class Which>
  void erase_if(Which which) {
    std::erase_if(facts_, [&](const FactPtr& fact) { return which(*fact); });
  }

  const Fact& operator[](std::size_t place) const { return *facts_[place]; }
  const Fact& at(std::size_t place) const { return *facts_.at(place); }
  std::size_t size() const { return facts_.size(); }
  bool empty() const { return facts_.empty(); }
  Iterator begin() const { return Iterator(facts_.data()); }
  Iterator end() const { return Iterator(facts_.data() + facts_.size()); }

 private:
  std::vector<FactPtr> facts_;
};

struct Evidence {
  IpAddress client;
  bool sender_is_ours = false;  // the domain in MAIL FROM is one of our domains
  Facts known;
  std::vector<FactKey> pending;

  const Fact* find(const FactKey& key) const;
  // The client's, none of which is better than another; the first one names it.
  std::vector<std::string> reverse_names() const;
};

}  // namespace sallyport::mail
