#include "dns/spf.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "dns/spf_macro.h"
#include "dns/spf_record.h"

namespace sallyport::dns {
namespace {

using Kind = SpfTerm::Kind;
using std::chrono::seconds;

constexpr int kMaxTerms = 10;          // 4.6.4
constexpr int kMaxVoidLookups = 2;     // 4.6.4
constexpr std::size_t kMaxNames = 10;  // 4.6.4: of an mx, of a ptr
constexpr seconds kMaxTime{20};        // 4.6.4
constexpr std::size_t kMaxExplanation = 200;

std::string_view domain_of(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return at == std::string_view::npos ? address : address.substr(at + 1);
}

std::string local_part_of(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return at == std::string_view::npos || at == 0 ? "postmaster" : std::string(address.substr(0, at));
}

// A domain that can have a record: valid, of at least two labels, no address literal (4.3).
std::optional<Name> checkable(std::string_view domain) {
  auto name = domain.empty() || domain.front() == '[' ? std::nullopt : Name::parse(domain);
  if (name && name->labels() < 2) name.reset();
  return name;
}

// In one address family; a mapped IPv4 address is IPv4.
bool in_network(const IpAddress& client, const IpAddress& address, const SpfTerm& term) {
  if (client.is_v4() != address.is_v4()) return false;
  return Network(address, client.is_v4() ? term.prefix4 + 96 : term.prefix6).contains(client);
}

// A wider network is no statement of who may send.
constexpr int kWidest4 = 8;
constexpr int kWidest6 = 16;

// Where nobody can be: reserved (RFC 1112 4), and for what is thrown away (RFC 6666).
IpAddress nobody(bool by_v4) { return *IpAddress::parse(by_v4 ? "240.0.0.1" : "100::1"); }

// The term matches whoever asks, or nearly so. What an include leads to is looked at by itself.
bool is_open(const SpfTerm& term, bool by_v4) {
  const int widest = by_v4 ? kWidest4 : kWidest6;
  switch (term.kind) {
    case Kind::all:
      return true;
    case Kind::ip4:
    case Kind::ip6:
      return term.network.prefix() < widest;
    case Kind::a:
    case Kind::mx:
      return (by_v4 ? term.prefix4 : term.prefix6) < widest;
    case Kind::exists:
      return !depends_on_client(term.domain_spec);
    default:
      return false;
  }
}

// One check_host() with all that it leads to. Lives in the frame of its task.
class Evaluation {
 public:
  Evaluation(Resolver& resolver, const Clock& clock, const SpfRequest& request)
      : resolver_(resolver), clock_(clock), deadline_(clock.now() + kMaxTime) {
    const bool by_helo = request.identity == SpfIdentity::helo || request.sender.empty();
    const std::string sender = by_helo ? "postmaster@" + request.helo : request.sender;
    values_.local_part = local_part_of(sender);
    values_.sender_domain = domain_of(sender);
    values_.helo = request.helo;
    values_.receiver = request.receiver.empty() ? "unknown" : request.receiver;
    values_.client = request.client;
    values_.seconds = std::chrono::duration_cast<seconds>(clock.wall().time_since_epoch()).count();
  }

  io::Task<SpfOutcome> run() {
    const std::string domain = values_.sender_domain;
    outcome_.domain = domain;
    outcome_.result = co_await check_host(domain, true);
    outcome_.open = outcome_.open && outcome_.result == SpfResult::pass;
    co_return std::move(outcome_);
  }

 private:
  enum class Match { yes, no, temperror, permerror };

  // -- 4: one domain ----------------------------------------------------------------------------------

