// Everybody's settings, composed from conf.d: one immutable snapshot. A session keeps its own, but for
// lists that change: those it takes with its next mail.
//
// load() reads every *.json file of a directory in name order. Errors come all at once (one syntax
// error a file), each with file, line, column, the line itself with a caret, and a hint. schema.json is
// passed over: it describes the configuration. File names are relative to the file that names them.
//
// Plain functions without state, for any thread; they read files and so may block.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/config/diagnostic.h"
#include "base/config/node.h"
#include "base/file_version.h"
#include "base/io/tls.h"
#include "base/ip_address.h"
#include "base/store/event_store.h"
#include "dns/budgeted_resolver.h"
#include "dns/list_watch.h"
#include "dns/live_resolver.h"
#include "policy/penalty.h"
#include "policy/rates.h"
#include "policy/rules.h"
#include "policy/settings.h"
#include "proxy/relay/route.h"

namespace sallyport::proxy {

enum class ListenerTls { none, starttls, implicit };
using policy::Mode;

struct ListenerSettings {
  std::string name;
  std::vector<Endpoint> bind;
  ListenerTls tls = ListenerTls::starttls;
  bool tls_required = false;
  bool auth_required = false;
  std::vector<Network> proxy_protocol;  // front ends whose PROXY header is believed, and required
};

struct Limits {
  std::uint64_t message_size = 50'000'000;
  std::uint64_t header_size = 256 * 1024;
  std::uint64_t line_length = 1 << 20;
  std::size_t command_line = 2048;
  std::size_t recipients = 1000;
  int errors = 20;
  int junk_commands = 100;
  int sessions = 10'000;
  int sessions_per_address = 50;   // an IPv6 client's address is its /64
  int sessions_per_network = 200;  // /24, /48
  int connects_per_network = 0;    // new connections a minute from a /24 or /48; 0 = no limit
  int harvest = 10;                // recipients asked, of which more than half do not exist; 0 = never
  int received = 50;               // Received fields: more of them is mail that goes in circles
  int received_by_us = 3;          // of them our own
  policy::RateSettings rate;
  policy::PenaltySettings penalty;
};

struct Timeouts {
  Duration command = std::chrono::minutes(5);
  Duration tls_handshake = std::chrono::seconds(30);
  Duration data = std::chrono::minutes(5);  // plus octets / data_rate
  std::uint64_t data_rate = 500;            // octets a second
  Duration data_total = std::chrono::minutes(60);
  Duration session = std::chrono::hours(2);
  Duration proxy_header = std::chrono::seconds(5);
  Duration write = std::chrono::minutes(1);    // a client that does not read
  Duration relay = std::chrono::seconds(120);  // from the client's final dot to ours
  Duration drain = std::chrono::seconds(30);   // SIGTERM
};

struct DnsSettings {
  dns::LiveSettings live;
  dns::Budget budget;  // of one session
};

// Clients that talk before they are greeted; what else follows is in policy::CheckSettings.
struct EarlyTalkers {
  Duration wait = std::chrono::seconds(2);  // before the greeting, of strangers
  bool turned_away = false;                 // with 554, at once
};

// The furthest that any rule goes, for what is needed before it is known which rules hold.
struct Reach {
  std::shared_ptr<const policy::CheckSettings> acting, checks;  // of rules that act; of all. null: no rules
  std::uint64_t message_size = 0;                               // of rules that act
  std::size_t recipients = 0;                                   // likewise
};

// What rulesets may change: the values of one recipient, or (what is read at connect) of one connection.
struct Treatment {
  std::shared_ptr<const policy::Settings> policy;
  Limits limits;
  EarlyTalkers early_talkers;
  Mode malformed_header = Mode::enforce;
  std::vector<policy::MatchedRule> matched = {};  // the rules that made it so
};

class Treatments;
struct ParsedLists;
struct FactScope {};

// A list that the configuration names, its version just before it was read, and what was there.
struct ListFile {
  std::string path;
  FileVersion version;
  bool has_entries = false;
  bool operator==(const ListFile&) const = default;
};

// As a Treatment: that of whoever no rule holds for.
struct Settings : Treatment {
  std::string directory;                            // conf.d
  std::shared_ptr<const config::Node> document;     // what was read there
  std::vector<ListFile> list_files;                 // of recipients, senders, patterns, conditions
  std::shared_ptr<const ParsedLists> parsed_lists;  // what was made of them
  // What is found out about a client holds under all settings that share it: of one configuration, whose
  // lists may have changed, but for generic names.
  std::shared_ptr<const FactScope> fact_scope = std::make_shared<const FactScope>();
  policy::Rules rules;
  std::map<std::string, std::shared_ptr<const relay::Route>> routes;
  std::vector<ListenerSettings> listeners;
  std::vector<Network> lenient_networks;     // hand-typed commands, bare line ends normalised
  std::shared_ptr<const io::ServerTls> tls;  // nullptr: no certificate configured
  std::shared_ptr<const Treatments> treatments;
  Reach reach;
  Timeouts timeouts;
  DnsSettings dns;
  // What is asked of the lists; what their answers count is CheckSettings::lists. Both are
  // checks.dnsbl.zones in its order, which no rule changes, and FactKey::list is the place in it.
  std::vector<dns::WatchedList> lists;
  std::string state_file;            // "" = memory only
  store::EventStoreSettings events;  // directory "" = they are not kept
  bool record_all = false;           // what no decision needs is asked all the same, for the record
  std::string temp_directory;        // for messages over 1 MiB
  std::string users_file;            // name:crypt(3) hash; "" = nobody can authenticate
  int workers = 0;                   // 0: one a core

