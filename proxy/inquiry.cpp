// What is asked, and when. What is known and waited for: inquiry_facts.cpp; the lists: inquiry_lists.cpp.
#include "proxy/inquiry.h"

#include <algorithm>
#include <utility>

#include "dns/sender_domain.h"
#include "proxy/facts.h"

namespace sallyport::proxy {

using mail::Check;
using mail::Fact;
using mail::FactKey;
using mail::Finding;
using mail::Listed;
using policy::Mode;
using policy::View;

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

Inquiry::Inquiry(InquiryClient client, std::shared_ptr<const Settings> settings, InquiryServices services,
                 const io::Executor& core)
    : core_(core),
      ours_(client.ours),
      settings_(std::move(settings)),
      at_connect_(client.at_connect ? std::move(client.at_connect) : settings_),
      services_(std::move(services)),
      allowance_(std::make_shared<dns::Allowance>(settings_->dns.budget.questions)),
      arrived_(core) {
  evidence_.client = client.address;
  client_ = client.address.to_string();
  for (auto& resolver : resolvers_) resolver = fresh_resolver(allowance_);
}

std::shared_ptr<dns::BudgetedResolver> Inquiry::fresh_resolver(
    const std::shared_ptr<dns::Allowance>& allowance) const {
  return std::make_shared<dns::BudgetedResolver>(services_.resolver, services_.clock,
                                                 settings_->dns.budget.waiting, allowance);
}

Inquiry::ResolverPtr& Inquiry::watching_resolver(Stage stage) {
  if (!watching_allowance_)
    watching_allowance_ = std::make_shared<dns::Allowance>(settings_->dns.budget.questions);
  ResolverPtr& resolver = watching_resolvers_.at(static_cast<std::size_t>(stage));
  if (!resolver) resolver = fresh_resolver(watching_allowance_);
  return resolver;
}

Inquiry::ResolverPtr& Inquiry::resolver(const FactKey& key, Stage stage) {
  return is_watched(key) ? watching_resolver(stage) : resolver(stage);
}

void Inquiry::stop() {
  for (const auto* resolvers : {&resolvers_, &watching_resolvers_})
    for (const auto& resolver : *resolvers)
      if (resolver) resolver->close();
}

void Inquiry::message_taken() { allowance_->message_taken(); }

bool Inquiry::overdrawn() const {
  return std::ranges::any_of(resolvers_, [](const ResolverPtr& one) { return one->overdrawn(); });
}

std::optional<dns::Name> Inquiry::host_name(const std::string& text) {
  constexpr int kLabelsOfHost = 2;  // a fully qualified name has a domain
  auto name = dns::Name::parse(text);
  if (!name || name->labels() < kLabelsOfHost || IpAddress::parse(text) || text.starts_with('['))
    return std::nullopt;
  return name;
}

// -- what becomes known of the client --------------------------------------------------------------------

void Inquiry::connected() {
  expect_reverse_name();
  ask_lists(Listed::client, evidence_.client);
}

void Inquiry::greeted(bool talked_early, Duration waited) {
  if (checks().mode(Check::early_talker) == Mode::off) return;  // then nobody looked
  Fact fact = without_look_up({Check::early_talker},
                              talked_early ? Finding::early_talked : Finding::early_waited, {});
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

// What could not be looked up of the client, or not whole. How a HELO name is judged depends on the reverse
// name.
void Inquiry::ask_again() {
  const bool anew = has_failed(Stage::connect);
  if (anew) {
    forget(Stage::connect);
    connected();
  }
  if (!helo_.empty() && (anew || has_failed(Stage::helo))) {
    const std::string helo = std::exchange(helo_, {});
    said_helo(helo);
  }
}

void Inquiry::begin_helo(const std::string& helo) {
  expect({Check::helo});
  if (policy::claimed_by(helo, ours_, *settings_->policy) == policy::HeloClaim::our_host)
    return settle(without_look_up({Check::helo}, Finding::helo_own_name, helo));
  std::string input = input_of({Check::helo}, {client_, helo});
  if (!recall(input)) begin({Check::helo}, std::move(input), ask_helo(resolver({Check::helo}), helo));
}

void Inquiry::begin_spf(Check check, dns::SpfRequest request) {
  std::string input = input_of({check}, {client_, request.helo, request.sender});
  if (recall(input)) return;
  const FactKey key{check};
  begin(key, std::move(input), ask_spf(resolver(key), check, std::move(request)));
}

// Of this sender all that is ever to be known.
bool Inquiry::knows(const std::string& sender) const {
  constexpr std::array stages = {Stage::connect, Stage::helo, Stage::mail};
  return sender == sender_ && !overdrawn() &&
         std::ranges::none_of(stages, [this](Stage stage) { return has_failed(stage); });
}

void Inquiry::said_mail(const mail::Path& sender) {
  std::string address = sender.address();
  if (knows(address)) return;
  ask_again();
  if (resolver(Stage::lists_anew)->overdrawn()) {  // whoever came back then has to come once more
    resolver(Stage::lists_anew)->close();
    resolver(Stage::lists_anew) = fresh_resolver(allowance_);
    asked_anew_ = false;
  }
  forget(Stage::mail);
  evidence_changed();
  evidence_.sender_is_ours = settings_->policy->domains.find(sender.domain_ascii) != nullptr;
  const bool named = !sender.is_null() && !sender.is_literal();
  const auto domain = named ? dns::Name::parse(sender.domain_ascii) : std::nullopt;
  sender_ = std::move(address);
  sender_domain_ = domain;
  if (!domain) return;
  if (is_on(Check::sender_domain)) {
    std::string input = input_of({Check::sender_domain}, {domain->text()});
    if (!recall(input))
      begin({Check::sender_domain}, std::move(input),
            ask_sender_domain(resolver({Check::sender_domain}), *domain));
  }
  if (is_on(Check::spf_mailfrom))
    begin_spf(Check::spf_mailfrom, {evidence_.client, dns::SpfIdentity::mailfrom, helo_,
                                    sender.local + '@' + sender.domain_ascii, settings_->policy->hostname});
  ask_lists(Listed::sender_domain, *domain);
}

// -- the reverse name, and what waits for it -------------------------------------------------------------

void Inquiry::expect_reverse_name() {
  bool wanted = is_on(Check::rdns);
  for (const FactKey& key : lists_of(Listed::reverse_name)) {
    expect(key);
    wanted = true;
  }
  if (!wanted) return;
  std::string input = input_of({Check::rdns}, {client_, at_connect_->policy->generic_names.file()});
  if (!recall(input)) begin({Check::rdns}, std::move(input), ask_reverse_name(resolver({Check::rdns})));
}

void Inquiry::on_reverse_name() {
  const Fact* found = evidence_.find({Check::rdns});
  if (const auto name = dns::Name::parse(reverse_name(View::would_be)))
    ask_lists(Listed::reverse_name, *name);
  else
    cannot_ask_lists(Listed::reverse_name, found && is_temporary(found->finding));
  if (held_helo_) settle(std::exchange(held_helo_, nullptr));
}

bool Inquiry::is_reverse_name(const std::string& helo) const {
  const auto said = dns::Name::parse(helo);
  return said && std::ranges::any_of(evidence().reverse_names(), [&](const std::string& confirmed) {
           return dns::Name::parse(confirmed) == said;
         });
}

// -- the other look-ups ----------------------------------------------------------------------------------

bool Inquiry::is_generic(const std::string& name) const {
  return at_connect_->policy->generic_names.matches(name, evidence_.client);
}

// A name of its own names the client, beside one of a pool.
io::Task<Fact> Inquiry::ask_reverse_name(ResolverPtr resolver) {
  const auto name = co_await dns::reverse_name(*resolver, services_.clock, evidence_.client, {});
  Fact fact = fact_of(name, evidence_.client);
  if (fact.finding != Finding::rdns_confirmed || !is_generic(fact.detail)) co_return fact;
  const auto proper =
      std::ranges::find_if_not(fact.more_names, [this](const auto& one) { return is_generic(one); });
  if (proper == fact.more_names.end())
    fact.finding = Finding::rdns_generic;
  else
    std::swap(fact.detail, *proper);
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
