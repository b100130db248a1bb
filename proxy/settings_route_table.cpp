// The field table of a route.
#include "proxy/settings_types.h"

namespace sallyport::proxy {
namespace {

using config::choice;
using config::file_name;
using config::integer;
using config::list_of;
using config::located;
using config::Stage;
using config::Table;
using config::text;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

config::Type<milliseconds> wait(milliseconds low, milliseconds high) {
  return config::duration<milliseconds>(low, high);
}

const Table<RouteCredentials>& credentials_table() {
  constexpr std::size_t max_user = 255;
  static const auto table =
      Table<RouteCredentials>("AUTH towards the next hop, under TLS only.")
          .required("user", &RouteCredentials::user, text(max_user, "a user name"), Stage::data,
                    "user name")
          .field("password", &RouteCredentials::password, config::secret(), Stage::data,
                 "password, where a file of its own is too much")
          .field("password_file", &RouteCredentials::password_file, located(file_name()), Stage::data,
                 "file whose first line is the password");
  return table;
}

const Table<RouteSection>& route_timeouts_table() {
  static const auto table =
      Table<RouteSection>("How long is waited for the next hop.")
          .field("connect", &RouteSection::connect_timeout, wait(seconds(1), minutes(2)), Stage::rcpt,
                 "for a connection")
          .field("greeting", &RouteSection::greeting_timeout, wait(seconds(1), minutes(5)), Stage::rcpt,
                 "for its greeting")
          .field("command", &RouteSection::command_timeout, wait(seconds(1), minutes(5)), Stage::rcpt,
                 "for the reply to a command")
          .field("data", &RouteSection::data_timeout, wait(seconds(1), minutes(9)), Stage::data,
                 "for the reply to the final dot; giving up early makes duplicates")
          .field("idle", &RouteSection::idle_timeout, wait(seconds(1), minutes(5)), Stage::data,
                 "until an unused connection is closed");
  return table;
}

Table<RouteSection> transport_part() {
  return Table<RouteSection>("A way to an internal server or a smart host.")
      .required("hosts", &RouteSection::next_hops, list_of(located(next_hop()), config::Empty::refused),
                Stage::rcpt,
                "next hops, tried in order: `host`, `host:port`, `lmtp://host`, `smtps://host`; ports 25, "
                "24 and 465 "
                "where none is written")
      .field("tls", &RouteSection::tls,
             choice<relay::TlsPolicy>({{"never", relay::TlsPolicy::never},
                                       {"opportunistic", relay::TlsPolicy::opportunistic},
                                       {"required", relay::TlsPolicy::required},
                                       {"verified", relay::TlsPolicy::verified}}),
             Stage::rcpt,
             "`opportunistic` goes on in clear if TLS fails, `required` never does, `verified` demands a "
             "certificate of "
             "a trusted CA that carries the host's name")
      .field(
          "tls_ca", &RouteSection::tls_ca, file_name(), Stage::rcpt,
          "with `verified`: PEM file of the CA that must have signed, instead of the system's trust store")
      .field("tls_pins", &RouteSection::tls_pins, list_of(fingerprint()), Stage::rcpt,
             "with `verified`: SHA-256 fingerprints of the certificates that are good, whoever signed them")
      .field("tls_minimum", &RouteSection::tls_minimum, tls_version(), Stage::rcpt,
             "oldest version of TLS that is spoken")
      .field("tls_certificate", &RouteSection::tls_certificate, file_name(), Stage::rcpt,
             "PEM file of a certificate that we show to the next hop")
      .field("tls_key", &RouteSection::tls_key, file_name(), Stage::rcpt, "PEM file of its private key")
      .field("auth", &RouteSection::auth, config::optional(located(config::section(credentials_table()))),
             Stage::data, "AUTH towards the next hop");
}

}  // namespace

const Table<RouteSection>& route_table() {
  static const auto table =
      transport_part()
          .field("recipients", &RouteSection::recipient_source, located(recipient_source()), Stage::rcpt,
                 "who knows which recipients exist: the next hop at RCPT, another server, a file (one "
                 "address a line, "
                 "`#` begins a comment), or nobody; mail through `outbound` is taken for anybody")
          .field("subaddress_separator", &RouteSection::subaddress_separator, subaddress_separator(),
                 Stage::rcpt, "with a list: `user+detail` is `user`")
          .field("max_connections", &RouteSection::max_connections, integer<int>(1, 10'000), Stage::data,
                 "connections to each host")
          .field("max_asking", &RouteSection::max_asking, integer<int>(1, 1'000), Stage::rcpt,
                 "recipients asked at once, for each client")
          .field("source", &RouteSection::source, config::ip_address(), Stage::rcpt,
                 "our address on connections; `::` lets the system choose")
          .field("helo", &RouteSection::helo, helo_name(), Stage::rcpt,
                 "our name towards the next hop, if not `hostname`")
          .field("eight_bit", &RouteSection::eight_bit, choice<bool>({{"pass", true}, {"refuse", false}}),
                 Stage::data,
                 "8-bit content: passed on unchanged, or refused for a next hop that cannot take it")
          .field("message_size", &RouteSection::message_size,
                 config::optional(config::size(64'000, 10'000'000'000)), Stage::rcpt,
                 "largest message, if smaller than `limits.message_size`")
          .group("timeouts", route_timeouts_table(), Stage::rcpt, "how long is waited");
  return table;
}

}  // namespace sallyport::proxy
