#include "proxy/asker.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sysexits.h>

#include <utility>

#include "base/config/document.h"
#include "base/text.h"
#include "dns/resolv_conf.h"
#include "dns/zone_resolver.h"

namespace sallyport::proxy {
namespace {

Taken<std::unique_ptr<dns::Resolver>> open_zone(const std::string& file) {
  config::Diagnostics diagnostics;
  const auto text = config::read_file(file, {file, 0, 0}, diagnostics);
  if (!text) return std::unexpected(CommandFault{EX_NOINPUT, diagnostics.to_string()});
  std::vector<dns::ZoneResolver::Fault> faults;
  auto zone = std::make_unique<dns::ZoneResolver>(dns::ZoneResolver::parse(*text, faults));
  if (faults.empty()) return zone;
  std::string why;
  for (const auto& fault : faults)
    why += fmt::format("{}{}:{}: error: {}", why.empty() ? "" : "\n", file, fault.line, fault.message);
  return std::unexpected(CommandFault{EX_DATAERR, std::move(why)});
}

Taken<std::vector<Endpoint>> take_servers(const std::vector<std::string>& written) {
  std::vector<Endpoint> servers;
  for (const std::string& text : written) {
    const auto endpoint = dns::parse_server(text);
    if (!endpoint)
      return usage_fault(
          fmt::format("--server wants ADDRESS or ADDRESS:PORT, not \"{}\"", printable(text, 80)));
    servers.push_back(*endpoint);
  }
  return servers;
}

}  // namespace

int CommandFault::tell(const char* command) const {
  fmt::print(stderr, "sallyport {}: {}\n", command, why);
  return status;
}

std::string as_owner_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return "sudo ...";
  const passwd* owner = ::getpwuid(status.st_uid);
  return fmt::format("sudo -u {} ...", owner ? owner->pw_name : fmt::format("'#{}'", status.st_uid));
}

std::unexpected<CommandFault> usage_fault(std::string why) {
  return std::unexpected(CommandFault{EX_USAGE, std::move(why)});
}

Taken<IpAddress> take_address(const std::string& text) {
  const auto address = IpAddress::parse(text);
  if (!address)
    return usage_fault(
        fmt::format("--ip wants an address such as 192.0.2.1, not \"{}\"", printable(text, 80)));
  return *address;
}

Asker::Asker(const char* command)
    : tasks_([command](std::string_view task, std::string_view what) {
        fmt::print(stderr, "sallyport {}: {}: {}\n", command, task, what);
      }) {}

Asker::~Asker() {
  if (live_) live_->detach(loop_.executor());
}

Taken<std::unique_ptr<Asker>> Asker::open(const char* command, const DnsSource& source,
                                          dns::LiveSettings live) {
  auto asker = std::unique_ptr<Asker>(new Asker(command));
  if (!source.zone.empty()) {
    auto zone = open_zone(source.zone);
    if (!zone) return std::unexpected(zone.error());
    asker->resolver_ = std::move(*zone);
    return asker;
  }
  auto servers = take_servers(source.servers);
  if (!servers) return std::unexpected(servers.error());
  if (!servers->empty()) live.servers = std::move(*servers);
  auto resolver = std::make_unique<dns::LiveResolver>(
      std::move(live), system_clock(), [command](std::string_view level, std::string_view text) {
        fmt::print(stderr, "sallyport {}: {}: {}\n", command, level, text);
      });
  if (auto attached = resolver->attach(asker->loop_.executor()); !attached)
    return std::unexpected(CommandFault{EX_OSERR, attached.error().detail});
  asker->live_ = resolver.get();
  asker->resolver_ = std::move(resolver);
  return asker;
}

}  // namespace sallyport::proxy
