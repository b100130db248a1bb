#include "base/address_literal.h"

#include "base/text.h"

namespace sallyport {

std::optional<IpAddress> parse_address_literal(std::string_view bracketed) {
  constexpr std::string_view tag = "IPv6:";
  if (!bracketed.starts_with('[') || !bracketed.ends_with(']')) return std::nullopt;
  std::string_view inside = bracketed.substr(1, bracketed.size() - 2);
  if (!istarts_with(inside, tag)) return IpAddress::parse(inside);
  inside.remove_prefix(tag.size());
  return inside.contains(':') ? IpAddress::parse(inside) : std::nullopt;
}

}  // namespace sallyport
