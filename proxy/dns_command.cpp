#include "proxy/dns_command.h"

#include <fmt/format.h>
#include <sysexits.h>

#include "base/mail/address.h"
#include "base/text.h"
#include "dns/helo.h"
#include "dns/list.h"
#include "dns/reverse.h"
#include "dns/sender_domain.h"
#include "dns/spf.h"
#include "proxy/dns_report.h"
#include "proxy/evidence_event.h"
#include "proxy/facts.h"

namespace sallyport::proxy {
namespace {

constexpr const char* kName = "dns";
constexpr auto kPatience = std::chrono::seconds(20);

// -- what is asked ----------------------------------------------------------------------------------------

// A domain as people write it, umlauts too.
Taken<dns::Name> take_name(const char* option, const std::string& text) {
  mail::DomainName domain;
  const bool good = mail::parse_domain(text, domain) == mail::DomainFault::none;
  auto name = text.contains('@') ? std::nullopt : dns::Name::parse(good ? domain.ascii : text);
  if (name && !name->is_root() && !IpAddress::parse(text)) return *name;
  return usage_fault(fmt::format("{} wants a domain such as example.net, not \"{}\"{}", option,
                                 printable(text, 80),
                                 text.contains('@') ? ": write what stands behind the @" : ""));
}

// U-labels become A-labels (RFC 7208 4.3); what is no domain stays as it is, for the check to say so.
std::string with_ascii_domain(const std::string& sender) {
  const auto at = sender.rfind('@');
  mail::DomainName domain;
  if (at == std::string::npos ||
      mail::parse_domain(sender.substr(at + 1), domain) != mail::DomainFault::none)
    return sender;
  return sender.substr(0, at + 1) + domain.ascii;
}

bool has_domain(const std::string& sender) {
  const auto at = sender.rfind('@');
  return at != std::string::npos && at > 0 && at + 1 < sender.size();
}

dns::Asking patiently() { return {std::chrono::steady_clock::now() + kPatience, false}; }

// -- the checks -------------------------------------------------------------------------------------------

Taken<DnsReport> spf(Asker& asker, const DnsOptions& options) {
  const auto client = take_address(options.ip);
  if (!client) return std::unexpected(client.error());
  dns::SpfRequest request;
  request.client = *client;
  request.helo = options.helo;
  request.sender = with_ascii_domain(options.from);
  if (options.from.empty() && options.helo.empty())
    return usage_fault("dns spf wants --from, or --helo, or both");
  if (!options.from.empty() && !has_domain(options.from))
    return usage_fault(fmt::format("--from wants an address such as anna@example.net, not \"{}\"",
                                   printable(options.from, 80)));
  const auto outcome = asker.run(dns::check_host(asker.resolver(), system_clock(), std::move(request)));
  return DnsReport{"spf",
                   std::string(to_string(outcome.result)),
                   {{"domain", outcome.domain},
                    {"mechanism", outcome.mechanism},
                    {"explanation", outcome.explanation},
                    {"problem", outcome.problem}},
                   {{"terms", outcome.terms}, {"void_lookups", outcome.void_lookups}},
                   outcome.lookups};
}

template <class Result>
std::string word(Result result) {
  return std::string(to_string(finding(result)));
}

Taken<DnsReport> rdns(Asker& asker, const DnsOptions& options) {
  const auto client = take_address(options.ip);
  if (!client) return std::unexpected(client.error());
  const auto found = asker.run(dns::reverse_name(asker.resolver(), system_clock(), *client, patiently()));
  return DnsReport{"rdns", word(found.result), {{"name", found.name.text()}}, {}, found.lookups};
}

Taken<DnsReport> helo(Asker& asker, const DnsOptions& options) {
  const auto client = take_address(options.ip);
  if (!client) return std::unexpected(client.error());
  const auto found =
      asker.run(dns::check_helo(asker.resolver(), system_clock(), options.helo, *client, patiently()));
  return DnsReport{"helo", word(found.result), {{"name", options.helo}}, {}, found.lookups};
}

Taken<DnsReport> mx(Asker& asker, const DnsOptions& options) {
  const auto domain = take_name("--domain", options.domain);
  if (!domain) return std::unexpected(domain.error());
  const auto found =
      asker.run(dns::check_sender_domain(asker.resolver(), system_clock(), *domain, patiently()));
  return DnsReport{"mx", word(found.result), {{"domain", domain->text()}}, {}, found.lookups};
}

Taken<DnsReport> dnsbl(Asker& asker, const DnsOptions& options) {
  const auto zone = take_name("--list", options.list);
  if (!zone) return std::unexpected(zone.error());
  if (options.ip.empty() == options.domain.empty())
    return usage_fault("dns dnsbl wants either --ip or --domain, which the list is asked for");
  dns::Subject subject;
  if (options.domain.empty()) {
    const auto client = take_address(options.ip);
    if (!client) return std::unexpected(client.error());
    subject = *client;
  } else {
    const auto name = take_name("--domain", options.domain);
    if (!name) return std::unexpected(name.error());
    subject = *name;
  }
  const auto found =
      asker.run(dns::ask_list(asker.resolver(), system_clock(), *zone, std::move(subject), patiently()));
  return DnsReport{"dnsbl",
                   word(found.result),
                   {{"list", zone->text()}, {"codes", in_words(found.codes)}, {"words", found.words}},
                   {},
                   found.lookups};
}

Taken<DnsReport> report(DnsCheck check, Asker& asker, const DnsOptions& options) {
  switch (check) {
    case DnsCheck::spf:
      return spf(asker, options);
    case DnsCheck::rdns:
      return rdns(asker, options);
    case DnsCheck::helo:
      return helo(asker, options);
    case DnsCheck::mx:
      return mx(asker, options);
    case DnsCheck::dnsbl:
      return dnsbl(asker, options);
  }
  std::unreachable();
}

}  // namespace

int run_dns(DnsCheck check, const DnsOptions& options) {
  auto asker = Asker::open(kName, options.source);
  if (!asker) return asker.error().tell(kName);
  const auto found = report(check, **asker, options);
  if (!found) return found.error().tell(kName);
  fmt::print("{}", options.json ? as_json(*found) : as_text(*found));
  return EX_OK;
}

}  // namespace sallyport::proxy