  io::Task<SpfResult> check_host(std::string domain, bool outermost) {
    const auto name = checkable(domain);
    if (!name) co_return SpfResult::none;
    const AnswerPtr answer = co_await look_up({*name, Type::txt});
    if (is_temporary(answer->status)) co_return troubled(*name, *answer);
    std::vector<std::string> records = all<std::string>(*answer);
    std::erase_if(records, [](const std::string& text) { return !is_spf_record(text); });
    if (records.empty()) co_return SpfResult::none;
    if (records.size() > 1)
      co_return broken(fmt::format("{} has {} SPF records", name->text(), records.size()));
    const auto record = parse_spf_record(records.front());
    if (!record) co_return broken(fmt::format("{}: {}", name->text(), record.error().detail));
    if (outermost) outcome_.domain = domain;
    co_return co_await evaluate(*record, std::move(domain), outermost);
  }

  io::Task<SpfResult> evaluate(const SpfRecord& record, std::string domain, bool outermost) {
    for (const SpfTerm& term : record.terms) {
      if (is_over_budget(term.kind)) co_return broken("more than 10 terms that ask the DNS");
      const Match match = co_await matches(term, domain);
      if (match == Match::no) continue;
      if (match == Match::temperror) co_return SpfResult::temperror;
      if (match == Match::permerror) co_return SpfResult::permerror;
      if (outermost) outcome_.mechanism = term.written;
      if (term.kind != Kind::include) outcome_.open = co_await lets_anybody(term, domain);
      if (outermost && term.result == SpfResult::fail && record.exp) co_await explain(*record.exp, domain);
      co_return term.result;
    }
    if (record.redirect && !has_all(record))
      co_return co_await redirect(*record.redirect, domain, outermost);
    if (outermost) outcome_.mechanism = "default";
    co_return SpfResult::neutral;
  }

  static bool has_all(const SpfRecord& record) {
    return std::ranges::find(record.terms, Kind::all, &SpfTerm::kind) != record.terms.end();
  }

  io::Task<SpfResult> redirect(const std::string& spec, const std::string& domain, bool outermost) {
    if (++outcome_.terms > kMaxTerms) co_return broken("more than 10 terms that ask the DNS");
    std::string target = co_await expanded(spec, domain);
    const SpfResult result = co_await check_host(target, outermost);
    if (result != SpfResult::none) co_return result;
    co_return broken(fmt::format("redirect={} has no SPF record", printable(target, 80)));
  }

  // -- 5: mechanisms ------------------------------------------------------------------------------------

  bool is_over_budget(Kind kind) {
    if (kind == Kind::all || kind == Kind::ip4 || kind == Kind::ip6) return false;
    return ++outcome_.terms > kMaxTerms;
  }

  io::Task<Match> matches(const SpfTerm& term, const std::string& domain) {
    switch (term.kind) {
      case Kind::all:
        co_return Match::yes;
      case Kind::ip4:
      case Kind::ip6:
        co_return matched(values_.client.is_v4() == (term.kind == Kind::ip4) &&
                          term.network.contains(values_.client));
      default:
        break;
    }
    const std::string target =
        term.domain_spec.empty() ? domain : co_await expanded(term.domain_spec, domain);
    if (term.kind == Kind::include) co_return co_await includes(target);
    const auto name = target.empty() ? std::nullopt : Name::parse(target);
    if (!name) co_return Match::no;  // 4.8: no name, no match
    if (term.kind == Kind::a) co_return co_await has_address(*name, term);
    if (term.kind == Kind::mx) co_return co_await has_exchange(*name, term);
    if (term.kind == Kind::ptr) co_return co_await has_name_below(*name);
    co_return co_await exists(*name);
  }

  static Match matched(bool yes) { return yes ? Match::yes : Match::no; }

  io::Task<Match> includes(const std::string& target) {
    switch (co_await check_host(target, false)) {
      case SpfResult::pass:
        co_return Match::yes;
      case SpfResult::temperror:
        co_return Match::temperror;
      case SpfResult::permerror:
        co_return Match::permerror;
      case SpfResult::none:
        broken(fmt::format("include:{} has no SPF record", printable(target, 80)));
        co_return Match::permerror;
      default:
        co_return Match::no;
    }
  }

  io::Task<Match> has_address(const Name& name, const SpfTerm& term) {
    const AnswerPtr answer = co_await look_up({name, address_type()});
    co_return is_address(name, *answer, term);
  }

