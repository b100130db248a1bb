// From what is written to what is used: each part composes its share of Settings and reports, with their
// positions, the faults that no single value shows.
//
// A value that could not be read has been reported already and stands at its default; nothing here
// complains of it again.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/parsed_lists.h"
#include "proxy/settings_written.h"

namespace sallyport::proxy {

struct Loading {
  const config::Node& document;  // what `written` was read from
  const Written& written;
  const std::vector<config::Ruleset>& rulesets;
  const LoadOptions& options;
  const std::string& directory;
  const std::string& hostname;
  config::Diagnostics& diagnostics;
  std::vector<ListFile>& list_files;  // those that have been read
  ParsedLists& lists;                 // what was made of them
  // Of which only the lists are read again; null: everything is read, and as it is.
  const Settings* before = nullptr;

  config::Position whole() const { return {directory, 0, 0}; }  // for what is nowhere written
};

std::string compose_hostname(const Written& written, const LoadOptions& options,
                             const config::Position& whole, config::Diagnostics& diagnostics);
// What is the same for everybody; compose_treatment() adds the rest.
std::shared_ptr<const policy::Settings> compose_site(const Loading& loading);
policy::CheckSettings compose_checks(const PolicySections& sections);
policy::Rules compose_rules(const Loading& loading, const policy::Domains& domains);
std::vector<dns::WatchedList> compose_watched_lists(const Loading& loading);
std::map<std::string, std::shared_ptr<const relay::Route>> compose_routes(const Loading& loading);
std::shared_ptr<const io::ServerTls> compose_tls(const Loading& loading);
std::vector<ListenerSettings> compose_listeners(const Loading& loading);

// A domain of ours as it is compared, "*." kept; "" if it is none, which is then reported.
std::string canonical_domain(const Named<DomainSection>& domain, config::Diagnostics& diagnostics);

void check_lists(const Loading& loading);  // DNS lists
void check_greylist_rules(const Loading& loading);
// Values that are possible, and do little or what nobody means: for `check`.
void lint_values(const Loading& loading);
// From now on no line that is shown has the zone of a secret list.
void conceal_secret_lists(const config::Node& document, config::Diagnostics& diagnostics);

// Where one section speaks of another.
void check_networks(const Loading& loading);
void check_next_hops(const Loading& loading);    // none may be a listener of ours
void check_route_names(const Loading& loading);  // known, and used

// Files that the configuration names; {} and an error if they cannot be read. Those of lists are noted in
// `list_files`.
std::optional<std::string> read_list_file(const std::string& file, const config::Position& blame,
                                          const Loading& loading);
// Each into `lists`, as many as the sections name in whatever rule.
void read_barring_lists(const Loading& loading);
void read_generic_names(const Loading& loading);
void read_sender_lists(const Loading& loading);
std::shared_ptr<const std::vector<std::string>> read_recipient_list(const std::string& file,
                                                                    const config::Position& blame,
                                                                    const Loading& loading);
// Lines of them that bar role addresses, which nothing bars: for `check`.
void lint_barred_roles(const Loading& loading);
void check_users_file(const Located<std::string>& file, const Loading& loading);
// Who can log in; nullopt: that is not known.
std::optional<std::vector<std::string>> read_user_names(const Loading& loading);
std::string read_password(const Located<std::string>& file, const Loading& loading);

}  // namespace sallyport::proxy
