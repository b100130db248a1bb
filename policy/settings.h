// What the judgement needs to know of the configuration: plain values, immutable once loaded, shared by
// all cores. proxy/settings.cpp fills them from conf.d; tests fill them by hand.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ip_address.h"
#include "base/mail/address.h"
#include "policy/checks.h"
#include "policy/generic_names.h"
#include "policy/sender_lists.h"
#include "policy/wildcard_list.h"

namespace sallyport::policy {

// Copies share: settings that only differ in what rulesets say hold the networks once.
class Networks {
 public:
  Networks() = default;
  Networks(std::vector<Network> networks)
      : networks_(std::make_shared<const std::vector<Network>>(std::move(networks))) {}
  const Network* begin() const { return networks_->data(); }
  const Network* end() const { return begin() + size(); }
  std::size_t size() const { return networks_->size(); }
  bool empty() const { return networks_->empty(); }

 private:
  std::shared_ptr<const std::vector<Network>> networks_ = std::make_shared<const std::vector<Network>>();
};

// Our domains. Exact names beat wildcards; of two wildcards the longer one counts. Copies share.
class Domains {
 public:
  // `name`: "example.com" or "*.example.com" (any depth below, not example.com itself), A-labels.
  void add(const std::string& name, const std::string& route);
  // The route of a domain in comparing form, or nullptr: not ours.
  const std::string* find(std::string_view domain_ascii) const;
  using Names = std::map<std::string, std::string, std::less<>>;
  const Names& exact() const { return names_->exact; }
  const Names& below() const { return names_->below; }
  bool empty() const { return exact().empty() && below().empty(); }

 private:
  struct Both {
    Names exact;
    Names below;  // "example.com" for "*.example.com"
  };
  std::shared_ptr<Both> names_ = std::make_shared<Both>();
};

// A list, and what becomes of whom it bars.
struct BarringList {
  WildcardList list;
  Mode mode = Mode::enforce;
  Star star = Star::one_or_more;
  std::string reply = "Address barred";
  bool reply_id = true;

  std::optional<int> bars(std::string_view address) const { return list.bars(address, star); }
  std::optional<int> bars(const mail::Path& path) const;
};

struct Barring {
  BarringList senders;
  BarringList recipients;
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
  Networks trusted_networks;
  Networks upstream;
  ClientCertificates client_certificates;
  std::vector<std::string> role_names = {"postmaster", "abuse"};
  std::string role_mailbox;  // "" = none
  Barring barring;
  SenderLists sender_lists;
  CheckSettings checks;
  GenericNames generic_names;
  int max_received = 50;
  int max_received_by_us = 3;
  // Of each route: what separates user and detail in its domains; "" = nothing.
  std::map<std::string, std::string, std::less<>> subaddress_separators;
};

}  // namespace sallyport::policy
