#include "dns/sender_domain.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::dns {
namespace {

using Result = SenderDomain::Result;

constexpr std::size_t kMaxExchanges = 5;

struct Reachable {
  bool any = false, any_public = false, temporary = false;

  void add(const Answer& answer) {
    temporary = temporary || is_temporary(answer.status);
    for (const IpAddress& address : all<IpAddress>(answer)) {
      any = true;
      any_public = any_public || !is_private(address);
    }
  }
  // A failure that passes could hide a public address.
  bool private_only() const { return any && !any_public && !temporary; }
};

std::vector<Question> addresses_of(const std::vector<Mx>& exchanges) {
  std::vector<Question> questions;
  for (const Mx& mx : exchanges) {
    if (mx.exchange.is_root()) continue;
    questions.push_back({mx.exchange, Type::a});
    questions.push_back({mx.exchange, Type::aaaa});
  }
  return questions;
}

}  // namespace

bool is_private(const IpAddress& address) {
  static const auto networks = [] {
    std::vector<Network> out;
    for (const char* text :
         {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
          "192.168.0.0/16", "::/128", "::1/128", "fc00::/7", "fe80::/10"})
      out.push_back(*Network::parse(text));
    return out;
  }();
  return std::ranges::any_of(networks, [&](const Network& network) { return network.contains(address); });
}

io::Task<SenderDomain> check_sender_domain(Resolver& resolver, const Clock& clock, Name domain,
                                           Asking asking) {
  SenderDomain found;
  std::vector<Question> first = {{domain, Type::mx}, {domain, Type::a}, {domain, Type::aaaa}};
  const auto answers = co_await ask_all(resolver, clock, found.lookups, std::move(first), asking);
  auto exchanges = all<Mx>(*answers[0]);
  Reachable reachable;
  if (exchanges.empty()) {
    reachable.add(*answers[1]);
    reachable.add(*answers[2]);
    if (is_temporary(answers[0]->status) || (!reachable.any && reachable.temporary)) co_return found;
    const bool missing = answers[0]->status == Status::nx_domain && !reachable.any;
    found.result = missing ? Result::missing : reachable.any ? Result::found : Result::no_mail;
  } else {
    const bool null = std::ranges::all_of(exchanges, [](const Mx& mx) { return mx.exchange.is_root(); });
    found.result = null ? Result::null_mx : Result::found;
    if (null) co_return found;
    std::ranges::sort(exchanges);
    if (exchanges.size() > kMaxExchanges) exchanges.resize(kMaxExchanges);
    const auto theirs = co_await ask_all(resolver, clock, found.lookups, addresses_of(exchanges), asking);
    for (const AnswerPtr& answer : theirs) reachable.add(*answer);
  }
  if (reachable.private_only()) found.result = Result::private_only;
  co_return found;
}

}  // namespace sallyport::dns
