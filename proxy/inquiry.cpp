#include "proxy/inquiry.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "dns/sender_domain.h"
#include "proxy/facts.h"

namespace sallyport::proxy {
namespace {

using dns::Family;
using mail::Check;
using mail::Fact;
using mail::FactKey;
using mail::FactPtr;
using mail::Finding;
using mail::Listed;
using policy::Mode;

// Beyond the budget, in which every question has its end: for what should never happen.
constexpr auto kGrace = std::chrono::seconds(5);
constexpr int kLabelsOfHost = 2;  // a fully qualified name has a domain

Family family_of(const dns::Subject& subject) {
  const auto* address = std::get_if<IpAddress>(&subject);
  if (!address) return Family::domain;
  return address->is_v4() ? Family::ipv4 : Family::ipv6;
}

// What SPF and lists can be asked of: a name with a domain.
std::optional<dns::Name> host_name(const std::string& text) {
  auto name = dns::Name::parse(text);
  if (!name || name->labels() < kLabelsOfHost || IpAddress::parse(text) || text.starts_with('['))
    return std::nullopt;
  return name;
}

std::string as_input(const dns::Subject& subject) {
  const auto* address = std::get_if<IpAddress>(&subject);
  return address ? address->to_string() : std::get<dns::Name>(subject).text();
}

Fact found(const FactKey& key, Finding finding, std::string subject, std::string detail = {}) {
  return {.key = key, .finding = finding, .subject = std::move(subject), .detail = std::move(detail)};
}

}  // namespace

std::string_view to_string(Spared spared) {
  switch (spared) {
    case Spared::nobody:
      return "";
    case Spared::submission:
      return "submission";
    case Spared::trusted:
      return "trusted";
    case Spared::upstream:
      return "upstream";
    case Spared::internal:
      return "internal";
  }
  std::unreachable();
}

Spared spared(const ListenerSettings& listener, const IpAddress& client, const IpAddress& ours,
              const policy::Settings& settings) {
  if (listener.auth_required) return Spared::submission;
  if (policy::is_trusted(client, settings)) return Spared::trusted;
  if (policy::is_upstream(client, settings)) return Spared::upstream;
  return dns::is_private(client) || client == ours ? Spared::internal : Spared::nobody;
}

Inquiry::Inquiry(IpAddress client, IpAddress ours, std::shared_ptr<const Settings> settings,
                 InquiryServices services, const io::Executor& core)
    : core_(core),
      ours_(ours),
      settings_(std::move(settings)),
      services_(std::move(services)),
      allowance_(std::make_shared<dns::Allowance>(settings_->dns.budget.questions)),
      arrived_(core) {
  evidence_.client = client;
  client_ = client.to_string();
  for (auto& resolver : resolvers_) resolver = fresh_resolver();
}

std::shared_ptr<dns::BudgetedResolver> Inquiry::fresh_resolver() const {
  return std::make_shared<dns::BudgetedResolver>(services_.resolver, services_.clock,
                                                 settings_->dns.budget.waiting, allowance_);
}

void Inquiry::stop() {
  for (const auto& resolver : resolvers_) resolver->close();
}

void Inquiry::message_taken() {
  const int most = settings_->dns.budget.questions;
  allowance_->questions = std::min(most, allowance_->questions + dns::Allowance::kForMessage);
}

// -- what becomes known of the client --------------------------------------------------------------------

void Inquiry::connected() {
  expect_reverse_name();
  ask_lists(Listed::client, evidence_.client);
}

void Inquiry::greeted(bool talked_early, Duration waited) {
  if (checks().mode(Check::early_talker) == Mode::off) return;  // then nobody looked
  Fact fact =
      found({Check::early_talker}, talked_early ? Finding::early_talked : Finding::early_waited, {});
  fact.took = waited;
  settle(std::move(fact));
}

void Inquiry::said_helo(const std::string& helo) {
  if (helo == helo_) return;
  forget(Stage::helo);
  forget(Stage::mail);  // SPF macros know the HELO name
  sender_.reset();
  helo_ = helo;
  if (is_on(Check::helo)) begin_helo(helo);
  const auto name = host_name(helo);
  if (!name) return;
  if (is_on(Check::spf_helo))
    begin_spf(Check::spf_helo,
              {evidence_.client, dns::SpfIdentity::helo, helo, {}, settings_->policy->hostname});
  ask_lists(Listed::helo, *name);
}

void Inquiry::begin_helo(const std::string& helo) {
  expect({Check::helo});
  if (policy::claimed_by(helo, ours_, *settings_->policy) == policy::HeloClaim::our_host)
    return settle(found({Check::helo}, Finding::helo_own_name, helo));
  std::string input = input_of({Check::helo}, {client_, helo});
  if (!recall(input)) begin({Check::helo}, std::move(input), ask_helo(resolver(Stage::helo), helo));
}

void Inquiry::begin_spf(Check check, dns::SpfRequest request) {
  std::string input = input_of({check}, {client_, request.helo, request.sender});
  if (recall(input)) return;
  const FactKey key{check};
  begin(key, std::move(input), ask_spf(resolver(stage_of(key)), check, std::move(request)));
}

void Inquiry::said_mail(const mail::Path& sender) {
  std::string address = sender.address();
  if (address == sender_) return;
  forget(Stage::mail);
  evidence_.sender_is_ours = settings_->policy->domains.find(sender.domain_ascii) != nullptr;
  const bool named = !sender.is_null() && !sender.is_literal();
  const auto domain = named ? dns::Name::parse(sender.domain_ascii) : std::nullopt;
  sender_ = std::move(address);
  sender_domain_ = domain;
  if (!domain) return;
  if (is_on(Check::sender_domain)) {
    std::string input = input_of({Check::sender_domain}, {domain->text()});
    if (!recall(input))
      begin({Check::sender_domain}, std::move(input), ask_sender_domain(resolver(Stage::mail), *domain));
  }
  if (is_on(Check::spf_mailfrom))
    begin_spf(Check::spf_mailfrom, {evidence_.client, dns::SpfIdentity::mailfrom, helo_,
                                    sender.local + '@' + sender.domain_ascii, settings_->policy->hostname});
  ask_lists(Listed::sender_domain, *domain);
}

// -- decisions -------------------------------------------------------------------------------------------

io::Task<policy::ClientDecision> Inquiry::decide(const policy::CheckSettings& checks) {
  const TimePoint until = services_.clock.now() + settings_->dns.budget.waiting + kGrace;
  while (true) {
    auto judged = policy::judge_client(evidence_, checks);
    if (auto* decision = std::get_if<policy::ClientDecision>(&judged)) co_return std::move(*decision);
    if (!co_await arrived_.wait(until)) give_up();
  }
}

io::Task<> Inquiry::settle_any(std::vector<FactKey> keys) {
  const TimePoint until = services_.clock.now() + settings_->dns.budget.waiting + kGrace;
  while (std::ranges::all_of(keys, [this](const FactKey& key) { return is_pending(key); }))
    if (!co_await arrived_.wait(until)) give_up();
}

io::Task<> Inquiry::settle_all(TimePoint until) {
  const TimePoint last = services_.clock.now() + settings_->dns.budget.waiting + kGrace;
  while (!evidence_.pending.empty()) {
    if (co_await arrived_.wait(std::min(until, last))) continue;
    if (until <= last) co_return;
    give_up();
  }
}

bool Inquiry::is_listed() const {
  return std::ranges::any_of(evidence_.known, [&](const Fact& fact) {
    const policy::CheckSettings& usual = settings_->policy->checks;
    return fact.finding == Finding::dnsbl_listed && fact.key.of == Listed::client &&
           usual.mode_of(fact.key) == Mode::enforce && usual.outcome_of(fact).score > 0;
  });
}

std::string Inquiry::reverse_name() const {
  const Fact* fact = evidence_.find({Check::rdns});
  const bool confirmed =
      fact && (fact->finding == Finding::rdns_confirmed || fact->finding == Finding::rdns_generic);
  return confirmed ? fact->detail : std::string();
}

// -- facts: expected, settled, forgotten -----------------------------------------------------------------

Inquiry::Stage Inquiry::stage_of(const FactKey& key) {
  switch (key.check) {
    case Check::early_talker:
    case Check::rdns:
      return Stage::connect;
    case Check::helo:
    case Check::spf_helo:
      return Stage::helo;
    case Check::sender_domain:
    case Check::spf_mailfrom:
      return Stage::mail;
    case Check::dnsbl:
      return key.of == Listed::helo            ? Stage::helo
             : key.of == Listed::sender_domain ? Stage::mail
                                               : Stage::connect;
  }
  std::unreachable();
}

// For the record also what is off is asked; it is never judged.
bool Inquiry::is_on(Check check) const {
  return settings_->record_all || checks().mode(check) != Mode::off;
}

bool Inquiry::is_pending(const FactKey& key) const {
  return std::ranges::find(evidence_.pending, key) != evidence_.pending.end();
}

void Inquiry::expect(const FactKey& key) {
  if (!is_pending(key)) evidence_.pending.push_back(key);
}

std::string Inquiry::input_of(const FactKey& key, std::initializer_list<std::string_view> parts) const {
  return FactMemory::input(key, parts, services_.resolver.epoch());
}

// What an earlier session found out of the same input.
bool Inquiry::recall(const std::string& input) {
  FactPtr fact;
  if (services_.facts) fact = services_.facts->recall(input, settings_, services_.clock.now());
  if (!fact) return false;
  settle(std::move(fact));
  return true;
}

void Inquiry::remember(std::string input, FactPtr fact) {
  if (services_.facts)
    services_.facts->remember(std::move(input), std::move(fact), settings_, services_.clock.now());
}

void Inquiry::begin(const FactKey& key, std::string input, io::Task<Fact> work) {
  expect(key);
  services_.tasks.spawn(
      core_, "look-up",
      look_up(shared_from_this(), key, std::move(input), round(stage_of(key)), std::move(work)));
}

io::Task<> Inquiry::look_up(std::shared_ptr<Inquiry> self, FactKey key, std::string input, unsigned round,
                            io::Task<Fact> work) {
  const TimePoint began = self->services_.clock.now();
  FactPtr found;
  std::exception_ptr thrown;
  try {
    Fact fact = co_await std::move(work);
    fact.took = self->services_.clock.now() - began;
    found = std::make_shared<const Fact>(std::move(fact));
    self->remember(std::move(input), found);
  } catch (...) {
    thrown = std::current_exception();
  }
  if (!found) found = std::make_shared<const Fact>(unknown(key));
  if (self->round(stage_of(key)) == round) self->settle(std::move(found));
  if (thrown) std::rethrow_exception(thrown);
}

void Inquiry::settle(FactPtr fact) {
  const FactKey key = fact->key;
  if (evidence_.find(key)) {  // given up meanwhile: a fact that is known stays as it is
    std::erase(evidence_.pending, key);
    return;
  }
  if (key.check == Check::helo) {
    if (is_pending({Check::rdns})) {
      held_helo_ = std::move(fact);
      return;
    }
    if (const Finding judged = judged_helo(*fact); judged != fact->finding) {
      auto seen = std::make_shared<Fact>(*fact);
      seen->finding = judged;
      seen->written.clear();
      fact = std::move(seen);
    }
  }
  std::erase(evidence_.pending, key);
  evidence_.known.push_back(std::move(fact));
  if (key.check == Check::rdns) on_reverse_name();
  arrived_.notify();
}

// What the look-up of the name found, seen beside the reverse name and what is ours.
Finding Inquiry::judged_helo(const Fact& fact) const {
  if (fact.finding == Finding::helo_own_name) return fact.finding;
  if (is_reverse_name(fact.subject)) return Finding::helo_confirmed;
  const bool is_not_the_client =
      fact.finding == Finding::helo_unresolvable || fact.finding == Finding::helo_mismatch;
  const auto claim = policy::claimed_by(fact.subject, ours_, *settings_->policy);
  return is_not_the_client && claim == policy::HeloClaim::our_domain ? Finding::helo_own_name
                                                                     : fact.finding;
}

void Inquiry::forget(Stage stage) {
  ++round(stage);
  resolver(stage)->close();
  resolver(stage) = fresh_resolver();
  evidence_.known.erase_if([&](const Fact& fact) { return stage_of(fact.key) == stage; });
  std::erase_if(evidence_.pending, [&](const FactKey& key) { return stage_of(key) == stage; });
  if (stage == Stage::helo) held_helo_.reset();
}

void Inquiry::give_up() {
  const auto pending = evidence_.pending;
  for (const FactKey& key : pending) settle(unknown(key));
}

// -- the reverse name, and what waits for it -------------------------------------------------------------

void Inquiry::expect_reverse_name() {
  bool wanted = is_on(Check::rdns);
  for (const FactKey& key : lists_of(Listed::reverse_name)) {
    expect(key);
    wanted = true;
  }
  if (!wanted) return;
  std::string input = input_of({Check::rdns}, {client_});
  if (!recall(input)) begin({Check::rdns}, std::move(input), ask_reverse_name(resolver(Stage::connect)));
}

void Inquiry::on_reverse_name() {
  if (const auto name = dns::Name::parse(reverse_name()))
    ask_lists(Listed::reverse_name, *name);
  else
    for (const FactKey& key : lists_of(Listed::reverse_name)) std::erase(evidence_.pending, key);
  if (held_helo_) settle(std::exchange(held_helo_, nullptr));
}

bool Inquiry::is_reverse_name(const std::string& helo) const {
  const auto said = dns::Name::parse(helo), confirmed = dns::Name::parse(reverse_name());
  return said && confirmed && *said == *confirmed;
}

// -- lists -----------------------------------------------------------------------------------------------

// Those that are switched on and asked of it.
std::vector<FactKey> Inquiry::lists_of(Listed of) const {
  std::vector<FactKey> keys;
  for (std::size_t place = 0; place < checks().lists.size(); ++place) {
    const FactKey key{Check::dnsbl, static_cast<int>(place), of};
    const bool on = settings_->record_all || checks().mode_of(key) != Mode::off;
    if (on && std::ranges::count(checks().lists[place].of, of) > 0) keys.push_back(key);
  }
  return keys;
}

void Inquiry::ask_lists(Listed of, const dns::Subject& subject) {
  for (const FactKey& key : lists_of(of)) {
    const auto place = static_cast<std::size_t>(key.list);
    const std::string& name = checks().lists[place].name;
    switch (standing(place, family_of(subject))) {
      using enum dns::ListWatch::Standing;
      case asked:
        ask_list_at_once(key, subject);
        break;
      case not_meant:
        std::erase(evidence_.pending, key);
        break;
      case not_answering:
        settle(found(key, Finding::dnsbl_temporary, name, "not asked: it does not answer"));
        break;
      case set_aside:
        settle(found(key, Finding::dnsbl_silent, name, "set aside: it lists everything"));
        break;
    }
  }
}

// Without a watch (`try`) every list is asked that is meant for such subjects.
dns::ListWatch::Standing Inquiry::standing(std::size_t list, Family family) const {
  using enum dns::ListWatch::Standing;
  if (services_.lists) return services_.lists->standing(list, family);
  return settings_->lists[list].families.at(static_cast<std::size_t>(family)) ? asked : not_meant;
}

// In place, if what it says is at hand.
void Inquiry::ask_list_at_once(const FactKey& key, const dns::Subject& subject) {
  const auto place = static_cast<std::size_t>(key.list);
  std::string input = input_of(key, {as_input(subject)});
  if (recall(input)) return;
  const auto answer = dns::list_at_hand(*resolver(stage_of(key)), settings_->lists[place].zone, subject);
  if (!answer) return begin(key, std::move(input), ask_list(resolver(stage_of(key)), key, subject, false));
  const auto fact = std::make_shared<const Fact>(fact_of(*answer, key, checks().lists[place], subject));
  remember(std::move(input), fact);
  settle(fact);
}

std::optional<dns::Subject> Inquiry::subject_of(Listed of) const {
  if (of == Listed::client) return evidence_.client;
  const auto name = of == Listed::helo           ? host_name(helo_)
                    : of == Listed::reverse_name ? dns::Name::parse(reverse_name())
                                                 : sender_domain_;
  return name ? std::optional<dns::Subject>(*name) : std::nullopt;
}

// Those that are set aside or do not answer are not asked anew, nor those whose answer is still to come.
void Inquiry::ask_lists_anew() {
  if (std::exchange(asked_anew_, true)) return;
  for (const Listed of : {Listed::client, Listed::reverse_name, Listed::helo, Listed::sender_domain}) {
    const auto subject = subject_of(of);
    if (!subject) continue;
    for (const FactKey& key : lists_of(of)) {
      const bool asked = standing(static_cast<std::size_t>(key.list), family_of(*subject)) ==
                         dns::ListWatch::Standing::asked;
      if (!asked || is_pending(key)) continue;
      evidence_.known.erase_if([&](const Fact& fact) { return fact.key == key; });
      begin(key, input_of(key, {as_input(*subject)}),
            ask_list(resolver(stage_of(key)), key, *subject, true));
    }
  }
}

io::Task<Fact> Inquiry::ask_list(ResolverPtr resolver, FactKey key, dns::Subject subject, bool fresh) {
  const auto place = static_cast<std::size_t>(key.list);
  const dns::WatchedList& list = settings_->lists[place];
  const TimePoint deadline = services_.clock.now() + list.timeout;
  const auto answer =
      co_await dns::ask_list(*resolver, services_.clock, list.zone, subject, {deadline, fresh});
  if (services_.lists) tell_watch(place, answer, deadline);
  co_return fact_of(answer, key, checks().lists[place], subject);
}

// Only what took the list's own time speaks against it: a session's budget may end sooner.
void Inquiry::tell_watch(std::size_t list, const dns::ListAnswer& answer, TimePoint deadline) {
  const bool failed = answer.result == dns::ListAnswer::Result::temporary;
  if (failed && services_.clock.now() < deadline) return;
  if (std::ranges::all_of(answer.lookups, &dns::Lookup::at_hand)) return;
  services_.lists->heard(list, answer.result);
}

// -- the other look-ups ----------------------------------------------------------------------------------

io::Task<Fact> Inquiry::ask_reverse_name(ResolverPtr resolver) {
  const auto name = co_await dns::reverse_name(*resolver, services_.clock, evidence_.client, {});
  Fact fact = fact_of(name, evidence_.client);
  const bool confirmed = fact.finding == Finding::rdns_confirmed;
  if (confirmed && settings_->policy->generic_names.matches(fact.detail, evidence_.client))
    fact.finding = Finding::rdns_generic;
  co_return fact;
}

// Behind NAT the address that others know us by is not the one that the client connected to: where
// another's address is said, the addresses of our host name tell whether it is ours. Seldom asked, and then
// cached.
io::Task<Fact> Inquiry::ask_helo(ResolverPtr resolver, std::string helo) {
  auto name = co_await dns::check_helo(*resolver, services_.clock, helo, evidence_.client, {});
  Fact fact = fact_of(name, helo);
  const bool bare_address = fact.finding == Finding::helo_syntax && IpAddress::parse(helo);
  if (fact.finding != Finding::helo_literal && !bare_address) co_return fact;
  const auto ours = dns::Name::parse(settings_->policy->hostname);
  if (!ours) co_return fact;
  std::vector<dns::Question> questions = {{*ours, dns::Type::a}, {*ours, dns::Type::aaaa}};
  const auto answers =
      co_await dns::ask_all(*resolver, services_.clock, name.lookups, std::move(questions), {});
  fact = fact_of(name, helo);
  for (const dns::AnswerPtr& answer : answers)
    for (const IpAddress& address : dns::all<IpAddress>(*answer))
      if (policy::claimed_by(helo, address, *settings_->policy) == policy::HeloClaim::our_host)
        fact.finding = Finding::helo_own_name;
  co_return fact;
}

io::Task<Fact> Inquiry::ask_sender_domain(ResolverPtr resolver, dns::Name domain) {
  const auto sender = co_await dns::check_sender_domain(*resolver, services_.clock, domain, {});
  co_return fact_of(sender, domain);
}

io::Task<Fact> Inquiry::ask_spf(ResolverPtr resolver, Check check, dns::SpfRequest request) {
  const auto outcome = co_await dns::check_host(*resolver, services_.clock, std::move(request));
  co_return fact_of(outcome, check);
}

}  // namespace sallyport::proxy
