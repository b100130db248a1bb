// What the judgement needs to know of the configuration: plain values, immutable once loaded, shared by
// all cores. proxy/settings.cpp fills them from conf.d; tests fill them by hand.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "policy/checks.h"
#include "policy/generic_names.h"
#include "policy/wildcard_list.h"

namespace sallyport::policy {

// Our domains. Exact names beat wildcards; of two wildcards the longer one counts.
class Domains {
 public:
  // `name`: "example.com" or "*.example.com" (any depth below, not example.com itself), A-labels.
  void add(const std::string& name, const std::string& route);
  // The route of a domain in comparing form, or nullptr: not ours.
  const std::string* find(std::string_view domain_ascii) const;
  const std::map<std::string, std::string, std::less<>>& exact() const { return exact_; }
  const std::map<std::string, std::string, std::less<>>& below() const { return below_; }
  bool empty() const { return exact_.empty() && below_.empty(); }

 private:
  std::map<std::string, std::string, std::less<>> exact_;
  std::map<std::string, std::string, std::less<>> below_;  // "example.com" for "*.example.com"
};

struct Barring {
  WildcardList senders;
  WildcardList recipients;
  std::string reply = "Address barred";
  bool reply_id = true;
};

// A client certificate that carries the right to relay: by fingerprint, or by a name that the private
// CA named in tls.client_ca vouches for.
struct ClientCertificates {
  std::vector<std::string> fingerprints;  // SHA-256, lower-case hex
  std::vector<std::string> names;
};

struct Settings {
  std::string hostname;
  Domains domains;
  std::optional<std::string> outbound_route;
  std::vector<Network> trusted_networks;
  std::vector<Network> upstream;
  ClientCertificates client_certificates;
  std::vector<std::string> role_names = {"postmaster", "abuse"};
  std::string role_mailbox;  // "" = none
  Barring barring;
  CheckSettings checks;
  GenericNames generic_names;
  int max_received = 50;
  int max_received_by_us = 3;
};

}  // namespace sallyport::policy
