// The field tables: every key of the configuration but those of a route, once.
#include "proxy/settings_check_types.h"
#include "proxy/settings_types.h"

namespace sallyport::proxy {
namespace {

using config::boolean;
using config::choice;
using config::endpoint;
using config::file_name;
using config::integer;
using config::list_of;
using config::located;
using config::map_of;
using config::network;
using config::optional;
using config::section;
using config::size;
using config::Stage;
using config::Table;
using config::text;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t max_message = 10'000'000'000;
constexpr int max_name = 255;

config::Type<Duration> wait(Duration low, Duration high) { return config::duration<Duration>(low, high); }

const Table<DomainSection>& domain_table() {
  static const auto table =
      Table<DomainSection>(
          "One entry for each domain whose mail is ours: `\"example.com\"`, or `\"*.example.com\"` for "
          "everything below "
          "it. Exact names beat wildcards, longer wildcards beat shorter ones.")
          .required("route", &DomainSection::route, located(text(max_name, "the name of a route")),
                    Stage::rcpt, "the route that its mail takes");
  return table;
}

const Table<OutboundSection>& outbound_table() {
  static const auto table =
      Table<OutboundSection>(
          "Mail for domains that are not ours, from clients with the right to relay: trusted networks, "
          "AUTH, client "
          "certificates.")
          .field("route", &OutboundSection::route, located(text(max_name, "the name of a route")),
                 Stage::rcpt, "the route that such mail takes; without one nobody relays");
  return table;
}

const Table<ListenerSection>& listener_table() {
  static const auto table =
      Table<ListenerSection>("Where clients connect. The names are for logs.")
          .required("bind", &ListenerSection::binds, list_of(located(endpoint()), config::Empty::refused),
                    Stage::connect, "addresses and ports; `[::]` takes IPv4 too")
          .field("tls", &ListenerSection::tls,
                 choice<ListenerTls>({{"none", ListenerTls::none},
                                      {"starttls", ListenerTls::starttls},
                                      {"implicit", ListenerTls::implicit}}),
                 Stage::connect, "TLS not at all, by STARTTLS, or from the first byte")
          .field("tls_required", &ListenerSection::tls_required, boolean(), Stage::mail,
                 "no mail in clear; not for port 25, where some senders know no TLS")
          .field("auth", &ListenerSection::auth_required,
                 choice<bool>({{"none", false}, {"required", true}}), Stage::mail,
                 "`required` on submission listeners: only users of the `users` file may send")
          .field("proxy_protocol", &ListenerSection::proxy_protocol, list_of(network()), Stage::connect,
                 "front ends whose PROXY header (v1, v2) is believed, and demanded");
  return table;
}

const Table<io::CertificateFiles>& certificate_table() {
  static const auto table = Table<io::CertificateFiles>(
                                "One more certificate; clients get the one whose name they ask for (SNI).")
                                .required("certificate", &io::CertificateFiles::certificate, file_name(),
                                          Stage::connect, "PEM file, the certificate first, then its chain")
                                .required("key", &io::CertificateFiles::key, file_name(), Stage::connect,
                                          "PEM file of its private key");
  return table;
}

const Table<TlsSection>& tls_table() {
  static const auto table =
      Table<TlsSection>("Our certificates, and the client certificates that carry the right to relay.")
          .field("certificate", &TlsSection::certificate, file_name(), Stage::connect,
                 "PEM file, the certificate first, then its chain")
          .field("key", &TlsSection::key, file_name(), Stage::connect, "PEM file of its private key")
          .field("certificates", &TlsSection::certificates, list_of(section(certificate_table())),
                 Stage::connect, "further certificates, chosen by the name that the client asks for")
          .field("minimum", &TlsSection::minimum, tls_version(), Stage::connect,
                 "oldest version of TLS that is spoken")
          .field("client_ca", &TlsSection::client_ca, located(file_name()), Stage::connect,
                 "PEM file of a private CA for client certificates; the system's trust store is refused")
          .field("client_fingerprints", &TlsSection::client_fingerprints, list_of(fingerprint()),
                 Stage::rcpt, "SHA-256 fingerprints of client certificates that may relay")
          .field("client_names", &TlsSection::client_names, located(list_of(host_name())), Stage::rcpt,
                 "names in certificates of `client_ca` that may relay");
  return table;
}

const Table<StateSection>& state_table() {
  static const auto table =
      Table<StateSection>(
          "What is remembered across restarts: recipients that were asked, copies already delivered.")
          .field("sqlite", &StateSection::sqlite, file_name(), Stage::start,
                 "SQLite file; `\"\"` keeps the state in memory only");
  return table;
}

const Table<Limits>& limits_table() {
  static const auto table =
      Table<Limits>("How much of everything. Over a limit the answer is 421, 452 or 552, never silence.")
          .ruled()
          .field("message_size", &Limits::message_size, size(1'000, max_message), Stage::rcpt,
                 "a whole message; the most that any rule gives is offered as SIZE, and of several "
                 "recipients the least counts")
          .field("header_size", &Limits::header_size, size(16'000, 16 << 20), Stage::data,
                 "the header block of a message; of several recipients the least counts, here and below")
          .field("line_length", &Limits::line_length, size(1'000, 64 << 20), Stage::connect,
                 "a line of a message; lines are never re-wrapped")
          .field("command_line", &Limits::command_line, integer<std::size_t>(512, 65'536), Stage::connect,
                 "octets of a command line, its CRLF included")
          .field("recipients", &Limits::recipients, integer<std::size_t>(100, 100'000), Stage::rcpt,
                 "accepted recipients of one message")
          .field("errors", &Limits::errors, integer<int>(1, 1'000), Stage::connect,
                 "refused commands of one session")
          .field("junk_commands", &Limits::junk_commands, integer<int>(1, 10'000), Stage::connect,
                 "commands that do nothing (NOOP, RSET, VRFY ...) between two messages")
          .field("sessions", &Limits::sessions, integer<int>(1, 1'000'000), Stage::connect,
                 "sessions at once, in all: a client is turned away where there are so many")
          .field("sessions_per_address", &Limits::sessions_per_address, integer<int>(1, 1'000'000),
                 Stage::connect, "sessions at once from one address; of IPv6, from one /64")
          .field("sessions_per_network", &Limits::sessions_per_network, integer<int>(1, 1'000'000),
                 Stage::connect, "sessions at once from one /24; of IPv6, from one /48")
          .field("harvest", &Limits::harvest, unlimited_at_zero(integer<int>(0, 1'000'000)), Stage::rcpt,
                 "a stranger who has asked for more recipients than this in a session, most of whom do not "
                 "exist, is sent away; 0 is never")
          .field("connects_per_network", &Limits::connects_per_network,
                 unlimited_at_zero(integer<int>(0, 1'000'000)), Stage::connect,
                 "new connections a minute from one /24 or /48; 0 is no limit")
          .field("received", &Limits::received, integer<int>(10, 1'000), Stage::data,
                 "Received lines in a message; more of them is mail that goes in circles")
          .field("received_by_us", &Limits::received_by_us, integer<int>(1, 100), Stage::data,
                 "Received lines of our own; a list post passes twice, a loop more often")
          .field("rate", &Limits::rate, section(rate_table()), Stage::connect, "how much in some time")
          .field("penalty", &Limits::penalty, section(penalty_table()), Stage::rcpt,
                 "what is held against strangers that do wrong");
  return table;
}

const Table<Timeouts>& timeouts_table() {
  static const auto table =
      Table<Timeouts>("How long is waited for a client, and for how long at most.")
          .field("command", &Timeouts::command, wait(seconds(1), hours(1)), Stage::connect,
                 "for the next command")
          .field("tls_handshake", &Timeouts::tls_handshake, wait(seconds(1), minutes(10)), Stage::connect,
                 "for a TLS handshake")
          .field("data", &Timeouts::data, wait(seconds(1), hours(1)), Stage::data,
                 "for a message, plus the time that its octets need at `data_rate`")
          .field("data_rate", &Timeouts::data_rate, size(1, 1'000'000'000), Stage::data,
                 "octets a second that a client must manage")
          .field("data_total", &Timeouts::data_total, wait(seconds(1), hours(24)), Stage::data,
                 "for a message, whatever its size")
          .field("session", &Timeouts::session, wait(seconds(1), hours(24)), Stage::connect,
                 "for a session as a whole")
          .field("proxy_header", &Timeouts::proxy_header, wait(seconds(1), minutes(1)), Stage::connect,
                 "for the PROXY header of a front end")
          .field("write", &Timeouts::write, wait(seconds(1), minutes(10)), Stage::connect,
                 "for a client that does not read its replies")
          .field("relay", &Timeouts::relay, wait(seconds(1), minutes(9)), Stage::data,
                 "from the client's final dot to ours; senders give up after 10 minutes (RFC 5321)")
          .field("drain", &Timeouts::drain, wait(seconds(1), minutes(10)), Stage::connect,
                 "for running sessions after SIGTERM");
  return table;
}

config::Type<policy::Star> star() {
  return choice<policy::Star>(
      {{"one_or_more", policy::Star::one_or_more}, {"zero_or_more", policy::Star::zero_or_more}});
}

// The file of one list, and what it has otherwise than the other.
template <BarringListSection BarringSection::* list>
Table<BarringSection> with_barring_list(Table<BarringSection> table, const std::string& name) {
  const auto of = [](auto member) {
    return [member](auto& section) -> auto& { return section.*list.*member; };
  };
  return std::move(table)
      .field_at(name, of(&BarringListSection::file), located(list_file()), Stage::rcpt,
                "list of barred " + name + "; \"\" is none")
      .field_at(name + "_mode", of(&BarringListSection::mode), optional(mode()), Stage::rcpt,
                "`mode` of this list alone")
      .field_at(name + "_reply", of(&BarringListSection::reply), optional(never_stricter(reply_text())),
                Stage::rcpt, "its `reply`")
      .field_at(name + "_reply_id", of(&BarringListSection::reply_id), optional(never_stricter(boolean())),
                Stage::rcpt, "its `reply_id`")
      .field_at(name + "_star", of(&BarringListSection::star), optional(star()), Stage::rcpt, "its `star`");
}

const Table<BarringSection>& barring_table() {
  static const auto table = with_barring_list<&BarringSection::recipients>(
      with_barring_list<&BarringSection::senders>(
          Table<BarringSection>(
              "Addresses that are refused, whoever sends. The files are Type 2 wildcard "
              "lists: one pattern a "
              "line, the whole address, case ignored, the last match decides; `~` in "
              "front clears instead of "
              "barring; `*` one or more characters (or as `star` says), `?` one, `$` a "
              "letter, `%` a digit, "
              "`\\` takes the next character as it is; a line that begins with `#` is a comment.")
              .ruled()
              .field("mode", &BarringSection::mode, mode(), Stage::rcpt,
                     "`enforce`, `observe` (recorded, nobody is refused) or `off`, of both lists")
              .field("reply", &BarringSection::reply, never_stricter(reply_text()), Stage::rcpt,
                     "what the sender is told, word for word")
              .field("reply_id", &BarringSection::reply_id, never_stricter(boolean()), Stage::rcpt,
                     "whether `; id X` follows that text")
              .field("star", &BarringSection::star, star(), Stage::rcpt,
                     "how many characters `*` stands for"),
          "senders"),
      "recipients");
  return table;
}

Table<Written> sites_part() {
  return Table<Written>("The top level.")
      .field("$schema", &Written::schema, text(4096), Stage::start, "for editors only: `\"schema.json\"`")
      .field("hostname", &Written::hostname, located(host_name()), Stage::connect,
             "our name: in the greeting, in EHLO to next hops, in Received; the default is the system's "
             "name if it is "
             "fully qualified")
      .field("domains", &Written::domains, located(map_of(section(domain_table()))), Stage::rcpt,
             "the domains whose mail is ours")
      .field("routes", &Written::routes, map_of(section(route_table())), Stage::rcpt,
             "the ways to internal servers and smart hosts")
      .field("outbound", &Written::outbound, section(outbound_table()), Stage::rcpt,
             "the way of mail to everybody else")
      .field("trusted_networks", &Written::trusted_networks, list_of(located(network())), Stage::connect,
             "clients that may relay through `outbound`: the internal servers")
      .field("upstream", &Written::upstream, list_of(located(network())), Stage::connect,
             "our secondary MXs and forwarders: known, so spared session limits; no right to relay")
      .field("lenient_networks", &Written::lenient_networks, list_of(located(network())), Stage::connect,
             "clients with broken software: hand-typed commands and bare line ends are understood")
      .field("role_mailbox", &Written::role_mailbox, located(mailbox()), Stage::rcpt,
             "takes the mail to role addresses that the internal server does not know; required where "
             "there are domains")
      .field("role_names", &Written::role_names, role_names(), Stage::rcpt,
             "local parts that are accepted in every domain of ours; postmaster and abuse always are");
}

}  // namespace

const Table<PolicySections>& policy_sections_table() {
  static const auto table =
      Table<PolicySections>("What rulesets may change.")
          .field("limits", &PolicySections::limits, section(limits_table()), Stage::connect,
                 "how much of everything")
          .field("checks", &PolicySections::checks, section(checks_table()), Stage::connect,
                 "what is looked at before mail is taken")
          .field("thresholds", &PolicySections::thresholds, section(thresholds_table()), Stage::rcpt,
                 "what the points of all checks together come to")
          .field("barring", &PolicySections::barring, section(barring_table()), Stage::rcpt,
                 "addresses that are refused")
          .field("lists", &PolicySections::lists, section(sender_lists_table()), Stage::rcpt,
                 "senders that are let through, and senders that are refused");
  return table;
}

const Table<Written>& written_table() {
  static const auto table =
      sites_part()
          .field("listeners", &Written::listeners, located(map_of(section(listener_table()))),
                 Stage::connect, "where clients connect")
          .field("tls", &Written::tls, located(section(tls_table())), Stage::connect, "certificates")
          .field("users", &Written::users, located(file_name()), Stage::mail,
                 "file of users that may authenticate, `name:crypt(3) hash` a line; without it nobody can")
          .field("state", &Written::state, section(state_table()), Stage::start,
                 "what is remembered across restarts")
          .field("events", &Written::events, section(events_table()), Stage::start,
                 "what happened, kept for `sallyport explain`")
          .field("temp_directory", &Written::temp_directory, file_name(), Stage::data,
                 "holds messages over 1 MiB while they are handled; a disk, not memory")
          .field("workers", &Written::workers, integer<int>(0, 256), Stage::start,
                 "threads that serve sessions; 0 is one a core")
          .field("timeouts", &Written::timeouts, section(timeouts_table()), Stage::connect,
                 "how long is waited")
          .field("dns", &Written::dns, section(dns_table()), Stage::connect, "who is asked, and how long")
          .include(policy_sections_table());
  return table;
}

}  // namespace sallyport::proxy
