// What is known of a client: facts that are expected, recalled, settled or forgotten, and who waits for
// them.
#include <algorithm>
#include <exception>
#include <utility>

#include "proxy/facts.h"
#include "proxy/inquiry.h"

namespace sallyport::proxy {
namespace {

// Beyond the budget, in which every question has its end: for what should never happen.
constexpr auto kGrace = std::chrono::seconds(5);

}  // namespace

using mail::Check;
using mail::Fact;
using mail::FactKey;
using mail::FactPtr;
using mail::Finding;
using mail::Listed;
using policy::Mode;
using policy::View;

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

io::Task<> Inquiry::settle_all(View view, TimePoint until) {
  const TimePoint last = services_.clock.now() + settings_->dns.budget.waiting + kGrace;
  while (!evidence(view).pending.empty()) {
    if (co_await arrived_.wait(std::min(until, last))) continue;
    if (until <= last) co_return;
    give_up();
  }
}

const policy::ClientIdentities& Inquiry::who() {
  if (!who_) who_ = policy::identities(evidence());
  return *who_;
}

io::Task<> Inquiry::learn_who() { return settle_any(policy::identity_waits_for(evidence())); }

bool Inquiry::is_listed() const {
  return std::ranges::any_of(evidence_.known, [&](const Fact& fact) {
    const policy::CheckSettings& usual = settings_->policy->checks;
    return fact.finding == Finding::dnsbl_listed && fact.key.of == Listed::client &&
           usual.mode_of(fact.key) == Mode::enforce && usual.outcome_of(fact).score > 0;
  });
}

std::string Inquiry::reverse_name(View view) const {
  auto names = evidence(view).reverse_names();
  return names.empty() ? std::string() : std::move(names.front());
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

// Whether none but rules that only observe have it asked. DNS lists that act may need the name, though it
// counts nothing itself.
bool Inquiry::is_watched(const FactKey& key) const {
  const policy::CheckSettings& acting = settings_->asked(View::acting);
  if (settings_->record_all || acting.mode_of(key) != Mode::off) return false;
  if (key.check != Check::rdns) return true;
  return std::ranges::none_of(acting.lists, [&](const policy::ListSettings& list) {
    return list.mode != Mode::off && acting.mode(Check::dnsbl) != Mode::off &&
           std::ranges::find(list.of, Listed::reverse_name) != list.of.end();
  });
}

const mail::Evidence& Inquiry::evidence(View view) const {
  if (view == View::would_be || !watches_) return evidence_;
  if (!acting_) {
    acting_ = evidence_;
    acting_->known.erase_if([this](const Fact& fact) { return is_watched(fact.key); });
    std::erase_if(acting_->pending, [this](const FactKey& key) { return is_watched(key); });
  }
  return *acting_;
}

void Inquiry::evidence_changed() {
  acting_.reset();
  who_.reset();
}

// For the record also what is off is asked; it is never judged.
bool Inquiry::is_on(Check check) const {
  return settings_->record_all || checks().mode(check) != Mode::off;
}

bool Inquiry::is_pending(const FactKey& key) const {
  return std::ranges::find(evidence_.pending, key) != evidence_.pending.end();
}

void Inquiry::expect(const FactKey& key) {
  if (is_pending(key)) return;
  evidence_.pending.push_back(key);
  watches_ = watches_ || is_watched(key);
  evidence_changed();
}

void Inquiry::no_longer_expect(const FactKey& key) {
  std::erase(evidence_.pending, key);
  evidence_changed();
}

std::string Inquiry::input_of(const FactKey& key, std::initializer_list<std::string_view> parts) const {
  return FactMemory::input(key, parts, services_.resolver.epoch());
}

// What an earlier session found out of the same input.
bool Inquiry::recall(const std::string& input) {
  FactPtr fact;
  if (services_.facts) fact = services_.facts->recall(input, settings_->fact_scope, services_.clock.now());
  if (!fact) return false;
  settle(std::move(fact));
  return true;
}

void Inquiry::remember(std::string input, FactPtr fact) {
  if (services_.facts)
    services_.facts->remember(std::move(input), std::move(fact), settings_->fact_scope,
                              services_.clock.now());
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
  watches_ = watches_ || is_watched(key);
  evidence_changed();
  if (evidence_.find(key)) {  // given up meanwhile: a fact that is known stays as it is
    no_longer_expect(key);
    return;
  }
  fact = unless_failed(std::move(fact));
  if (key.check == Check::helo) {
    if (is_pending({Check::rdns}) && !is_watched({Check::rdns})) {
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
  evidence_changed();
  if (key.check == Check::rdns) on_reverse_name();
  arrived_.notify();
}

// A list that was asked anew and does not answer takes nothing back.
FactPtr Inquiry::unless_failed(FactPtr fact) {
  if (!is_temporary(fact->finding)) return fact;
  const auto known = std::ranges::find_if(before_, [&](const Fact& one) { return one.key == fact->key; });
  return known == before_.end() ? std::move(fact) : std::make_shared<const Fact>(*known);
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

// For want of questions, or of an answer. When a list is asked again its watch decides.
bool Inquiry::has_failed(Stage stage) const {
  return resolvers_.at(static_cast<std::size_t>(stage))->overdrawn() ||
         std::ranges::any_of(evidence().known, [stage](const Fact& fact) {
           return fact.key.check != Check::dnsbl && stage_of(fact.key) == stage && may_change(fact);
         });
}

void Inquiry::forget(Stage stage) {
  ++round(stage);
  evidence_changed();
  resolver(stage)->close();
  resolver(stage) = fresh_resolver(allowance_);
  if (auto& watching = watching_resolvers_.at(static_cast<std::size_t>(stage)))
    std::exchange(watching, nullptr)->close();
  evidence_.known.erase_if([&](const Fact& fact) {  // how it waited is not looked up
    return stage_of(fact.key) == stage && fact.key.check != Check::early_talker;
  });
  before_.erase_if([&](const Fact& fact) { return stage_of(fact.key) == stage; });
  std::erase_if(evidence_.pending, [&](const FactKey& key) { return stage_of(key) == stage; });
  if (stage == Stage::helo) held_helo_.reset();
}

void Inquiry::give_up() {
  const auto pending = evidence_.pending;
  for (const FactKey& key : pending) settle(unknown(key));
}

}  // namespace sallyport::proxy
