#include "dns/resolv_conf.h"

#include <array>
#include <fstream>
#include <sstream>

#include "base/text.h"

namespace sallyport::dns {
namespace {

constexpr std::uint16_t kPort = 53;
constexpr std::size_t kMaxServers = 3;
constexpr std::size_t kMaxFile = 64 << 10;
constexpr auto kLookEvery = std::chrono::seconds(5);
constexpr std::string_view kBlanks = " \t\r";

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

std::string beginning(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFile, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

bool same(const struct stat& one, const struct stat& other) {
  return one.st_ino == other.st_ino && one.st_dev == other.st_dev && one.st_size == other.st_size &&
         one.st_mtim.tv_sec == other.st_mtim.tv_sec && one.st_mtim.tv_nsec == other.st_mtim.tv_nsec;
}

}  // namespace

std::optional<Endpoint> parse_server(std::string_view text) {
  if (const auto address = IpAddress::parse(text)) return Endpoint{*address, kPort};
  const auto server = Endpoint::parse(text);
  return server && server->port != 0 ? server : std::nullopt;
}

std::vector<Endpoint> parse_resolv_conf(std::string_view text) {
  std::vector<Endpoint> servers;
  while (!text.empty() && servers.size() < kMaxServers) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (take_word(line) != "nameserver") continue;
    if (const auto address = IpAddress::parse(take_word(line))) servers.push_back({*address, kPort});
  }
  return servers;
}

bool ResolvConf::refresh(TimePoint now, std::vector<Endpoint>& servers) {
  if (now < next_look_) return false;
  next_look_ = now + kLookEvery;
  struct stat seen{};
  if (::stat(path_.c_str(), &seen) != 0 || same(seen, seen_)) return false;
  seen_ = seen;
  std::vector<Endpoint> found = parse_resolv_conf(beginning(path_));
  if (found.empty() || found == servers) return false;
  servers = std::move(found);
  return true;
}

}  // namespace sallyport::dns
