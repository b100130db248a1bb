#include "proxy/own_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "dns/sender_domain.h"
#include "dns/spf.h"
#include "dns/spf_record.h"
#include "policy/recipient.h"
#include "proxy/own_records.h"

namespace sallyport::proxy {
namespace {

using dns::Name;
using dns::Type;

constexpr std::size_t kMaxDomains = 50;
constexpr std::size_t kMaxNamed = 5;  // in one sentence
constexpr const char* kServers =
    "see \"dns\".\"servers\", and /etc/resolv.conf where there are none; --offline asks nothing";

std::string listed(const std::vector<Name>& names) {
  std::string out;
  for (std::size_t place = 0; place < names.size(); ++place) {
    if (place == kMaxNamed) return out + ", ...";
    out += (out.empty() ? "" : ", ") + names[place].text();
  }
  return out;
}

// What was found of one name: the sum is in the order of the names.
struct Looked {
  std::vector<NameFault> faults;
  bool unanswered = false;  // the DNS said nothing on some of it

  void add(std::string what, std::string publish) {
    faults.push_back({std::move(what), "publish: " + std::move(publish)});
  }
};

// Pure: all is judged from the answers.
class Judgement {
 public:
  Judgement(const OwnNames& names, const OwnRecords& records)
      : names_(names), records_(records), leads_in_(names.leads_in) {
    for (const IpAddress& address : records.ours()) leads_in_.emplace_back(address, 128);
  }

  std::vector<NameFault> all() const {
    std::vector<Looked> looked{judge_hostname()};
    for (const Name& domain : names_.domains) looked.push_back(judge_domain(domain));
    return put_together(looked);
  }

 private:
  // -- the host name --------------------------------------------------------------------------------------

  Looked judge_hostname() const {
    Looked looked;
    looked.unanswered = records_.is_unanswered(names_.hostname, Type::a) ||
                        records_.is_unanswered(names_.hostname, Type::aaaa);
    const std::string& name = names_.hostname.text();
    if (records_.ours().empty() && !looked.unanswered)
      looked.add(fmt::format("hostname: {} has no address, and it is what others hear in our HELO", name),
                 wanted_address());
    for (const IpAddress& address : records_.ours())
      if (dns::is_private(address))
        looked.add(fmt::format("hostname: {} has the address {} here, which nobody outside can reach", name,
                               address.to_string()),
                   wanted_address());
      else
        judge_reverse_name(address, looked);
    return looked;
  }

  std::string wanted_address() const {
    return fmt::format("{}. A (or AAAA), the address that others see", names_.hostname.text());
  }

  void judge_reverse_name(const IpAddress& address, Looked& looked) const {
    const Name reverse = Name::reverse(address);
    const auto names = dns::all<Name>(records_.answer(reverse, Type::ptr));
    if (std::ranges::find(names, names_.hostname) != names.end()) return;
    const std::string text = address.to_string(), &ours = names_.hostname.text();
    const std::string publish =
        fmt::format("{}. PTR {}. (whoever gave you the address can)", reverse.text(), ours);
    if (records_.is_unanswered(reverse, Type::ptr))
      looked.unanswered = true;
    else if (names.empty())
      looked.add(fmt::format("hostname: {}, the address of {}, has no reverse name: many servers take no "
                             "mail from such an address",
                             text, ours),
                 publish);
    else
      looked.add(fmt::format("hostname: the reverse name of {} is {}, not {}", text, listed(names), ours),
                 publish);
  }

  // -- a domain -------------------------------------------------------------------------------------------

  Looked judge_domain(const Name& domain) const {
    Looked looked;
    judge_exchanges(domain, looked);
    judge_spf(domain, looked);
    return looked;
  }

  void judge_exchanges(const Name& domain, Looked& looked) const {
    const auto add = [&](const std::string& what) {
      looked.add(fmt::format("domains: {} {}", domain.text(), what),
                 fmt::format("{}. MX 10 {}.", domain.text(), names_.hostname.text()));
    };
    const auto hosts = records_.hosts_of(domain);
    if (hosts.empty()) {
      looked.unanswered = true;
      return;
    }
    if (std::ranges::any_of(hosts, &Name::is_root))
      return add("says that it takes no mail (null MX, RFC 7505)");
    if (std::ranges::any_of(hosts, [&](const Name& host) { return leads_to_us(host); })) return;
    const bool unanswered = std::ranges::any_of(hosts, [&](const Name& host) {
      return records_.is_unanswered(host, Type::a) || records_.is_unanswered(host, Type::aaaa);
    });
    if (unanswered)
      looked.unanswered = true;
    else if (!records_.answer(domain, Type::mx).found())
      add("has no MX record");
    else
      add(fmt::format("has the MX {}, which leads neither to {} nor to anybody in \"upstream\"",
                      listed(hosts), names_.hostname.text()));
  }

  bool leads_to_us(const Name& host) const {
    return host == names_.hostname ||
           std::ranges::any_of(records_.addresses_of(host), [&](const IpAddress& address) {
             return policy::contains(leads_in_, address);
           });
  }