  // Of those whom that profile stands for; not to outlive these settings.
  std::shared_ptr<const Treatment> treatment(const policy::Profile& profile) const;
  // The checks with the furthest modes that any rule gives: what is looked up before a recipient is known.
  // Acting: without the rules that only observe.
  const policy::CheckSettings& asked(policy::View view = policy::View::would_be) const {
    const auto& checks = view == policy::View::acting ? reach.acting : reach.checks;
    return checks ? *checks : policy->checks;
  }
  std::uint64_t most_octets() const { return std::max(limits.message_size, reach.message_size); }
  std::size_t most_recipients() const { return std::max(limits.recipients, reach.recipients); }

  const relay::Route* route(const std::string& name) const;
  std::vector<std::shared_ptr<const relay::Route>> all_routes() const;
};

struct LoadOptions {
  // Built-in changes laid over the files as a last one, as JSON text: the demo's ports and routes.
  std::string overlay = {};
  bool open_files = true;            // certificates, lists; false for `config show`
  bool lint = false;                 // tell of what does nothing, in lists and rules: for `check`
  std::string system_hostname = {};  // stands in for the system's own name; "" = ask the system
};

// nullptr with at least one error in `diagnostics`, or settings with perhaps some warnings.
std::shared_ptr<const Settings> load(const std::string& directory, const LoadOptions& options,
                                     config::Diagnostics& diagnostics);

// The same configuration, of which only those list files are read again that have changed. One that may
// still be being written is an error: nobody said that it is done. nullptr with errors, as load().
std::shared_ptr<const Settings> load_lists(const Settings& before, config::Diagnostics& diagnostics);

// `sallyport config show`: the whole configuration as JSON with comments; `changed` leaves out what is at
// its default. "" with errors in `diagnostics`. Passwords are never shown.
std::string show(const std::string& directory, bool changed, config::Diagnostics& diagnostics,
                 config::Comments comments = config::Comments::origin);
// `sallyport config schema`: JSON Schema of it, as in conf.d/schema.json.
std::string schema();
// `sallyport config reference`: every key, as Markdown; docs/configuration.md is this text.
std::string reference();

}  // namespace sallyport::proxy
