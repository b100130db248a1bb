#include "policy/client.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/address_literal.h"
#include "base/mail/address.h"

namespace sallyport::policy {
namespace {

using mail::Check;
using mail::Fact;
using mail::FactKey;
using mail::Finding;

// The judgement of what is known, before anybody asks what is missing. Points that follow from a temporary
// failure are kept apart: they may delay a mail, never refuse it for good.
struct Sums {
  int points = 0;
  int doubtful_points = 0;
  int relief = 0;  // negative: what might speak for the client, were all known that could not be looked up
  std::optional<Contribution> rejects;
  std::optional<Contribution> defers;
};

// What one pending fact may still do.
struct Range {
  int least = 0, most = 0;  // points
  int least_doubtful = 0, most_doubtful = 0;
  bool may_reject = false;
  bool may_defer = false;

  bool moves_points() const { return least != 0 || most != 0; }
  bool moves_doubtful_points() const { return least_doubtful != 0 || most_doubtful != 0; }
};

class Judge {
 public:
  Judge(const mail::Evidence& evidence, const CheckSettings& settings, View view)
      : evidence_(evidence), settings_(settings), view_(view) {
    const Fact* name = evidence.find({Check::rdns});
    name_may_change_ = name && mail::may_change(*name);
    for (std::size_t place = 0; place < evidence.known.size(); ++place) add(place);
    const bool unasked = settings.mode(Check::spf_mailfrom) == Mode::off;
    if (unasked && is_own_sender(Check::spf_mailfrom, Finding::spf_none))
      add({evidence.known.size(), settings.own_sender, true}, Finding::spf_none, false);
  }

  void expect_pending() {
    for (const FactKey& key : evidence_.pending)
      if (counts(key)) pending_.push_back({key, range(key)});
  }

  std::variant<ClientDecision, Need> judge() {
    using enum ClientDecision::Action;
    int least = sums_.points + sums_.relief, most = least;
    int least_of_all = sums_.points + sums_.doubtful_points, most_of_all = least_of_all;
    bool may_reject = false, may_defer = false;
    for (const auto& [key, range] : pending_) {
      least += range.least;
      most += range.most;
      least_of_all += std::min(range.least, range.least_doubtful);
      most_of_all += std::max(range.most, range.most_doubtful);
      may_reject |= range.may_reject;
      may_defer |= range.may_defer;
    }
    const int limit = settings_.reject_at;
    if (sums_.rejects || least >= limit) return decision(reject);
    if (may_reject || most >= limit)
      return need([](const Range& range) { return range.may_reject || range.moves_points(); });
    if (sums_.defers || least_of_all >= limit) return decision(defer);
    if (may_defer || most_of_all >= limit)
      return need([](const Range& range) {
        return range.may_defer || range.moves_points() || range.moves_doubtful_points();
      });
    return decision(accept);
  }

  std::variant<bool, Need> has_points(int wanted) {
    int least = sums_.points + sums_.doubtful_points, most = least;
    for (const auto& [key, range] : pending_) {
      least += std::min(range.least, range.least_doubtful);
      most += std::max(range.most, range.most_doubtful);
    }
    if (least >= wanted) return true;
    if (most < wanted) return false;
    return need([](const Range& range) { return range.moves_points() || range.moves_doubtful_points(); });
  }

 private:
  struct Pending {
    FactKey key;
    Range range;
  };

  bool counts(const FactKey& key) const {
    const Mode mode = settings_.mode_of(key);
    return mode == Mode::enforce || (mode == Mode::observe && view_ == View::would_be);
  }

  // Our own domain, from outside, without a pass: a claim that nobody vouches for.
  bool is_own_sender(Check check, Finding finding) const {
    return check == Check::spf_mailfrom && evidence_.sender_is_ours && finding != Finding::spf_pass;
  }

  void add(std::size_t place) {
    const Fact& fact = evidence_.known[place];
    if (!counts(fact.key)) return;
    const int points_before = sums_.points;
    const bool passing = may_change(fact);
    add({place, settings_.outcome_of(fact), false}, fact.finding, passing);
    if (is_own_sender(fact.key.check, fact.finding))
      add({place, settings_.own_sender, true}, fact.finding, passing);
    if (passing) sums_.relief += std::min(0, range(fact.key).least - (sums_.points - points_before));
  }

  // What lists say of a reverse name they say of the one that was found.
  bool may_change(const Fact& fact) const {
    const bool of_name = fact.key.check == Check::dnsbl && fact.key.of == mail::Listed::reverse_name;
    return mail::may_change(fact) || (of_name && name_may_change_);
  }

