#include "proxy/proxy_header.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"

namespace sallyport::proxy {
namespace {

constexpr std::string_view kSignature2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view kSignature1 = "PROXY ";
constexpr std::size_t kFixed2 = 16;
constexpr std::size_t kMost1 = 107;  // the specification's longest line

std::uint16_t number16(std::string_view bytes) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[0]) << 8 |
                                    static_cast<unsigned char>(bytes[1]));
}

bool starts_like(std::string_view header, std::string_view signature) {
  std::size_t length = std::min(header.size(), signature.size());
  return header.substr(0, length) == signature.substr(0, length);
}

std::string_view take_word(std::string_view& text) {
  std::size_t end = std::min(text.find(' '), text.size());
  std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

std::optional<Endpoint> endpoint(std::string_view address, std::string_view port) {
  auto parsed = IpAddress::parse(address);
  auto number = parse_unsigned(port);
  if (!parsed || !number || *number > 65535) return std::nullopt;
  return Endpoint{*parsed, static_cast<std::uint16_t>(*number)};
}

IpAddress address4(std::string_view bytes) {
  std::uint32_t value = 0;
  for (char c : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(c);
  return IpAddress::v4(value);
}

IpAddress address6(std::string_view bytes) {
  IpAddress::Bytes out;
  std::memcpy(out.data(), bytes.data(), out.size());
  return IpAddress(out);
}

}  // namespace

// How many octets the header needs as far as it is known now: read that many, look again. Version 1 ends
// in a line end, so it is read octet by octet.
std::size_t ProxyHeader::wanted() const {
  if (header_.empty() || header_[0] == 'P') return header_.size() + 1;
  if (header_.size() < kFixed2) return kFixed2;
  return kFixed2 + number16(std::string_view(header_).substr(14));
}

ProxyHeader::State ProxyHeader::feed(std::string_view& input) {
  while (true) {
    std::size_t need = wanted();
    if (need > kMostOctets) return State::broken;
    std::size_t take = std::min(input.size(), need - header_.size());
    if (take == 0 && header_.size() < need) return State::more;
    header_ += input.substr(0, take);
    input.remove_prefix(take);
    if (!starts_like(header_, kSignature1) && !starts_like(header_, kSignature2)) return State::broken;
    if (header_[0] == 'P') {
      if (header_.ends_with("\r\n")) return parse_v1();
      if (header_.size() >= kMost1) return State::broken;
    } else if (header_.size() >= kFixed2 && header_.size() == wanted()) {
      return parse_v2();
    }
  }
}

ProxyHeader::State ProxyHeader::parse_v1() {
  std::string_view line = std::string_view(header_).substr(kSignature1.size());
  line.remove_suffix(2);
  std::string_view family = take_word(line);
  if (family == "UNKNOWN") return State::done;
  std::string_view source = take_word(line), target = take_word(line);
  std::string_view source_port = take_word(line), target_port = take_word(line);
  auto client = endpoint(source, source_port);
  auto destination = endpoint(target, target_port);
  bool four = family == "TCP4", six = family == "TCP6";
  if (!client || !destination || !line.empty() || (!four && !six)) return State::broken;
  if (four != !source.contains(':')) return State::broken;
  client_ = *client;
  destination_ = *destination;
  has_client_ = true;
  return State::done;
}

ProxyHeader::State ProxyHeader::parse_v2() {
  auto octet = [&](std::size_t at) { return static_cast<unsigned char>(header_[at]); };
  if (octet(12) >> 4 != 2) return State::broken;
  bool local = (octet(12) & 15) == 0;
  if (local) return State::done;
  if ((octet(12) & 15) != 1) return State::broken;
  std::string_view rest = std::string_view(header_).substr(kFixed2);
  int family = octet(13);
  if (family == 0) return State::done;  // UNSPEC
  if (family == 0x11 && rest.size() >= 12) {
    client_ = {address4(rest), number16(rest.substr(8))};
    destination_ = {address4(rest.substr(4)), number16(rest.substr(10))};
  } else if (family == 0x21 && rest.size() >= 36) {
    client_ = {address6(rest), number16(rest.substr(32))};
    destination_ = {address6(rest.substr(16)), number16(rest.substr(34))};
  } else {
    return State::broken;
  }
  has_client_ = true;
  return State::done;
}

}  // namespace sallyport::proxy
