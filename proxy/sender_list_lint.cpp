#include "proxy/sender_list_lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/io/together.h"
#include "base/text.h"
#include "dns/budgeted_resolver.h"
#include "dns/name.h"
#include "dns/spf.h"
#include "policy/sender_breadth.h"

namespace sallyport::proxy {
namespace {

using policy::Breadth;
using policy::Mode;
using policy::SenderEntry;
using policy::SenderList;

constexpr std::size_t kMaxDomains = 100;
constexpr std::size_t kMaxNamed = 5;          // in one sentence
constexpr int kMaxQuestions = 100;            // for one domain
constexpr const char* kNobody = "192.0.2.1";  // of no machine (RFC 5737): no record lets it send on purpose
constexpr const char* kAnyLabel = "some-name-that-nobody-has";

// Entries with one fault, told in one warning.
class Faulty {
 public:
  // `option`: that of the entry which is at fault; without, it is whom it names.
  void add(const SenderList::Found& found, std::string_view option = {}) {
    ++count_;
    entries_.emplace_back(found.line, option.empty() ? found.column : found.column_of(option),
                          found.entry.name());
    std::ranges::sort(entries_);
    if (entries_.size() > kMaxNamed) entries_.pop_back();
  }

  // `what` follows the names.
  void tell(const SenderList& list, std::string_view what, std::string hint,
            std::vector<SenderListFault>& out) const {
    if (count_ == 0) return;
    std::string names;
    for (const auto& [line, column, name] : entries_) names += (names.empty() ? "" : ", ") + name;
    if (count_ > entries_.size()) names += fmt::format(" and {} more", count_ - entries_.size());
    const auto& [line, column, name] = entries_.front();
    out.push_back({{list.file(), line, column}, fmt::format("{}: {}", names, what), std::move(hint)});
  }