  void judge_spf(const Name& domain, Looked& looked) const {
    auto records = dns::all<std::string>(records_.answer(domain, Type::txt));
    std::erase_if(records, [](const std::string& text) { return !dns::is_spf_record(text); });
    if (records_.is_unanswered(domain, Type::txt))
      looked.unanswered = true;
    else if (const auto what = fault_of(records); !what.empty())
      looked.add(fmt::format("domains: {} {}", domain.text(), what),
                 fmt::format("{}. TXT \"v=spf1 mx -all\", with all who send for it named before -all",
                             domain.text()));
    else
      judge_ways_out(domain, looked);
  }

  // One of them is enough: which of them others see we cannot know.
  void judge_ways_out(const Name& domain, Looked& looked) const {
    const auto results = records_.spf_of(domain);
    if (results.empty()) return;
    const auto lets_nobody = [](dns::SpfResult result) {
      return result == dns::SpfResult::fail || result == dns::SpfResult::softfail;
    };
    if (!std::ranges::all_of(results, lets_nobody)) return;
    std::string ways;
    for (const IpAddress& way : records_.ways_out()) ways += (ways.empty() ? "" : ", ") + way.to_string();
    looked.add(
        fmt::format("domains: the SPF record of {} does not let our own mail out: it names none of {}",
                    domain.text(), ways),
        fmt::format("{}. TXT \"v=spf1 ...\" with the addresses that others see our mail come from, "
                    "those of the smarthost perhaps",
                    domain.text()));
  }

  static std::string fault_of(const std::vector<std::string>& records) {
    if (records.empty()) return "has no SPF record: anybody may send in its name";
    if (records.size() > 1)
      return fmt::format("has {} SPF records: others take that as none", records.size());
    const auto record = dns::parse_spf_record(records.front());
    if (!record) return "has a broken SPF record: " + record.error().detail;
    const bool everybody = std::ranges::any_of(record->terms, [](const dns::SpfTerm& term) {
      return term.kind == dns::SpfTerm::Kind::all && term.result == dns::SpfResult::pass;
    });
    return everybody ? "lets everybody send in its name (+all)" : "";
  }

  // -- the sum --------------------------------------------------------------------------------------------

  std::vector<NameFault> put_together(const std::vector<Looked>& looked) const {
    std::vector<NameFault> out;
    std::vector<Name> unanswered;
    for (std::size_t place = 0; place < looked.size(); ++place) {
      std::ranges::copy(looked[place].faults, std::back_inserter(out));
      if (looked[place].unanswered)
        unanswered.push_back(place == 0 ? names_.hostname : names_.domains[place - 1]);
    }
    if (unanswered.size() == looked.size() && out.empty())
      return {{fmt::format("DNS does not answer{}: our own names were not looked at", records_.why()),
               kServers}};
    if (!unanswered.empty())
      out.push_back(
          {fmt::format("DNS does not answer for {}{}", listed(unanswered), records_.why()), kServers});
    if (names_.left_out > 0)
      out.push_back({fmt::format("domains: {} more were not looked up in DNS", names_.left_out), {}});
    return out;
  }

  const OwnNames& names_;
  const OwnRecords& records_;
  std::vector<Network> leads_in_;
};

void add_ways_out(const Settings& settings, OwnNames& names) {
  if (!settings.policy->outbound_route) return;
  const relay::Route* route = settings.route(*settings.policy->outbound_route);
  if (!route) return;
  names.sends = true;
  if (!route->source.is_unspecified()) names.sends_from.push_back(route->source);
  for (const relay::Host& host : route->hosts)
    if (const auto address = IpAddress::parse(host.name))
      names.sends_from.push_back(*address);
    else if (const auto name = Name::parse(host.name))
      names.sends_through.push_back(*name);
}

}  // namespace

OwnNames own_names(const Settings& settings) {
  OwnNames names;
  names.hostname = Name::parse(settings.policy->hostname).value_or(Name());
  for (const auto& [domain, route] : settings.policy->domains.exact()) {
    const auto name = Name::parse(domain);
    if (name && names.domains.size() < kMaxDomains)
      names.domains.push_back(*name);
    else if (name)
      ++names.left_out;
  }
  std::ranges::copy(settings.policy->upstream, std::back_inserter(names.leads_in));
  for (const ListenerSettings& listener : settings.listeners) {
    std::ranges::copy(listener.proxy_protocol, std::back_inserter(names.leads_in));
    for (const Endpoint& bind : listener.bind)
      if (!bind.address.is_unspecified()) names.leads_in.emplace_back(bind.address, 128);
  }
  add_ways_out(settings, names);
  return names;
}

io::Task<std::vector<NameFault>> look_at(OwnNames names, dns::Resolver& resolver, const Clock& clock,
                                         TimePoint deadline) {
  OwnRecords records(names, resolver, clock, deadline);
  co_await records.ask();
  co_return Judgement(names, records).all();
}

}  // namespace sallyport::proxy
