#include "base/ip_address.h"

#include <arpa/inet.h>
#include <fmt/compile.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace sallyport {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::optional<int> parse_prefix(std::string_view text, int most) {
  auto value = text.size() <= 3 ? parse_unsigned(text) : std::nullopt;
  if (!value || *value > static_cast<unsigned>(most)) return std::nullopt;
  return static_cast<int>(*value);
}

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) {
  IpAddress address;
  std::ranges::copy(kMapped, address.bytes_.begin());
  for (int i = 0; i < 4; ++i)
    address.bytes_[static_cast<std::size_t>(12 + i)] =
        static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  // inet_pton wants a terminated string; no address is longer than this.
  char terminated[INET6_ADDRSTRLEN + 1];
  if (text.empty() || text.size() >= sizeof terminated || text.contains('\0')) return std::nullopt;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  in_addr four{};
  if (inet_pton(AF_INET, terminated, &four) == 1) return v4(ntohl(four.s_addr));
  IpAddress six;
  if (inet_pton(AF_INET6, terminated, six.bytes_.data()) == 1) return six;
  return std::nullopt;
}

bool IpAddress::is_v4() const { return std::equal(kMapped.begin(), kMapped.end(), bytes_.begin()); }

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[12] == 127;
  IpAddress one;
  one.bytes_[15] = 1;
  return *this == one;
}

bool IpAddress::is_unspecified() const { return *this == IpAddress() || *this == v4(0); }

std::string IpAddress::to_string() const {
  // inet_ntop prints it by snprintf, which costs three times as much.
  if (is_v4())
    return fmt::format(FMT_COMPILE("{}.{}.{}.{}"), bytes_[12], bytes_[13], bytes_[14], bytes_[15]);
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
}

std::string IpAddress::address_literal() const {
  return is_v4() ? "[" + to_string() + "]" : "[IPv6:" + to_string() + "]";
}

IpAddress IpAddress::masked(int prefix) const {
  IpAddress out = *this;
  for (int bit = std::clamp(prefix, 0, 128); bit < 128; bit = (bit / 8 + 1) * 8)
    out.bytes_[static_cast<std::size_t>(bit / 8)] &= static_cast<std::uint8_t>(0xff00 >> (bit % 8));
  return out;
}

std::optional<Network> Network::parse(std::string_view text) {
  std::size_t slash = text.find('/');
  auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return Network(*address, 128);
  auto prefix = parse_prefix(text.substr(slash + 1), address->is_v4() ? 32 : 128);
  if (!prefix) return std::nullopt;
  Network network(*address, address->is_v4() ? *prefix + 96 : *prefix);
  if (network.base_ != *address) return std::nullopt;
  return network;
}

std::string Network::to_string() const {
  if (prefix_ == 128) return base_.to_string();
  return fmt::format("{}/{}", base_.to_string(), prefix());
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto port = parse_unsigned(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  auto address = IpAddress::parse(host);
  if (!address || !port || *port > 65535 || address->is_v4() == bracketed) return std::nullopt;
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::string Endpoint::to_string() const {
  return fmt::format(fmt::runtime(address.is_v4() ? "{}:{}" : "[{}]:{}"), address.to_string(), port);
}

}  // namespace sallyport

std::size_t std::hash<sallyport::IpAddress>::operator()(
    const sallyport::IpAddress& address) const noexcept {
  return std::hash<std::string_view>()(
      {reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()});
}
