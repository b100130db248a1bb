// IP addresses, networks and endpoints as values.
//
// An IPv4 address is kept in its mapped IPv6 form, so 192.0.2.1 and ::ffff:192.0.2.1 are one value and
// a rule about the one holds for the other. No look-ups, no allocation.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

class IpAddress {
 public:
  using Bytes = std::array<std::uint8_t, 16>;

  IpAddress() = default;  // ::
  explicit IpAddress(const Bytes& bytes) : bytes_(bytes) {}
  static IpAddress v4(std::uint32_t host_order);

  // Textual IPv4 or IPv6 (RFC 4291), no brackets, no zone, no port. Anything else: nullopt.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const;
  bool is_loopback() const;  // 127/8 or ::1
  bool is_unspecified() const;
  const Bytes& bytes() const { return bytes_; }
  std::string to_string() const;        // 192.0.2.1 or 2001:db8::1
  std::string address_literal() const;  // [192.0.2.1] or [IPv6:2001:db8::1] (RFC 5321 4.1.3)
  IpAddress masked(int prefix) const;   // prefix counts within 128 bits

  auto operator<=>(const IpAddress&) const = default;

 private:
  Bytes bytes_{};
};

class Network {
 public:
  Network() = default;
  Network(IpAddress address, int prefix128) : base_(address.masked(prefix128)), prefix_(prefix128) {}

  // "10.0.0.0/8", "2001:db8::/32", or a single address. Host bits behind the prefix are an error
  // (nullopt): 10.0.0.5/8 is nearly always a slip.
  static std::optional<Network> parse(std::string_view text);

  bool contains(const IpAddress& address) const { return address.masked(prefix_) == base_; }
  const IpAddress& base() const { return base_; }
  int prefix() const { return base_.is_v4() && prefix_ >= 96 ? prefix_ - 96 : prefix_; }  // as written
  int prefix128() const { return prefix_; }
  std::string to_string() const;

  auto operator<=>(const Network&) const = default;

 private:
  IpAddress base_;
  int prefix_ = 128;
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  // "10.0.0.25:25" or "[::1]:25"; the port is required.
  static std::optional<Endpoint> parse(std::string_view text);
  std::string to_string() const;
  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace sallyport

template <>
struct std::hash<sallyport::IpAddress> {
  std::size_t operator()(const sallyport::IpAddress& address) const noexcept;
};