  Match is_address(const Name& name, const Answer& answer, const SpfTerm& term) {
    if (const Match trouble = trouble_of(name, answer); trouble != Match::yes) return trouble;
    const auto addresses = all<IpAddress>(answer);
    return matched(std::ranges::any_of(
        addresses, [&](const IpAddress& address) { return in_network(values_.client, address, term); }));
  }

  io::Task<Match> has_exchange(const Name& name, const SpfTerm& term) {
    const AnswerPtr answer = co_await look_up({name, Type::mx});
    if (const Match trouble = trouble_of(name, *answer); trouble != Match::yes) co_return trouble;
    auto exchanges = all<Mx>(*answer);
    if (exchanges.size() > kMaxNames) {
      broken(fmt::format("{} has more than 10 MX records", name.text()));
      co_return Match::permerror;
    }
    std::ranges::sort(exchanges);
    std::vector<Name> names;
    for (Mx& mx : exchanges)
      if (!mx.exchange.is_root()) names.push_back(std::move(mx.exchange));
    const auto answers = co_await look_up_addresses(names);
    for (std::size_t place = 0; place < names.size(); ++place) {
      const Match match = is_address(names[place], *answers[place], term);
      if (match != Match::no) co_return match;
    }
    co_return Match::no;
  }

  // 5.5: errors are no match. Of all that it asks, the client's having no name at all counts as void.
  io::Task<Match> has_name_below(const Name& target) {
    bool nameless = false;
    const auto names = co_await validated_names(nameless);
    if (nameless && count_void()) co_return too_many_void();
    co_return matched(std::ranges::any_of(names, [&](const Name& name) { return name.is_below(target); }));
  }

  // 5.7: always A, whatever the client's family.
  io::Task<Match> exists(const Name& name) {
    const AnswerPtr answer = co_await look_up({name, Type::a});
    const Match trouble = trouble_of(name, *answer);
    co_return trouble == Match::yes ? matched(answer->found()) : trouble;
  }

  // Behind an exists there may be a wildcard, which any client's address or name leads to: nobody's as
  // well.
  io::Task<bool> lets_anybody(const SpfTerm& term, const std::string& domain) {
    const bool by_v4 = values_.client.is_v4();
    const bool open = is_open(term, by_v4);
    if (open || term.kind != Kind::exists || term.result != SpfResult::pass) co_return open;
    SpfMacroValues values = values_;
    values.domain = domain;
    values.client = nobody(by_v4);
    values.validated_name = "unknown";
    const auto name = Name::parse(shortened_domain(expand(term.domain_spec, values)));
    if (!name) co_return false;
    co_return (co_await look_up({*name, Type::a}))->found();
  }

  // -- the client's own names (5.5, %{p}) -----------------------------------------------------------

  io::Task<std::vector<Name>> validated_names(bool& nameless) {
    const AnswerPtr answer = co_await look_up({Name::reverse(values_.client), Type::ptr});
    nameless = is_void(answer->status);
    auto names = all<Name>(*answer);
    if (names.size() > kMaxNames) names.resize(kMaxNames);
    const auto answers = co_await look_up_addresses(names);
    std::vector<Name> validated;
    for (std::size_t place = 0; place < names.size(); ++place) {
      const auto theirs = all<IpAddress>(*answers[place]);
      if (std::ranges::find(theirs, values_.client) != theirs.end())
        validated.push_back(std::move(names[place]));
    }
    co_return validated;
  }

  // 7.3: the domain itself, else a name below it, else any.
  io::Task<std::string> validated_name(const std::string& domain) {
    bool nameless = false;
    const auto names = co_await validated_names(nameless);
    const auto target = domain.empty() ? std::nullopt : Name::parse(domain);
    const Name* best = names.empty() ? nullptr : &names.front();
    for (const Name& name : names) {
      if (target && name == *target) co_return name.text();
      if (target && name.is_below(*target) && !best->is_below(*target)) best = &name;
    }
    co_return best ? best->text() : "unknown";
  }

