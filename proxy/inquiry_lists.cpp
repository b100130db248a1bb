// Which lists are asked of what, and what they answer.
#include <algorithm>
#include <utility>

#include "proxy/facts.h"
#include "proxy/inquiry.h"

namespace sallyport::proxy {
namespace {

using dns::Family;
using mail::Check;
using mail::Fact;
using mail::FactKey;
using mail::Finding;
using mail::Listed;
using policy::Mode;
using policy::View;

Family family_of(const dns::Subject& subject) {
  const auto* address = std::get_if<IpAddress>(&subject);
  if (!address) return Family::domain;
  return address->is_v4() ? Family::ipv4 : Family::ipv6;
}

std::string as_input(const dns::Subject& subject) {
  const auto* address = std::get_if<IpAddress>(&subject);
  return address ? address->to_string() : std::get<dns::Name>(subject).text();
}

}  // namespace

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
        no_longer_expect(key);
        break;
      case not_answering:
        settle(without_look_up(key, Finding::dnsbl_temporary, name, "not asked: it does not answer"));
        break;
      case set_aside:
        settle(without_look_up(key, Finding::dnsbl_silent, name, "set aside: it lists everything"));
        break;
    }
  }
}

void Inquiry::cannot_ask_lists(Listed of, bool for_now) {
  for (const FactKey& key : lists_of(of)) {
    const auto place = static_cast<std::size_t>(key.list);
    if (for_now && standing(place, Family::domain) != dns::ListWatch::Standing::not_meant)
      settle(without_look_up(key, Finding::dnsbl_temporary, checks().lists[place].name,
                             "not asked: the reverse name is not known"));
    else
      no_longer_expect(key);
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
  const auto answer = dns::list_at_hand(*resolver(key), settings_->lists[place].zone, subject);
  if (!answer) return begin(key, std::move(input), ask_list(resolver(key), key, subject, false));
  const auto fact = std::make_shared<const Fact>(fact_of(*answer, key, checks().lists[place], subject));
  remember(std::move(input), fact);
  settle(fact);
}

std::optional<dns::Subject> Inquiry::subject_of(Listed of) const {
  if (of == Listed::client) return evidence_.client;
  const auto name = of == Listed::helo           ? host_name(helo_)
                    : of == Listed::reverse_name ? dns::Name::parse(reverse_name(View::would_be))
                                                 : sender_domain_;
  return name ? std::optional<dns::Subject>(*name) : std::nullopt;
}

// Those that are set aside or do not answer are not asked anew, nor those whose answer is still to come.
// The time of the stages may be over by now.
void Inquiry::ask_lists_anew() {
  if (std::exchange(asked_anew_, true)) return;
  for (const Listed of : {Listed::client, Listed::reverse_name, Listed::helo, Listed::sender_domain}) {
    const auto subject = subject_of(of);
    if (!subject) continue;
    for (const FactKey& key : lists_of(of)) {
      const bool asked = standing(static_cast<std::size_t>(key.list), family_of(*subject)) ==
                         dns::ListWatch::Standing::asked;
      if (!asked || is_pending(key)) continue;
      if (const Fact* known = evidence_.find(key)) before_.push_back(*known);
      evidence_.known.erase_if([&](const Fact& fact) { return fact.key == key; });
      evidence_changed();
      begin(key, input_of(key, {as_input(*subject)}),
            ask_list(resolver(key, Stage::lists_anew), key, *subject, true));
    }
  }
}

io::Task<Fact> Inquiry::ask_list(ResolverPtr resolver, FactKey key, dns::Subject subject, bool fresh) {
  const auto place = static_cast<std::size_t>(key.list);
  const dns::WatchedList& list = settings_->lists[place];
  const TimePoint began = services_.clock.now();
  const TimePoint deadline = began + at_connect_->policy->checks.lists[place].timeout;
  const auto answer =
      co_await dns::ask_list(*resolver, services_.clock, list.zone, subject, {deadline, fresh});
  if (services_.lists) tell_watch(place, answer, began + list.timeout);
  co_return fact_of(answer, key, checks().lists[place], subject);
}

// Only what took the list's own time speaks against it: a session's budget, or a rule, may end it sooner.
void Inquiry::tell_watch(std::size_t list, const dns::ListAnswer& answer, TimePoint deadline) {
  const bool failed = answer.result == dns::ListAnswer::Result::temporary;
  if (failed && services_.clock.now() < deadline) return;
  if (std::ranges::all_of(answer.lookups, &dns::Lookup::at_hand)) return;
  services_.lists->heard(list, answer.result);
}

}  // namespace sallyport::proxy
