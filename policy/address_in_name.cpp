#include "policy/address_in_name.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string>
#include <vector>

#include "base/text.h"

namespace sallyport::policy {
namespace {

using Four = std::array<unsigned, 4>;

constexpr char kHex[] = "0123456789abcdef";

bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }
bool is_separator(char c) { return c == '-' || c == '.' || c == '_'; }

struct Spelling {
  int base = 10;
  std::size_t digits = 3;  // of one number, at most
};

struct Number {
  unsigned value = 0;
  bool follows = false;  // the one before it, with one separator between them
};

// The numbers of a name, in the order in which they stand there.
std::vector<Number> numbers_in(std::string_view name, const Spelling& spelling) {
  const auto is_of_number = [&](char c) { return spelling.base == 16 ? is_hex_digit(c) : is_digit(c); };
  std::vector<Number> numbers;
  std::size_t last_end = 0;
  for (std::size_t at = 0; at < name.size();) {
    std::size_t end = at;
    while (end < name.size() && is_of_number(name[end])) ++end;
    if (end == at) {
      ++at;
      continue;
    }
    Number number{~0U, !numbers.empty() && at == last_end + 1 && is_separator(name[last_end])};
    if (end - at <= spelling.digits)
      std::from_chars(name.data() + at, name.data() + end, number.value, spelling.base);
    numbers.push_back(number);
    at = last_end = end;
  }
  return numbers;
}

bool holds_row(const std::vector<Number>& numbers, const Four& row) {
  for (std::size_t first = 0; first + row.size() <= numbers.size(); ++first) {
    std::size_t same = 0;
    while (same < row.size() && numbers[first + same].value == row[same] &&
           (same == 0 || numbers[first + same].follows))
      ++same;
    if (same == row.size()) return true;
  }
  return false;
}

Four backwards(const Four& row) { return {row[3], row[2], row[1], row[0]}; }

bool holds_row_either_way(std::string_view name, const Four& row, const Spelling& spelling) {
  const std::vector<Number> numbers = numbers_in(name, spelling);
  const Four last_first = {row[3], row[0], row[1], row[2]};  // host4.1-2-3.example
  return holds_row(numbers, row) || holds_row(numbers, backwards(row)) ||
         (spelling.base == 10 && holds_row(numbers, last_first));
}

// All of them with the same number of digits, and nothing between.
std::string joined(const Four& row, const Spelling& spelling) {
  std::string out;
  for (unsigned number : row) {
    std::string digits;
    for (std::size_t place = 0; place < spelling.digits; ++place, number /= unsigned(spelling.base))
      digits.insert(digits.begin(), kHex[number % unsigned(spelling.base)]);
    out += digits;
  }
  return out;
}

bool holds_four(std::string_view name, const Four& row, const Spelling& spelling) {
  return name.contains(joined(row, spelling)) || name.contains(joined(backwards(row), spelling)) ||
         holds_row_either_way(name, row, spelling);
}

Four octets_of(const IpAddress& address) {
  const auto& bytes = address.bytes();
  return {bytes[12], bytes[13], bytes[14], bytes[15]};
}

Four last_groups_of(const IpAddress& address) {
  const auto& bytes = address.bytes();
  Four groups{};
  for (std::size_t group = 0; group < groups.size(); ++group)
    groups[group] = unsigned(bytes[8 + 2 * group]) << 8 | bytes[9 + 2 * group];
  return groups;
}

// The 16 last digits, as ip6.arpa has them: backwards, with dots between them or without.
bool holds_digits(std::string_view name, const Four& groups) {
  std::string compact;
  std::ranges::remove_copy_if(name, std::back_inserter(compact), is_separator);
  std::string digits = joined(groups, {16, 4});
  if (compact.contains(digits)) return true;
  std::ranges::reverse(digits);
  return compact.contains(digits);
}

// From every place where a number begins: "ip-2001-db8--1" holds 2001:db8::1.
bool holds_whole(std::string_view name, const IpAddress& address) {
  for (std::size_t at = 0; at < name.size(); ++at) {
    if (!is_hex_digit(name[at]) || (at > 0 && is_hex_digit(name[at - 1]))) continue;
    std::string text(name.substr(at));
    const auto end = std::ranges::find_if(text, [](char c) { return !is_hex_digit(c) && c != '-'; });
    text.erase(end, text.end());
    while (text.ends_with('-')) text.pop_back();
    std::ranges::replace(text, '-', ':');
    if (IpAddress::parse(text) == address) return true;
  }
  return false;
}

}  // namespace

bool holds_address(std::string_view labels, const IpAddress& address) {
  if (address.is_v4()) {
    const Four octets = octets_of(address);
    return holds_four(labels, octets, {10, 3}) || holds_four(labels, octets, {16, 2});
  }
  const Four groups = last_groups_of(address);
  return holds_four(labels, groups, {16, 4}) || holds_digits(labels, groups) ||
         holds_whole(labels, address);
}

}  // namespace sallyport::policy
