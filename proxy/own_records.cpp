#include "proxy/own_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "dns/budgeted_resolver.h"
#include "dns/lookup.h"
#include "dns/sender_domain.h"

namespace sallyport::proxy {

using dns::Mx;
using dns::Name;
using dns::Question;
using dns::Type;

namespace {

constexpr std::size_t kMaxAddresses = 8;
constexpr std::size_t kMaxExchanges = 10;
constexpr int kMaxSpfQuestions = 1000;

}  // namespace

io::Task<> OwnRecords::ask() {
  co_await ask(first_questions());
  ours_ = addresses_of(names_.hostname);
  co_await ask(second_questions());
  co_await ask_spf();
}

std::vector<Question> OwnRecords::first_questions() const {
  std::vector<Question> questions{{names_.hostname, Type::a}, {names_.hostname, Type::aaaa}};
  for (const Name& domain : names_.domains) {
    questions.push_back({domain, Type::mx});
    questions.push_back({domain, Type::txt});
  }
  return questions;
}

std::vector<Question> OwnRecords::second_questions() const {
  std::vector<Question> questions;
  for (const IpAddress& address : ours_)
    if (!dns::is_private(address)) questions.push_back({Name::reverse(address), Type::ptr});
  std::vector<Name> hosts = names_.sends_through;
  for (const Name& domain : names_.domains) std::ranges::copy(hosts_of(domain), std::back_inserter(hosts));
  for (const Name& host : hosts) {
    if (host.is_root()) continue;
    questions.push_back({host, Type::a});
    questions.push_back({host, Type::aaaa});
  }
  return questions;
}

io::Task<> OwnRecords::ask(std::vector<Question> questions) {
  std::erase_if(questions, [&](const Question& question) { return answers_.contains(question); });
  std::vector<dns::Lookup> lookups;
  const auto answers = co_await dns::ask_all(resolver_, clock_, lookups, questions, asking_);
  for (std::size_t place = 0; place < questions.size(); ++place)
    answers_[questions[place]] = answers[place];
}

// Whether a domain's record lets any of our ways out send, as a stranger's server would see it.
io::Task<> OwnRecords::ask_spf() {
  if (!names_.sends) co_return;
  const auto allowance = std::make_shared<dns::Allowance>(kMaxSpfQuestions);
  const Duration left = std::min<Duration>(asking_.deadline - clock_.now(), std::chrono::minutes(1));
  dns::BudgetedResolver within(resolver_, clock_, left, allowance);
  for (const Name& domain : names_.domains) {
    auto& results = spf_results_[domain];
    for (const IpAddress& way : ways_out()) {
      dns::SpfRequest request;
      request.client = way;
      request.helo = names_.hostname.text();
      request.sender = "postmaster@" + domain.text();
      results.push_back((co_await dns::check_host(within, clock_, std::move(request))).result);
    }
  }
}

std::vector<IpAddress> OwnRecords::ways_out() const {
  std::vector<IpAddress> ways = names_.sends_from;
  std::ranges::copy(ours_, std::back_inserter(ways));
  for (const Name& host : names_.sends_through)
    std::ranges::copy(addresses_of(host), std::back_inserter(ways));
  std::erase_if(ways, dns::is_private);
  std::ranges::sort(ways);
  ways.erase(std::ranges::unique(ways).begin(), ways.end());
  if (ways.size() > kMaxAddresses) ways.resize(kMaxAddresses);
  return ways;
}

std::vector<IpAddress> OwnRecords::addresses_of(const Name& host) const {
  auto addresses = dns::all<IpAddress>(answer(host, Type::a));
  std::ranges::copy(dns::all<IpAddress>(answer(host, Type::aaaa)), std::back_inserter(addresses));
  if (addresses.size() > kMaxAddresses) addresses.resize(kMaxAddresses);
  return addresses;
}

std::vector<Name> OwnRecords::hosts_of(const Name& domain) const {
  if (is_unanswered(domain, Type::mx)) return {};
  auto exchanges = dns::all<Mx>(answer(domain, Type::mx));
  std::ranges::sort(exchanges);
  if (exchanges.size() > kMaxExchanges) exchanges.resize(kMaxExchanges);
  std::vector<Name> hosts;
  for (const Mx& mx : exchanges) hosts.push_back(mx.exchange);
  return hosts.empty() ? std::vector{domain} : hosts;
}

std::vector<dns::SpfResult> OwnRecords::spf_of(const Name& domain) const {
  const auto known = spf_results_.find(domain);
  return known == spf_results_.end() ? std::vector<dns::SpfResult>() : known->second;
}

std::string OwnRecords::why() const {
  for (const auto& [question, answer] : answers_)
    if (answer->server) return fmt::format(" ({})", dns::summary(*answer));
  return {};
}

}  // namespace sallyport::proxy
