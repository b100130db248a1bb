// The configuration as it is written: one struct a section, each with its positions where a later check
// wants to point at them. Defaults stand here, and nowhere else.
//
// Only proxy/settings*.cpp know these; everybody else gets Settings.
#pragma once

#include <string>
#include <vector>

#include "base/config/table.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

using config::Located;
using config::Named;

struct DomainSection {
  Located<std::string> route;
};

// Who knows which recipients exist: "ask", "list", "any", {"ask": host} or {"list": file}.
struct RecipientSource {
  relay::RecipientCheck check = relay::RecipientCheck::ask;
  std::optional<relay::Host> ask;
  std::string list;
};

struct RouteCredentials {
  std::string user;
  std::string password;
  Located<std::string> password_file;
};

struct RouteSection : relay::Route {
  std::vector<Located<relay::Host>> next_hops;
  std::string tls_ca;
  std::vector<std::string> tls_pins;
  io::TlsVersion tls_minimum = io::TlsVersion::tls1_2;
  std::string tls_certificate;
  std::string tls_key;
  std::optional<Located<RouteCredentials>> auth;
  Located<RecipientSource> recipient_source;
};

struct OutboundSection {
  Located<std::string> route;
};

struct ListenerSection : ListenerSettings {
  std::vector<Located<Endpoint>> binds;
};

struct TlsSection {
  std::string certificate;
  std::string key;
  std::vector<io::CertificateFiles> certificates;
  io::TlsVersion minimum = io::TlsVersion::tls1_2;
  Located<std::string> client_ca;
  std::vector<std::string> client_fingerprints;
  Located<std::vector<std::string>> client_names;
};

struct StateSection {
  std::string sqlite = "/var/lib/sallyport/state.db";
};

struct EventsSection {
  std::optional<std::string> directory;  // not written: beside the state
  Duration keep = store::EventStoreSettings{}.keep;
  std::uint64_t max_size = store::EventStoreSettings{}.max_size;
  bool record_all = false;
};

// Whether a list has addresses or names of one family, and by which entries that is tested.
struct FamilyChoice {
  bool has = true;
  std::optional<dns::TestPoints> points;
};

struct ListSection : policy::ListSettings {
  Located<std::vector<Named<policy::CodeRange>>> ranges;  // each under its spelling
  std::optional<FamilyChoice> ipv4, ipv6, domain;         // not written: by what `of` asks it of
  std::optional<Duration> own_timeout;                    // not written: that of its kind

  bool is_asked_of(mail::Listed subject) const;
  bool is_asked_of_names() const;
};

struct ListsSection {
  Mode mode = Mode::enforce;
  std::vector<Named<ListSection>> zones;
  Duration timeout = std::chrono::seconds(2);
  Duration good_timeout = std::chrono::milliseconds(500);
};

enum class EarlyTalkerMode { enforce, score, observe, off };

struct EarlyTalkerSection {
  EarlyTalkerMode mode = EarlyTalkerMode::score;
  policy::Outcome outcome =
      policy::shipped_checks().outcome(mail::Check::early_talker, mail::Finding::early_talked);
  Duration wait = std::chrono::seconds(2);
};

// The modes and outcomes of the checks stand where the judgement has them.
struct ChecksSection : policy::CheckSettings {
  ChecksSection() : CheckSettings(policy::shipped_checks()) {}
  EarlyTalkerSection early_talker;
  ListsSection dnsbl;
  Located<std::string> generic_names;
  Mode malformed_header = Mode::enforce;
};

struct ThresholdsSection {
  int reject = policy::shipped_checks().reject_at;
  int doubtful = policy::shipped_checks().doubtful_at;
};

// Of one list, where it differs from the other.
struct BarringListSection {
  Located<std::string> file;
  std::optional<Mode> mode;
  std::optional<std::string> reply;
  std::optional<bool> reply_id;
  std::optional<policy::Star> star;
};

struct BarringSection {
  Mode mode = Mode::enforce;
  std::string reply = "Address barred";
  bool reply_id = true;
  policy::Star star = policy::Star::one_or_more;
  BarringListSection senders;
  BarringListSection recipients;
};

struct SenderListsSection {
  Located<std::string> allow;
  Located<std::string> block;
  Mode allow_mode = Mode::enforce;
  Mode block_mode = Mode::enforce;
  std::string block_reply = policy::SenderLists().block_reply;
  bool block_reply_id = true;
  policy::CorrespondentSettings correspondents;
};

// What rulesets may change: the root of their changes (config::Change).
struct PolicySections {
  Limits limits;
  ChecksSection checks;
  ThresholdsSection thresholds;
  BarringSection barring;
  SenderListsSection lists;
};

struct Written : PolicySections {
  std::string schema;
  Located<std::string> hostname;
  Located<std::vector<Named<DomainSection>>> domains;
  std::vector<Named<RouteSection>> routes;
  OutboundSection outbound;
  std::vector<Located<Network>> trusted_networks;
  std::vector<Located<Network>> upstream;
  std::vector<Located<Network>> lenient_networks;
  Located<std::string> role_mailbox;
  std::vector<std::string> role_names = {"postmaster", "abuse"};
  Located<std::vector<Named<ListenerSection>>> listeners;
  Located<TlsSection> tls;
  StateSection state;
  EventsSection events;
  std::string temp_directory = "/var/lib/sallyport/tmp";
  Located<std::string> users;
  int workers = 0;
  Timeouts timeouts;
  DnsSettings dns;
};

const config::Table<Written>& written_table();
const config::Table<PolicySections>& policy_sections_table();
const config::Table<RouteSection>& route_table();
const config::Table<DnsSettings>& dns_table();
const config::Table<ChecksSection>& checks_table();
const config::Table<EventsSection>& events_table();
const config::Table<ThresholdsSection>& thresholds_table();
const config::Table<SenderListsSection>& sender_lists_table();
config::Type<policy::GreylistSettings> greylist_settings();
const config::Table<policy::RateSettings>& rate_table();
const config::Table<policy::PenaltySettings>& penalty_table();

}  // namespace sallyport::proxy