 private:
  std::size_t count_ = 0;
  std::vector<std::tuple<int, int, std::string>> entries_;  // the first ones
};

bool is_off(const Settings& settings, mail::Check check) {
  return !settings.record_all && settings.asked(policy::View::acting).mode(check) == Mode::off;
}

void tell_idle(const SenderList& list, SenderEntry::Kind kind, const char* what, const char* hint,
               std::vector<SenderListFault>& out) {
  Faulty idle;
  list.each([&](const SenderList::Found& found) {
    if (found.entry.kind == kind) idle.add(found);
    return true;
  });
  idle.tell(list, what, hint, out);
}

// Null: an entry like others.
const char* words(SenderListKind kind, Breadth breadth) {
  const bool allows = kind == SenderListKind::allow;
  switch (breadth) {
    case Breadth::many_clients:
      return allows ? "so wide a network lets a good part of the world through, unchecked"
                    : "so wide a network refuses a good part of the world";
    case Breadth::anybodys_name:
      return allows ? "anybody can have a name there, and is let through unchecked"
                    : "everybody who has a name there is refused";
    case Breadth::nobody:
      return "no domain below it is meant, and that itself is nobody's";
    case Breadth::ordinary:
      break;
  }
  return nullptr;
}

// Null: nothing to be said. A client in `trusted_networks` is asked for nothing, whatever lists say of it.
const char* blocked_of_ours(const SenderEntry& entry, const policy::Settings& settings) {
  const auto blocked = Network::parse(entry.pattern);
  if (entry.kind != SenderEntry::Kind::network || !blocked) return nullptr;
  const auto within = [&](const Network& ours) {
    return ours.prefix128() <= blocked->prefix128() && ours.contains(blocked->base());
  };
  const auto touches = [&](const Network& ours) { return within(ours) || blocked->contains(ours.base()); };
  if (std::ranges::any_of(settings.trusted_networks, within))
    return "clients in `trusted_networks` are not looked up: this blocks nobody";
  if (std::ranges::any_of(settings.upstream, touches))
    return "this refuses what `upstream` hands over, which has to bounce it";
  if (blocked->base().is_loopback()) return "this refuses what the programs of this machine send";
  return nullptr;
}

constexpr const char* kForeign = "that recipient is not in a domain of ours, so the entry means nobody";

constexpr const char* kLiteral =
    "an entry has no wildcard but \"*.\" in front of a domain: it means one address, with that very "
    "character";

bool has_wildcard(const SenderEntry& entry) {
  const auto wildcard = entry.pattern.find_first_of("*?");
  return entry.kind == SenderEntry::Kind::sender && wildcard < entry.pattern.rfind('@') &&
         entry.pattern.contains('@');
}

bool is_for_others(const SenderEntry& entry, const policy::Settings& settings) {
  const auto domain = std::string_view(entry.recipient).substr(entry.recipient.rfind('@') + 1);
  return !domain.empty() && settings.domains.find(domain) == nullptr;
}

// Of each the first few: one line that counts in the place of many is the same mistake each time.
void tell_repeated(const SenderList& list, std::vector<SenderListFault>& out) {
  std::size_t told = 0;
  list.each_repeated([&](const SenderList::Found& found, int counts) {
    if (++told > kMaxNamed) return;
    out.push_back({{list.file(), found.line, found.column},
                   fmt::format("{}: this line does nothing, line {} says the same name and counts",
                               found.entry.name(), counts),
                   "take one of them out: what they say of `authenticated`, `expires`, `owner` is not put "
                   "together"});
  });
  if (told > kMaxNamed)
    out.push_back({{list.file(), 0, 0},
                   fmt::format("{} more lines do nothing for that reason", told - kMaxNamed),
                   {}});
}

void tell_surprises(const SenderList& list, SenderListKind kind, const policy::Settings& settings,
                    WallTime now, std::vector<SenderListFault>& out) {
  std::map<Breadth, Faulty> broad;
  std::map<std::string_view, Faulty> ours;
  Faulty foreign, expired, literal;
  list.each([&](const SenderList::Found& found) {
    if (const auto breadth = policy::breadth_of(found.entry); breadth != Breadth::ordinary)
      broad[breadth].add(found);
    if (is_for_others(found.entry, settings)) foreign.add(found, "for=");
    if (has_wildcard(found.entry)) literal.add(found);
    if (const char* what = kind == SenderListKind::block ? blocked_of_ours(found.entry, settings) : nullptr)
      ours[what].add(found);
    if (found.entry.expires && *found.entry.expires <= now) expired.add(found, "expires=");
    return true;
  });
  for (const auto& [breadth, entries] : broad) entries.tell(list, words(kind, breadth), {}, out);
  for (const auto& [what, entries] : ours) entries.tell(list, what, {}, out);
  foreign.tell(list, kForeign, {}, out);
  literal.tell(list, kLiteral, "write the domain, or a pattern into `barring.senders`", out);
  expired.tell(list, "expired, and means nobody any more", "take it out, or give it a later day", out);
  tell_repeated(list, out);
}

// Whose SPF decides about an entry: of the domains below one, that of a name which nobody has made up yet.
std::optional<dns::Name> domain_of(const SenderEntry& entry) {
  std::string domain = entry.pattern.substr(entry.pattern.rfind('@') + 1);
  if (domain.starts_with("*.")) domain.replace(0, 1, kAnyLabel);
  return dns::Name::parse(domain);
}

struct Domain {
  std::vector<SenderList::Found> entries{};
  dns::SpfResult result = dns::SpfResult::temperror;  // for somebody who has nothing to do with it
};
using Domains = std::map<dns::Name, Domain>;

io::Task<> look_up(const dns::Name& name, Domain& domain, dns::Resolver& resolver, const Clock& clock,
                   TimePoint deadline) {
  dns::BudgetedResolver within(resolver, clock, deadline - clock.now(),
                               std::make_shared<dns::Allowance>(kMaxQuestions));
  dns::SpfRequest request;
  request.client = *IpAddress::parse(kNobody);
  request.helo = name.text();
  request.sender = "postmaster@" + name.text();
  domain.result = (co_await dns::check_host(within, clock, std::move(request))).result;
}

// The domains of a list in no order, so the first hundred are as good as any; how many entries are left
// out.
std::size_t collect(const SenderList& list, Domains& domains) {
  std::size_t left_out = 0;
  list.each([&](const SenderList::Found& found) {
    if (found.entry.kind != SenderEntry::Kind::sender) return true;
    const auto name = domain_of(found.entry);
    if (!name) return true;
    if (domains.size() < kMaxDomains || domains.contains(*name))
      domains[*name].entries.push_back(found);
    else
      ++left_out;
    return true;
  });
  return left_out;
}

void judge(const SenderList& list, const Domains& domains, std::size_t left_out,
           std::vector<SenderListFault>& out) {
  Faulty unpublished, barren, open, broken;
  for (const auto& [name, domain] : domains)
    for (const SenderList::Found& found : domain.entries) {
      if (domain.result == dns::SpfResult::none)
        (found.entry.authenticated ? barren : unpublished).add(found);
      if (domain.result == dns::SpfResult::pass) open.add(found);
      if (domain.result == dns::SpfResult::permerror) broken.add(found);
    }
  unpublished.tell(
      list, "no SPF is published: whoever writes that in MAIL FROM is let through",
      "allow the network that it sends from instead, or its reverse name; with `authenticated` an "
      "entry holds only once SPF is published",
      out);
  barren.tell(list,
              "no SPF is published, and `authenticated` asks for a pass: the entry lets nobody through",
              "allow the network that it sends from instead, or its reverse name", out);
  open.tell(list,
            "the SPF there lets every address send, which proves nothing: the entry lets nobody through",
            "allow the network that it sends from instead, or its reverse name", out);
  broken.tell(
      list, "the SPF there is broken, so the entry lets nobody through",
      "`sallyport dns spf` says what is wrong with it; allow the network that it sends from instead", out);
  if (left_out > 0)
    out.push_back({{list.file(), 0, 0},
                   fmt::format("the SPF of {} domains was looked at, not that of the other {} entries",
                               domains.size(), left_out),
                   {}});
}

}  // namespace

std::vector<SenderListFault> idle_entries(const Settings& settings) {
  std::vector<SenderListFault> out;
  const policy::SenderLists& lists = settings.policy->sender_lists;
  if (is_off(settings, mail::Check::rdns))
    for (const auto* files : {&lists.allow_files, &lists.block_files})
      for (const auto& list : *files)
        tell_idle(*list, SenderEntry::Kind::reverse_name,
                  "does nothing, for no reverse name is looked up (checks.rdns.mode is off)",
                  "\"observe\" looks it up and counts nothing else by it", out);
  if (is_off(settings, mail::Check::spf_mailfrom))
    for (const auto& list : lists.allow_files)
      tell_idle(
          *list, SenderEntry::Kind::sender,
          "lets nobody through, for no SPF is looked up (checks.spf.mode is off)",
          "anybody may write that in MAIL FROM. \"observe\" looks SPF up and counts nothing else by it",
          out);
  return out;
}

std::vector<SenderListFault> surprising_entries(const Settings& settings, WallTime now) {
  std::vector<SenderListFault> out;
  const policy::SenderLists& lists = settings.policy->sender_lists;
  for (const auto& list : lists.allow_files)
    tell_surprises(*list, SenderListKind::allow, *settings.policy, now, out);
  for (const auto& list : lists.block_files)
    tell_surprises(*list, SenderListKind::block, *settings.policy, now, out);
  return out;
}

std::string surprise_of(SenderListKind kind, const SenderEntry& entry, const policy::Settings* settings) {
  const auto* what = words(kind, policy::breadth_of(entry));
  if (!what && settings && is_for_others(entry, *settings)) what = kForeign;
  if (!what && has_wildcard(entry)) what = kLiteral;
  if (!what && settings && kind == SenderListKind::block) what = blocked_of_ours(entry, *settings);
  return what ? entry.name() + ": " + what : std::string();
}

io::Task<std::vector<SenderListFault>> forgeable_entries(std::shared_ptr<const Settings> settings,
                                                         dns::Resolver& resolver, const Clock& clock,
                                                         TimePoint deadline) {
  std::vector<SenderListFault> out;
  if (is_off(*settings, mail::Check::spf_mailfrom)) co_return out;
  for (const auto& list : settings->policy->sender_lists.allow_files) {
    Domains domains;
    const std::size_t left_out = collect(*list, domains);
    std::vector<io::Task<>> looking;
    for (auto& [name, domain] : domains)
      looking.push_back(look_up(name, domain, resolver, clock, deadline));
    co_await io::together(std::move(looking));
    judge(*list, domains, left_out, out);
  }
  co_return out;
}

}  // namespace sallyport::proxy