  void add(const Contribution& contribution, Finding finding, bool passing) {
    switch (acted_on(contribution.outcome, passing).kind) {
      case Outcome::Kind::ignore:
        return;
      case Outcome::Kind::score:
        (is_temporary(finding) ? sums_.doubtful_points : sums_.points) += contribution.outcome.score;
        break;
      case Outcome::Kind::defer:
        if (!sums_.defers) sums_.defers = contribution;
        break;
      case Outcome::Kind::reject:
        if (!sums_.rejects) sums_.rejects = contribution;
        break;
    }
    contributions_.push_back(contribution);
  }

  Range range(const FactKey& key) const {
    Range range;
    if (key.check == Check::dnsbl) {
      const ListSettings& list = settings_.lists.at(static_cast<std::size_t>(key.list));
      if (!list.flag) range = {list.least(), list.most()};
      return range;
    }
    bool first = true;
    for (const Finding finding : findings_of(key.check)) {
      widen(range, key.check, finding, first);
      first = false;
    }
    return range;
  }

  void widen(Range& range, Check check, Finding finding, bool first) const {
    int points = 0;
    const auto take = [&](const Outcome& outcome) {
      const Outcome::Kind kind = acted_on(outcome, is_temporary(finding)).kind;
      if (kind == Outcome::Kind::score) points += outcome.score;
      range.may_reject |= kind == Outcome::Kind::reject;
      range.may_defer |= kind == Outcome::Kind::defer;
    };
    take(settings_.outcome(check, finding));
    if (is_own_sender(check, finding)) take(settings_.own_sender);
    const int firm = is_temporary(finding) ? 0 : points;
    const int doubtful = is_temporary(finding) ? points : 0;
    if (first) range.least = range.most = firm;
    range.least = std::min(range.least, firm);
    range.most = std::max(range.most, firm);
    range.least_doubtful = std::min(range.least_doubtful, doubtful);
    range.most_doubtful = std::max(range.most_doubtful, doubtful);
  }

  ClientDecision decision(ClientDecision::Action action) {
    using enum ClientDecision::Action;
    ClientDecision decision{action, sums_.points + sums_.doubtful_points, std::nullopt, contributions_};
    if (action == reject) decision.decisive = sums_.rejects;
    if (action == defer) decision.decisive = sums_.defers;
    std::ranges::sort(decision.contributions, {}, [](const Contribution& one) {
      const bool by_points = one.outcome.kind == Outcome::Kind::score;
      return std::pair(by_points ? -one.outcome.score : std::numeric_limits<int>::min(), one.fact);
    });
    return decision;
  }

  template <class Matters>
  Need need(Matters matters) const {
    Need need;
    for (const auto& [key, range] : pending_)
      if (matters(range)) need.facts.push_back(key);
    return need;
  }

  const mail::Evidence& evidence_;
  const CheckSettings& settings_;
  View view_;
  bool name_may_change_ = false;
  Sums sums_;
  std::vector<Contribution> contributions_;
  std::vector<Pending> pending_;
};

}  // namespace

Outcome acted_on(const Outcome& outcome, bool may_change) {
  return may_change && outcome.kind == Outcome::Kind::reject ? Outcome::deferred() : outcome;
}

HeloClaim claimed_by(std::string_view helo, const IpAddress& our_address, const Settings& settings) {
  using enum HeloClaim;
  mail::DomainName name;
  if (helo.ends_with('.')) helo.remove_suffix(1);
  const auto literal = parse_address_literal(helo);
  const auto address = literal ? literal : IpAddress::parse(helo);  // many leave the brackets out
  if (address) return *address == our_address ? our_host : other;
  if (mail::parse_domain(helo, name) != mail::DomainFault::none) return other;
  if (name.ascii == settings.hostname) return our_host;
  return settings.domains.find(name.ascii) ? our_domain : other;
}

std::variant<ClientDecision, Need> judge_client(const mail::Evidence& evidence,
                                                const CheckSettings& settings, View view) {
  Judge judge(evidence, settings, view);
  judge.expect_pending();
  return judge.judge();
}

ClientDecision judge_known(const mail::Evidence& evidence, const CheckSettings& settings, View view) {
  return std::get<ClientDecision>(Judge(evidence, settings, view).judge());
}

std::variant<bool, Need> has_points(const mail::Evidence& evidence, const CheckSettings& settings,
                                    int least) {
  Judge judge(evidence, settings, View::acting);
  judge.expect_pending();
  return judge.has_points(least);
}

}  // namespace sallyport::policy
