#include "policy/client_identity.h"

#include <libpsl.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/text.h"

namespace sallyport::policy {
namespace {

using Kind = ClientIdentity::Kind;
using mail::Check;
using mail::Finding;

constexpr int kIpv4Network = 96 + 24;  // within 128 bits
constexpr int kIpv6Network = 64;

// In comparing form: "" for what no identity can be.
std::string plain_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return to_lower(name);
}

// The newer one of the system's file and of that built into the library.
const psl_ctx_t* suffixes() {
  static const std::unique_ptr<psl_ctx_t, decltype(&psl_free)> list(psl_latest(nullptr), &psl_free);
  return list.get();
}

std::string passed_domain(const mail::Evidence& evidence) {
  for (const Check check : {Check::spf_mailfrom, Check::spf_helo}) {
    const mail::Fact* fact = evidence.find({check});
    if (fact && mail::vouches(*fact) && !fact->subject.empty()) return fact->subject;
  }
  return {};
}

std::string organisation(const mail::Evidence& evidence) {
  const mail::Fact* fact = evidence.find({Check::rdns});
  return fact && fact->finding == Finding::rdns_confirmed ? organisational_domain(fact->detail)
                                                          : std::string();
}

}  // namespace

std::string organisational_domain(std::string_view name) {
  const std::string plain = plain_name(name);
  const char* domain = suffixes() ? psl_registrable_domain(suffixes(), plain.c_str()) : nullptr;
  return domain ? domain : std::string();
}

// A name that the list does not know (lan, test) is none: it may be anybody's own.
PublicSuffix public_suffix_of(std::string_view name) {
  const std::string plain = plain_name(name);
  const auto is = [&](int type) {
    return suffixes() &&
           psl_is_public_suffix2(suffixes(), plain.c_str(), type | PSL_TYPE_NO_STAR_RULE) != 0;
  };
  if (is(PSL_TYPE_ICANN)) return PublicSuffix::registry;
  return is(PSL_TYPE_PRIVATE) ? PublicSuffix::customers : PublicSuffix::none;
}

ClientIdentity identify(const IpAddress& client) {
  const int prefix = client.is_v4() ? kIpv4Network : kIpv6Network;
  return {Kind::network, Network(client, prefix).to_string()};
}

ClientIdentity identify(const mail::Evidence& evidence) {
  if (auto domain = passed_domain(evidence); !domain.empty()) return {Kind::spf_domain, plain_name(domain)};
  if (auto domain = organisation(evidence); !domain.empty()) return {Kind::organisation, std::move(domain)};
  return identify(evidence.client);
}

ClientIdentity accountable(ClientIdentity identity) {
  if (identity.kind != Kind::spf_domain) return identity;
  if (auto owner = organisational_domain(identity.name); !owner.empty()) identity.name = std::move(owner);
  return identity;
}

ClientIdentities identities(const mail::Evidence& evidence) {
  ClientIdentity client = identify(evidence);
  ClientIdentity owner = accountable(client);
  return {std::move(client), std::move(owner), identity_waits_for(evidence).empty()};
}

std::vector<mail::FactKey> identity_waits_for(const mail::Evidence& evidence) {
  std::vector<mail::FactKey> pending;
  for (const Check check : {Check::spf_mailfrom, Check::spf_helo, Check::rdns})
    if (std::ranges::find(evidence.pending, mail::FactKey{check}) != evidence.pending.end())
      pending.push_back({check});
  return pending;
}

}  // namespace sallyport::policy
