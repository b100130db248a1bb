// What the DNS is asked: a name and a type of record, always of class IN.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dns/name.h"

namespace sallyport::dns {

enum class Type : std::uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28
};

std::string_view to_string(Type type);  // "A", "MX", ...
std::optional<Type> parse_type(std::string_view word);

struct Question {
  Name name;
  Type type = Type::a;

  auto operator<=>(const Question&) const = default;
};

std::string to_string(const Question& question);  // "TXT example.com"

}  // namespace sallyport::dns

template <>
struct std::hash<sallyport::dns::Question> {
  // Not noexcept, and so libstdc++ keeps what it says with each entry of a table, and asks once.
  std::size_t operator()(const sallyport::dns::Question& question) const;
};
