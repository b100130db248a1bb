#include "proxy/client_account.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/config/units.h"
#include "base/text.h"
#include "policy/client_identity.h"

namespace sallyport::proxy {
namespace {

using policy::Mode;
using policy::Rate;
using policy::Rated;
using policy::RateSettings;
using policy::RelayRight;

constexpr std::size_t kMostName = 100;

std::string address_of(const IpAddress& client) {
  return client.is_v4() ? client.to_string() : policy::identify(client).name;
}

std::string many(const RateCase& one) {
  if (one.rated == Rated::octets) {
    const std::string size = config::format_size(one.rate.most);
    return is_digit(size.back()) ? size + " octets" : size;
  }
  std::string things(policy::to_string(one.rated));
  std::ranges::replace(things, '_', ' ');
  return fmt::format("{} {}", one.rate.most, things);
}

void reach(const RateCase& one, Duration wait, Mode mode, AccountVerdict& verdict) {
  verdict.rate = fmt::format("{} {}", policy::to_string(one.rated), policy::written(one.rate, one.rated));
  verdict.identity = one.who;
  const auto why =
      one.rated == Rated::connections ? mail::Refusal::connection_rate : mail::Refusal::over_rate;
  if (mode == Mode::observe) {
    verdict.would_be = mail::text_of(why).name;
    return;
  }
  const auto detail = fmt::format(
      "{} may have {} in {}; please try again in {} seconds", printable(one.who, kMostName), many(one),
      config::format_duration(one.rate.per), std::chrono::ceil<std::chrono::seconds>(wait).count());
  verdict.refusal = policy::refuse(why, detail);
}

}  // namespace

void record_account(store::Event& event, const AccountVerdict& verdict, bool with_identity) {
  event.text("rate", verdict.rate);
  if (with_identity) event.text("identity", verdict.identity);
  if (verdict.penalty > 0) event.number("penalty", verdict.penalty);
  if (verdict.slowed) event.flag("slowed", true);
}

bool ClientAccount::is_counted(const RateSettings& settings) const {
  return settings.mode != Mode::off && client_.spared != Spared::upstream &&
         std::ranges::any_of(settings.rates, &Rate::is_on);
}

std::string ClientAccount::who_by_now(const policy::Settings& settings) const {
  const policy::ClientFacts& facts = client_.facts;
  if (client_.spared == Spared::upstream) return {};
  if (!facts.authenticated.empty()) return "user " + to_lower(facts.authenticated);
  if (policy::relay_right(facts, settings) == RelayRight::client_certificate)
    return "certificate " +
           (facts.certificate_name.empty() ? facts.certificate_fingerprint : facts.certificate_name);
  return client_.inquiry ? client_.inquiry->who().accountable.name : address_of(facts.address);
}

// Of a stranger, the strongest that can be found out.
io::Task<std::string> ClientAccount::who(const policy::Settings& settings) const {
  const bool is_stranger = client_.inquiry && client_.facts.authenticated.empty() &&
                           policy::relay_right(client_.facts, settings) != RelayRight::client_certificate;
  while (is_stranger && !client_.inquiry->who().settled) co_await client_.inquiry->learn_who();
  co_return who_by_now(settings);
}

std::optional<RateCase> ClientAccount::one(Rated rated, const RateSettings& settings) const {
  if (!is_counted(settings) || !settings.is_on(rated)) return std::nullopt;
  return RateCase{rated, settings.of(rated), who_, settings.mode == Mode::observe};
}

bool ClientAccount::is_account(const policy::Settings& settings) {
  const IpAddress& address = client_.facts.address;
  if (policy::is_upstream(address, settings)) return false;
  who_ = policy::is_trusted(address, settings) ? address_of(address) : policy::identify(address).name;
  return true;
}

AccountVerdict ClientAccount::connected(const Treatment& treatment) {
  if (!is_account(*treatment.policy)) return {};
  const RateSettings& settings = treatment.limits.rate;
  const auto connection = one(Rated::connections, settings);
  if (!connection) return {};
  const Duration wait = rates_.take(*connection).wait;
  AccountVerdict verdict;
  if (wait > Duration::zero()) reach(*connection, wait, settings.mode, verdict);
  return verdict;
}

// Whoever is allowed by a list has no penalty; limits hold for everybody.
io::Task<AccountVerdict> ClientAccount::before_asking(const Treatment& treatment,
                                                      const policy::Accept& accept) {
  AccountVerdict verdict;
  const RateSettings& settings = treatment.limits.rate;
  const bool counted = is_counted(settings);
  if (accept.role) co_return verdict;
  if (counted) who_ = co_await who(*treatment.policy);
  if (accept.rule.empty()) verdict = by_penalty(co_await penalty_.judge(treatment));
  if (verdict.slowed) penalty_.slow(treatment.limits.penalty);
  if (!counted || verdict.refusal) co_return verdict;
  for (const Rated rated : {Rated::unknown_recipients, Rated::octets}) look(rated, settings, verdict);
  co_return verdict;
}

AccountVerdict ClientAccount::by_penalty(PenaltyVerdict judged) {
  AccountVerdict verdict{.refusal = std::move(judged.refusal)};
  verdict.identity = std::move(judged.identity);
  verdict.penalty = judged.penalty;
  verdict.slowed = judged.slowed && !judged.observed;
  if (judged.observed && !judged.slowed) verdict.would_be = mail::text_of(mail::Refusal::turned_away).name;
  return verdict;
}

void ClientAccount::look(Rated rated, const RateSettings& settings, AccountVerdict& verdict) const {
  look(one(rated, settings), settings.mode, verdict);
}

void ClientAccount::look(const std::optional<RateCase>& one, Mode mode, AccountVerdict& verdict) const {
  if (!one || verdict.refusal) return;
  if (const Duration wait = rates_.look(*one); wait > Duration::zero()) reach(*one, wait, mode, verdict);
}

// Questions in flight at the same moment count with their answers: over the limit none of them says more
// than that. What was said at delivery is no guess at a name: at RCPT it existed.
std::optional<policy::Refuse> ClientAccount::answered(const relay::RecipientAnswer& answer,
                                                      const Treatment& treatment, bool role,
                                                      AccountVerdict& verdict) {
  using enum relay::RecipientAnswer::Kind;
  if (!answer.refused_id.empty()) return std::nullopt;
  const RateSettings& settings = treatment.limits.rate;
  if (answer.kind == unknown) {
    if (const auto guess = one(Rated::unknown_recipients, settings); guess && !role)
      if (const Duration wait = rates_.take(*guess).wait; wait > Duration::zero())
        reach(*guess, wait, settings.mode, verdict);
  } else if (answer.kind == exists && !role) {
    look(Rated::unknown_recipients, settings, verdict);
  }
  if (client_.inquiry && answer.kind != defer) {
    tally_.count(answer.kind == exists);
    if (!role && tally_.is_harvest(treatment.limits.harvest)) return policy::refuse(mail::Refusal::harvest);
  }
  return std::move(verdict.refusal);
}

// What is refused for one limit has no place under the other. Mail to role addresses is on nobody's
// account; a message to others as well is counted with the first of those.
void ClientAccount::take(const Treatment& treatment, bool role, HeldRates& held, AccountVerdict& verdict) {
  if (role) return;
  const RateSettings& settings = treatment.limits.rate;
  const auto message = one(Rated::messages, settings);
  const bool is_first = message && !held.has(*message);
  const auto take_one = [&](const std::optional<RateCase>& taken) {
    if (!taken || verdict.refusal) return;
    if (const Duration wait = held.take(*taken); wait > Duration::zero())
      reach(*taken, wait, settings.mode, verdict);
  };
  if (is_first) take_one(message);
  take_one(one(Rated::recipients, settings));
  if (is_first && verdict.refusal) held.give_back(*message);
}

// There was room at RCPT. Of many that come at the same time one may go over the limit, and not all.
AccountVerdict ClientAccount::take_content(std::uint64_t octets,
                                           std::span<const std::shared_ptr<const Treatment>> treatments,
                                           HeldRates& held) {
  AccountVerdict verdict;
  for (const auto& treatment : treatments) {
    const RateSettings& settings = treatment->limits.rate;
    const auto content = one(Rated::octets, settings);
    if (!content || verdict.refusal || held.has(*content)) continue;
    const auto over = settings.mode == Mode::observe ? Rates::Over::counted : Rates::Over::refused;
    if (const Duration wait = held.take(*content, octets, over); wait > Duration::zero())
      reach(*content, wait, settings.mode, verdict);
  }
  return verdict;
}

}  // namespace sallyport::proxy
