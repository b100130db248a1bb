#include "proxy/dns_command.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <expected>
#include <memory>
#include <optional>

#include "base/config/document.h"
#include "base/io/event_loop.h"
#include "base/mail/address.h"
#include "base/text.h"
#include "dns/helo.h"
#include "dns/list.h"
#include "dns/live_resolver.h"
#include "dns/resolv_conf.h"
#include "dns/reverse.h"
#include "dns/sender_domain.h"
#include "dns/spf.h"
#include "dns/zone_resolver.h"
#include "proxy/dns_report.h"
#include "proxy/facts.h"

namespace sallyport::proxy {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);

// Why nothing is asked: already in words for the user.
struct Refused {
  int status = EX_USAGE;
  std::string why;
};
template <class T>
using Taken = std::expected<T, Refused>;

std::unexpected<Refused> usage(std::string why) {
  return std::unexpected(Refused{EX_USAGE, std::move(why)});
}

// -- what is asked ----------------------------------------------------------------------------------------

Taken<IpAddress> take_address(const std::string& text) {
  const auto address = IpAddress::parse(text);
  if (!address) return usage(fmt::format("--ip wants an address, not \"{}\"", printable(text, 80)));
  return *address;
}

// A domain as people write it, umlauts too.
Taken<dns::Name> take_name(const char* option, const std::string& text) {
  mail::DomainName domain;
  const bool good = mail::parse_domain(text, domain) == mail::DomainFault::none;
  auto name = dns::Name::parse(good ? domain.ascii : text);
  if (!name) return usage(fmt::format("{} wants a domain, not \"{}\"", option, printable(text, 80)));
  return *name;
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

// -- who is asked -----------------------------------------------------------------------------------------

Taken<std::unique_ptr<dns::Resolver>> open_zone(const std::string& file) {
  config::Diagnostics diagnostics;
  const auto text = config::read_file(file, {file, 0, 0}, diagnostics);
  if (!text) return std::unexpected(Refused{EX_NOINPUT, diagnostics.to_string()});
  std::vector<dns::ZoneResolver::Fault> faults;
  auto zone = std::make_unique<dns::ZoneResolver>(dns::ZoneResolver::parse(*text, faults));
  if (faults.empty()) return zone;
  std::string why;
  for (const auto& fault : faults)
    why += fmt::format("{}{}:{}: error: {}", why.empty() ? "" : "\n", file, fault.line, fault.message);
  return std::unexpected(Refused{EX_DATAERR, std::move(why)});
}

Taken<std::vector<Endpoint>> take_servers(const std::vector<std::string>& written) {
  std::vector<Endpoint> servers;
  for (const std::string& text : written) {
    const auto endpoint = dns::parse_server(text);
    if (!endpoint)
      return usage(fmt::format("--server wants ADDRESS or ADDRESS:PORT, not \"{}\"", printable(text, 80)));
    servers.push_back(*endpoint);
  }
  return servers;
}

// A loop of its own, and a resolver that lives on it.
class Asker {
 public:
  static Taken<std::unique_ptr<Asker>> open(const DnsOptions& options) {
    auto asker = std::unique_ptr<Asker>(new Asker);
    if (!options.zone.empty()) {
      auto zone = open_zone(options.zone);
      if (!zone) return std::unexpected(zone.error());
      asker->resolver_ = std::move(*zone);
      return asker;
    }
    auto servers = take_servers(options.servers);
    if (!servers) return std::unexpected(servers.error());
    dns::LiveSettings settings;
    settings.servers = std::move(*servers);
    auto live = std::make_unique<dns::LiveResolver>(settings, system_clock(), asker->tasks_);
    if (auto attached = live->attach(asker->loop_.executor()); !attached)
      return std::unexpected(Refused{EX_OSERR, attached.error().detail});
    asker->live_ = live.get();
    asker->resolver_ = std::move(live);
    return asker;
  }

  ~Asker() {
    if (live_) live_->detach(loop_.executor());
  }
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  dns::Resolver& resolver() { return *resolver_; }

  template <class Found>
  Found run(io::Task<Found> task) {
    std::optional<Found> found;
    loop_.run(keep(std::move(task), found));
    return std::move(*found);
  }

 private:
  Asker() = default;

  template <class Found>
  static io::Task<> keep(io::Task<Found> task, std::optional<Found>& out) {
    out = co_await std::move(task);
  }

  io::TaskGroup tasks_{[](std::string_view task, std::string_view what) {
    fmt::print(stderr, "sallyport dns: {}: {}\n", task, what);
  }};
  std::unique_ptr<dns::Resolver> resolver_;
  dns::LiveResolver* live_ = nullptr;
  io::EventLoop loop_;  // last: it destroys tasks that use all the rest
};

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
    return usage("dns spf wants --from, or --helo, or both");
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

std::string codes_of(const dns::ListAnswer& answer) {
  std::string out;
  for (const IpAddress& code : answer.codes) out += (out.empty() ? "" : " ") + code.to_string();
  return out;
}

Taken<DnsReport> dnsbl(Asker& asker, const DnsOptions& options) {
  const auto zone = take_name("--list", options.list);
  if (!zone) return std::unexpected(zone.error());
  if (options.ip.empty() == options.domain.empty()) return usage("dns dnsbl wants either --ip or --domain");
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
                   {{"list", zone->text()}, {"codes", codes_of(found)}, {"words", found.words}},
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

int refuse(const Refused& refused) {
  fmt::print(stderr, "sallyport dns: {}\n", refused.why);
  return refused.status;
}

}  // namespace

int run_dns(DnsCheck check, const DnsOptions& options) {
  auto asker = Asker::open(options);
  if (!asker) return refuse(asker.error());
  const auto found = report(check, **asker, options);
  if (!found) return refuse(found.error());
  fmt::print("{}", options.json ? as_json(*found) : as_text(*found));
  return EX_OK;
}

}  // namespace sallyport::proxy
