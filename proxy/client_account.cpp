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
  if (one.rated == Rated::octets) return config::format_size(one.rate.most);
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

// Of a stranger, the strongest that can be found out.
io::Task<std::string> ClientAccount::who(const policy::Settings& settings) const {
  const policy::ClientFacts& facts = client_.facts;
  if (!facts.authenticated.empty()) co_return "user " + facts.authenticated;
  if (policy::relay_right(facts, settings) == RelayRight::client_certificate)
    co_return "certificate " +
        (facts.certificate_name.empty() ? facts.certificate_fingerprint : facts.certificate_name);
  if (!client_.inquiry) co_return address_of(facts.address);
  const mail::Evidence& evidence = client_.inquiry->evidence();
  for (auto open = policy::identity_waits_for(evidence); !open.empty();
       open = policy::identity_waits_for(evidence))
    co_await client_.inquiry->settle_any(std::move(open));
  co_return policy::accountable(policy::identify(evidence)).name;
}

std::optional<RateCase> ClientAccount::one(Rated rated, const RateSettings& settings) const {
  if (!is_counted(settings) || !settings.is_on(rated)) return std::nullopt;
  return RateCase{rated, settings.of(rated), who_};
}

AccountVerdict ClientAccount::connected(const Treatment& treatment) {
  const policy::Settings& policy = *treatment.policy;
  const IpAddress& address = client_.facts.address;
  if (policy::is_upstream(address, policy)) return {};
  who_ = policy::is_trusted(address, policy) ? address_of(address) : policy::identify(address).name;
  const RateSettings& settings = treatment.limits.rate;
  const auto connection = one(Rated::connections, settings);
  if (!connection) return {};
  const Duration wait = rates_.take(*connection);
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
  if (counted) who_ = co_await who(*treatment.policy);
  if (accept.role) co_return verdict;
  if (accept.rule.empty()) verdict = co_await judged_by_penalty(treatment);
  if (!counted || verdict.refusal) co_return verdict;
  for (const Rated rated : {Rated::unknown_recipients, Rated::octets})
    if (const auto looked_at = one(rated, settings))
      if (const Duration wait = rates_.look(*looked_at); wait > Duration::zero() && !verdict.refusal)
        reach(*looked_at, wait, settings.mode, verdict);
  co_return verdict;
}

io::Task<AccountVerdict> ClientAccount::judged_by_penalty(const Treatment& treatment) {
  PenaltyVerdict judged = co_await penalty_.judge(treatment);
  AccountVerdict verdict{.refusal = std::move(judged.refusal)};
  verdict.identity = std::move(judged.identity);
  verdict.penalty = judged.penalty;
  verdict.slowed = judged.slowed && !judged.observed;
  if (judged.observed && !judged.slowed) verdict.would_be = mail::text_of(mail::Refusal::turned_away).name;
  co_return verdict;
}

std::optional<policy::Refuse> ClientAccount::answered(const relay::RecipientAnswer& answer,
                                                      const Treatment& treatment) {
  using enum relay::RecipientAnswer::Kind;
  if (answer.kind == unknown) {
    penalty_.charge(policy::Offence::unknown_recipient, treatment.limits.penalty);
    if (const auto guess = one(Rated::unknown_recipients, treatment.limits.rate)) rates_.count(*guess, 1);
  }
  if (!client_.inquiry || answer.kind == defer) return std::nullopt;
  tally_.count(answer.kind == exists);
  if (answer.kind == exists || !tally_.is_harvest(treatment.limits.harvest)) return std::nullopt;
  return policy::refuse(mail::Refusal::harvest);
}

// A recipient that its message's limit refuses has not been taken. Mail to role addresses is on nobody's
// account; a message to others as well is counted with the first of those.
void ClientAccount::take(const Treatment& treatment, bool role, Counted& counted, AccountVerdict& verdict) {
  if (role) return;
  const RateSettings& settings = treatment.limits.rate;
  const auto is_within = [&](const RateCase& taken) {
    const Duration wait = rates_.take(taken);
    if (wait > Duration::zero()) reach(taken, wait, settings.mode, verdict);
    return !verdict.refusal;
  };
  const auto recipient = one(Rated::recipients, settings);
  if (recipient && !is_within(*recipient)) return;
  const auto message = one(Rated::messages, settings);
  if (!message || std::ranges::find(counted, message->rate) != counted.end()) return;
  if (is_within(*message))
    counted.push_back(message->rate);
  else if (recipient)
    rates_.give_back(*recipient);
}

void ClientAccount::take_content(std::uint64_t octets,
                                 std::span<const std::shared_ptr<const Treatment>> treatments) {
  std::vector<RateCase> cases;
  for (const auto& treatment : treatments)
    if (auto content = one(Rated::octets, treatment->limits.rate);
        content && std::ranges::find(cases, *content) == cases.end())
      cases.push_back(std::move(*content));
  for (const RateCase& content : cases) rates_.count(content, octets);
}

}  // namespace sallyport::proxy