  io::Task<std::string> expanded(const std::string& spec, const std::string& domain) {
    co_return shortened_domain(co_await expanded_text(spec, domain));
  }

  io::Task<std::string> expanded_text(const std::string& text, const std::string& domain) {
    SpfMacroValues values = values_;
    values.domain = domain;
    if (holds_validated_name(text)) values.validated_name = co_await validated_name(domain);
    co_return expand(text, values);
  }

  // -- 6.2: the domain's own words; whatever is wrong with them, there are none --------------------------

  io::Task<> explain(const std::string& spec, const std::string& domain) {
    const auto name = Name::parse(co_await expanded(spec, domain));
    if (!name) co_return;
    const AnswerPtr answer = co_await look_up({*name, Type::txt});
    const auto texts = all<std::string>(*answer);
    if (texts.size() != 1 || !is_ascii(texts.front()) ||
        !is_macro_string(texts.front(), SpfMacroUse::explanation))
      co_return;
    outcome_.explanation = co_await expanded_text(texts.front(), domain);
    for (char& c : outcome_.explanation)
      if (is_control(c) || !is_ascii(c)) c = '?';
    if (outcome_.explanation.size() > kMaxExplanation) outcome_.explanation.resize(kMaxExplanation);
  }

  // -- asking -----------------------------------------------------------------------------------------

  Type address_type() const { return values_.client.is_v4() ? Type::a : Type::aaaa; }

  io::Task<AnswerPtr> look_up(Question question) {
    if (clock_.now() < deadline_)
      co_return co_await ask(resolver_, clock_, outcome_.lookups, std::move(question), {deadline_, false});
    co_return late();
  }

  // All at once, though the first may be enough: what is counted is counted in their order.
  io::Task<std::vector<AnswerPtr>> look_up_addresses(const std::vector<Name>& names) {
    if (clock_.now() >= deadline_) co_return std::vector<AnswerPtr>(names.size(), late());
    std::vector<Question> questions;
    for (const Name& name : names) questions.push_back({name, address_type()});
    co_return co_await ask_all(resolver_, clock_, outcome_.lookups, std::move(questions),
                               {deadline_, false});
  }

  static AnswerPtr late() {
    static const auto timed_out = std::make_shared<const Answer>();
    return timed_out;
  }

  bool count_void() { return ++outcome_.void_lookups > kMaxVoidLookups; }

  // What the answer itself decides: yes stands for "go on, and look at the records".
  Match trouble_of(const Name& name, const Answer& answer) {
    if (is_temporary(answer.status)) {
      troubled(name, answer);
      return Match::temperror;
    }
    return is_void(answer.status) && count_void() ? too_many_void() : Match::yes;
  }

  Match too_many_void() {
    broken("more than 2 look-ups that found nothing");
    return Match::permerror;
  }

  SpfResult broken(std::string problem) {
    outcome_.problem = std::move(problem);
    return SpfResult::permerror;
  }

  SpfResult troubled(const Name& name, const Answer& answer) {
    outcome_.problem = fmt::format("{}: {}", name.text(), to_string(answer.status));
    return SpfResult::temperror;
  }

  Resolver& resolver_;
  const Clock& clock_;
  TimePoint deadline_;
  SpfMacroValues values_;
  SpfOutcome outcome_;
};

}  // namespace

std::string_view to_string(SpfResult result) {
  switch (result) {
    case SpfResult::none:
      return "none";
    case SpfResult::neutral:
      return "neutral";
    case SpfResult::pass:
      return "pass";
    case SpfResult::fail:
      return "fail";
    case SpfResult::softfail:
      return "softfail";
    case SpfResult::temperror:
      return "temperror";
    case SpfResult::permerror:
      return "permerror";
  }
  std::unreachable();
}

io::Task<SpfOutcome> check_host(Resolver& resolver, const Clock& clock, SpfRequest request) {
  Evaluation evaluation(resolver, clock, request);
  co_return co_await evaluation.run();
}

}  // namespace sallyport::dns
