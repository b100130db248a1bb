// The field tables of `dns`, `checks` and `thresholds`.
#include "proxy/settings_check_types.h"
#include "proxy/settings_types.h"

namespace sallyport::proxy {
namespace {

using config::boolean;
using config::choice;
using config::integer;
using config::list_of;
using config::located;
using config::map_of;
using config::section;
using config::size;
using config::Stage;
using config::Table;
using config::text;
using mail::Check;
using mail::Finding;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t kMaxName = 255;

config::Type<Duration> wait(Duration low, Duration high) { return config::duration<Duration>(low, high); }

const char* help_of_rdns(Finding finding) {
  switch (finding) {
    case Finding::rdns_confirmed:
      return "a PTR name has the client's address";
    case Finding::rdns_missing:
      return "the client's address has no PTR name";
    case Finding::rdns_mismatch:
      return "none of its PTR names has that address; common with virtual hosting";
    case Finding::rdns_generic:
      return "the name is confirmed, and looks like one of a pool of dial-up or dynamic addresses";
    default:
      return "the look-up failed for now";
  }
}

const char* help_of_helo(Finding finding) {
  switch (finding) {
    case Finding::helo_confirmed:
      return "the name is the client's confirmed reverse name";
    case Finding::helo_plausible:
      return "the name, or address literal, is the client's address";
    case Finding::helo_syntax:
      return "neither a domain nor an address literal";
    case Finding::helo_own_name:
      return "our host name or address, or a domain of ours that does not have the client's address";
    case Finding::helo_literal:
      return "an address literal of another address";
    case Finding::helo_not_fqdn:
      return "a name without a domain";
    case Finding::helo_unresolvable:
      return "the name has no address";
    case Finding::helo_mismatch:
      return "the name has other addresses";
    default:
      return "the look-up failed for now";
  }
}

const char* help_of_sender(Finding finding) {
  switch (finding) {
    case Finding::sender_found:
      return "the domain has an MX or an address";
    case Finding::sender_missing:
      return "the domain does not exist: `550 5.1.8`";
    case Finding::sender_no_mail:
      return "the domain exists, with neither MX nor address";
    case Finding::sender_null_mx:
      return "the domain says that it takes no mail (RFC 7505): `550 5.7.27`";
    case Finding::sender_private:
      return "its mail servers have private or loopback addresses only";
    default:
      return "the look-up failed for now: `451 4.4.3`";
  }
}

const char* help_of_spf(Finding finding) {
  switch (finding) {
    case Finding::spf_none:
      return "the domain publishes no SPF record";
    case Finding::spf_neutral:
      return "the domain does not say";
    case Finding::spf_pass:
      return "the client may send for the domain";
    case Finding::spf_fail:
      return "the client may not send for the domain";
    case Finding::spf_softfail:
      return "the client probably may not send for the domain";
    case Finding::spf_temperror:
      return "a look-up failed for now";
    default:
      return "the record is broken, or needs more than ten look-ups";
  }
}

const char* help_of(Check check, Finding finding) {
  switch (check) {
    case Check::rdns:
      return help_of_rdns(finding);
    case Check::helo:
      return help_of_helo(finding);
    case Check::sender_domain:
      return help_of_sender(finding);
    default:
      return help_of_spf(finding);
  }
}

using Checks = Table<ChecksSection>;

Checks with_mode(Checks table, Check check) {
  return std::move(table).field_at(
      "mode", [check](auto& checks) -> auto& { return checks.mode(check); }, mode(), Stage::rcpt,
      "`enforce`, `observe` (judged and recorded, never acted on) or `off` (not asked, unless a rule says "
      "otherwise of somebody)");
}

// One key for each finding, in their order.
Checks with_outcomes(Checks table, Check check, const std::string& before = {}) {
  for (const Finding finding : mail::findings_of(check))
    table = std::move(table).field_at(
        before + std::string(to_string(finding)),
        [check, finding](auto& checks) -> auto& { return checks.outcome(check, finding); },
        is_temporary(finding) ? passing_outcome() : outcome(), Stage::rcpt,
        (before.empty() ? "" : "of the HELO name: ") + std::string(help_of(check, finding)));
  return table;
}

Checks check_table(Check check, const char* help) {
  return with_outcomes(with_mode(Checks(help).ruled(), check), check);
}

const Checks& rdns_table() {
  static const auto table =
      check_table(Check::rdns,
                  "The client's reverse name (PTR), and whether that name has the client's address. Each "
                  "key says what "
                  "follows: `\"ignore\"`, `\"defer\"` (451), `\"reject\"` (550) or `{\"score\": N}`, "
                  "points that are "
                  "added up and held against `thresholds`.")
          .field("generic_names", &ChecksSection::generic_names, located(config::file_name()),
                 Stage::connect,
                 "list of words and patterns (RE2) of reverse names that are `generic`, besides those that "
                 "hold the client's address");
  return table;
}

const Checks& helo_table() {
  static const auto table = check_table(Check::helo, "What the client calls itself in HELO or EHLO.");
  return table;
}

const Checks& sender_table() {
  static const auto table =
      check_table(Check::sender_domain, "Whether the domain in MAIL FROM could take an answer.");
  return table;
}

const Checks& spf_table() {
  static const auto table = [] {
    auto one = check_table(
        Check::spf_mailfrom,
        "SPF (RFC 7208), for the domain in MAIL FROM and, with `helo_` in front, for the name in HELO.");
    one = with_outcomes(std::move(one), Check::spf_helo, "helo_");
    return std::move(one).field("own_domain", &ChecksSection::own_sender, outcome(), Stage::rcpt,
                                "a domain of ours in MAIL FROM, from outside, without a `pass`; it counts "
                                "beside the result, and where SPF is `off` too");
  }();
  return table;
}

const Table<EarlyTalkerSection>& early_talker_table() {
  static const auto table =
      Table<EarlyTalkerSection>(
          "Clients that talk before they are greeted. Mail servers wait; most that do not are spam "
          "programs.")
          .ruled()
          .field(
              "mode", &EarlyTalkerSection::mode,
              choice<EarlyTalkerMode>({{"enforce", EarlyTalkerMode::enforce},
                                       {"score", EarlyTalkerMode::score},
                                       {"observe", EarlyTalkerMode::observe},
                                       {"off", EarlyTalkerMode::off}}),
              Stage::connect,
              "`enforce` turns them away at once (554), `score` lets `outcome` follow, `observe` records "
              "it only")
          .field("outcome", &EarlyTalkerSection::outcome, outcome(), Stage::rcpt,
                 "what follows at RCPT under `score`")
          .field("wait", &EarlyTalkerSection::wait, wait(seconds(0), seconds(60)), Stage::connect,
                 "before a stranger is greeted; nobody waits who had a message delivered in the last 24 "
                 "hours");
  return table;
}

const Table<ListSection>& list_table() {
  static const auto table =
      Table<ListSection>(
          "A DNS list (RFC 5782), by its zone. What a list answers counts only where `codes` says so.")
          .ruled()
          .field("codes", &ListSection::ranges, located(list_codes()), Stage::rcpt,
                 "what each answer counts: a code, a range of codes octet by octet, and points, negative "
                 "for good lists; of several that match the greatest counts")
          .field(
              "of", &ListSection::of, list_of(listed(), config::Empty::refused), Stage::connect,
              "what is looked up: the `client`'s address, its confirmed reverse name (`rdns`), the `helo` "
              "name, the domain of the `sender`")
          .fixed()
          .field("mode", &ListSection::mode, mode_of_either(), Stage::rcpt, "of this list alone")
          .field("flag", &ListSection::flag, boolean(), Stage::rcpt,
                 "no points: a listing is written into `Authentication-Results`, for filters behind us")
          .field("secret", &ListSection::secret, boolean(), Stage::connect,
                 "the zone's name holds a key: neither it nor what the list says goes into replies, header "
                 "fields or events; needs a `name`")
          .fixed()
          .field("name", &ListSection::name, text(kMaxName, "a name"), Stage::connect,
                 "how the list is called in replies and events, if not by its zone")
          .fixed()
          .field("ipv4", &ListSection::ipv4, config::optional(family_of_addresses()), Stage::connect,
                 "whether it lists IPv4 addresses (by default if `of` has `client`); an object names test "
                 "entries other than 127.0.0.2 and 127.0.0.1")
          .fixed()
          .field("ipv6", &ListSection::ipv6, config::optional(family_of_addresses()), Stage::connect,
                 "whether it lists IPv6 addresses; by default it does not")
          .fixed()
          .field("domain", &ListSection::domain, config::optional(family_of_domains()), Stage::connect,
                 "whether it lists names (by default if `of` has one of the others); test entries are TEST "
                 "and INVALID")
          .fixed()
          .field("timeout", &ListSection::own_timeout,
                 config::optional(wait(milliseconds(50), seconds(10))), Stage::connect,
                 "for an answer of this list");
  return table;
}

using Zones = std::vector<config::Named<ListSection>>;

// As map_of() reads, but that the zone of a secret list, which holds a key, is in no message.
bool read_zones(const config::Node& node, Zones& out, config::Reader& reader) {
  const auto* lists = node.as<config::Object>();
  if (!lists) return reader.expected(node, "an object: { ... }");
  out.clear();
  bool good = true;
  for (const auto& list : *lists) {
    if (list.value.is_null()) continue;
    out.push_back({list.key, list.position, {}});
    out.back().value.secret = is_secret_list(list.value);  // stays so if that cannot be read
    const config::Reader::Step step(reader, out.back().value.secret ? "(hidden)" : list.key);
    const config::Reader::Within within(
        reader, reader.way().then<Zones>([place = out.size() - 1](Zones& zones) -> ListSection& {
          return zones.at(place).value;
        }));
    if (!list_table().read(list.value, out.back().value, reader)) good = false;
  }
  return good;
}

config::Type<Zones> zones() {
  auto type = map_of(section(list_table()));
  type.read = read_zones;
  return type;
}

const Table<ListsSection>& lists_table() {
  static const auto table =
      Table<ListsSection>(
          "DNS lists of addresses and domains, good and bad, all asked at once. One that does not answer "
          "is "
          "not asked again until it does; one that lists everything is set aside.")
          .ruled()
          .field("mode", &ListsSection::mode, mode(), Stage::rcpt, "of all lists")
          .field("zones", &ListsSection::zones, zones(), Stage::connect,
                 "the lists, each under the name of its zone")
          .field("timeout", &ListsSection::timeout, wait(milliseconds(50), seconds(10)), Stage::connect,
                 "for an answer")
          .field("good_timeout", &ListsSection::good_timeout, wait(milliseconds(50), seconds(10)),
                 Stage::connect, "for an answer of a list with negative points only");
  return table;
}

}  // namespace

const Table<DnsSettings>& dns_table() {
  static const auto table =
      Table<DnsSettings>(
          "Who is asked about clients, and how long. A resolver of your own, on this machine or near, that "
          "validates DNSSEC: public resolvers are turned away by most lists.")
          .field_at(
              "servers", [](auto& dns) -> auto& { return dns.live.servers; }, list_of(dns_server()),
              Stage::connect, "asked in this order; none: those of `/etc/resolv.conf`")
          .field_at(
              "timeout", [](auto& dns) -> auto& { return dns.live.timeout; },
              wait(milliseconds(100), seconds(30)), Stage::connect,
              "that a server may take; after a quarter of it it is asked anew, or the next one")
          .field_at(
              "tries", [](auto& dns) -> auto& { return dns.live.tries; }, integer<int>(1, 10),
              Stage::connect,
              "how long a question is asked: so many times half of `timeout`, over all servers")
          .field_at(
              "budget", [](auto& dns) -> auto& { return dns.budget.waiting; },
              wait(milliseconds(100), minutes(2)), Stage::connect,
              "that a session may wait for answers, before MAIL and again for each message; then they "
              "count as "
              "failed for now")
          .field_at(
              "questions", [](auto& dns) -> auto& { return dns.budget.questions; },
              integer<int>(10, 10'000), Stage::connect, "that a session may ask in that time")
          .field_at(
              "cache_size", [](auto& dns) -> auto& { return dns.live.cache_bytes; },
              size(1'000'000, 10'000'000'000), Stage::start, "for answers that are remembered");
  return table;
}

const Table<ChecksSection>& checks_table() {
  static const auto table =
      Checks(
          "What is looked at before mail is taken, and what follows from it. Clients that log in, "
          "`trusted_networks`, `upstream` and private addresses are spared all of it but "
          "`malformed_header`; so is mail to the `role_names`.")
          .ruled()
          .field("early_talker", &ChecksSection::early_talker, section(early_talker_table()),
                 Stage::connect, "clients that talk before the greeting")
          .group("rdns", rdns_table(), Stage::connect, "the client's reverse name")
          .group("helo", helo_table(), Stage::helo, "what it calls itself")
          .group("sender_domain", sender_table(), Stage::mail, "the domain in MAIL FROM")
          .group("spf", spf_table(), Stage::mail, "whether the client may send for that domain")
          .field("dnsbl", &ChecksSection::dnsbl, section(lists_table()), Stage::connect,
                 "DNS lists of addresses and domains")
          .field("greylist", &ChecksSection::greylist, greylist_settings(), Stage::rcpt,
                 "whether a stranger has to come again")
          .field("malformed_header", &ChecksSection::malformed_header,
                 choice<Mode>({{"reject", Mode::enforce}, {"observe", Mode::observe}, {"pass", Mode::off}}),
                 Stage::data,
                 "a header block with a line that is no header field; where the first line is none, there "
                 "is no header block");
  return table;
}

const Table<ThresholdsSection>& thresholds_table() {
  static const auto table = Table<ThresholdsSection>("What points come to, all checks together.")
                                .ruled()
                                .field("reject", &ThresholdsSection::reject, points(1, 1'000), Stage::rcpt,
                                       "from so many on mail is refused")
                                .field("doubtful", &ThresholdsSection::doubtful, points(0, 1'000),
                                       Stage::rcpt, "from so many on a client is greylisted");
  return table;
}

}  // namespace sallyport::proxy
