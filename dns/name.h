// A domain name as it is asked for and compared (RFC 1035 2.3.4, 3.1; RFC 4343).
//
// A value in comparing form: lower case, no final dot, labels of 1 to 63 octets, at most 255 octets on the
// wire. Any octet may stand in a label; a dot inside a label, a backslash and what is not printable are
// written as \DDD, so that text and wire form are one to one. The root is the empty text. No look-ups, no
// IDNA: whoever has a U-label turns it into an A-label first (mail::domain_to_ascii).
#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip_address.h"

namespace sallyport::dns {

class Name {
 public:
  static constexpr std::size_t kMaxWire = 255;
  static constexpr std::size_t kMaxLabel = 63;

  Name() = default;  // the root
  // One final dot is allowed; "." is the root. nullopt: no text, an empty or over-long label, a name over
  // 255 octets, a bad escape.
  static std::optional<Name> parse(std::string_view text);
  // 1.2.0.192.in-addr.arpa, or the nibbles under ip6.arpa (RFC 3596 2.5).
  static Name reverse(const IpAddress& address);
  // 1.2.0.192.zone, or the nibbles under zone (RFC 5782 2.1, 2.4); nullopt: over 255 octets.
  static std::optional<Name> reverse_below(const IpAddress& address, const Name& zone);

  // A raw label, as it stands on the wire, behind those that are there. False: an empty or over-long one,
  // or a name over 255 octets.
  bool append(std::string_view label);
  // Whether `text`, what is left of a name's, begins with this raw label; then that is taken away.
  static bool take_label(std::string_view& text, std::string_view label);

  const std::string& text() const { return text_; }
  bool is_root() const { return text_.empty(); }
  int labels() const;
  bool is_below(const Name& ancestor) const;  // or equal to it
  // The name without its first label; the root's parent is the root.
  Name parent() const;
  // this + "." + zone; nullopt: over 255 octets.
  std::optional<Name> below(const Name& zone) const;
  void append_wire(std::string& out) const;
  std::string wire() const;  // length-prefixed labels and the final zero

  auto operator<=>(const Name&) const = default;

 private:
  std::string text_;
};

}  // namespace sallyport::dns

template <>
struct std::hash<sallyport::dns::Name> {
  std::size_t operator()(const sallyport::dns::Name& name) const noexcept;
};
