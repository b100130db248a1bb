#include "dns/spf_macro.h"

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "base/text.h"

namespace sallyport::dns {
namespace {

constexpr std::size_t kMaxExpansion = 64 * 1024;
constexpr std::size_t kMaxDomain = 253;
constexpr std::string_view kDelimiters = ".-+,/_=";
constexpr std::string_view kLetters = "slodiphv";
constexpr std::string_view kLettersOfExplanations = "crt";
constexpr std::string_view kHex = "0123456789ABCDEF";

// %{d2r-}: letter, how many parts from the right, reversed, what parts them.
struct Macro {
  char letter = 0;
  int parts = 0;  // 0: all
  bool reversed = false;
  std::string_view delimiters = ".";
};

std::size_t digits_at(std::string_view text) {
  return std::min(text.find_first_not_of("0123456789"), text.size());
}

// The inside of "%{...}"; nullopt: none (7.1).
std::optional<Macro> parse_macro(std::string_view inside) {
  if (inside.empty()) return std::nullopt;
  Macro macro;
  macro.letter = inside.front();
  inside.remove_prefix(1);
  if (const std::size_t length = digits_at(inside); length > 0) {
    const auto parts = parse_unsigned(inside.substr(0, length));
    if (parts && *parts == 0) return std::nullopt;
    macro.parts = static_cast<int>(std::min<std::uint64_t>(parts.value_or(128), 128));
    inside.remove_prefix(length);
  }
  if (!inside.empty() && lower(inside.front()) == 'r') {
    macro.reversed = true;
    inside.remove_prefix(1);
  }
  if (!inside.empty()) macro.delimiters = inside;
  const bool known = inside.find_first_not_of(kDelimiters) == std::string_view::npos;
  return known ? std::optional(macro) : std::nullopt;
}

bool knows(char letter, SpfMacroUse use) {
  return kLetters.contains(lower(letter)) ||
         (use == SpfMacroUse::explanation && kLettersOfExplanations.contains(lower(letter)));
}

// The macro at the front of `text`, which begins with '%'; its length in octets. nullopt: none.
struct Expand {
  std::optional<Macro> macro;
  std::string_view literal;  // of %%, %_ and %-
  std::size_t length = 2;
};

std::optional<Expand> take_expand(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  switch (text[1]) {
    case '%':
      return Expand{{}, "%", 2};
    case '_':
      return Expand{{}, " ", 2};
    case '-':
      return Expand{{}, "%20", 2};
    case '{':
      break;
    default:
      return std::nullopt;
  }
  const std::size_t end = text.find('}');
  if (end == std::string_view::npos) return std::nullopt;
  auto macro = parse_macro(text.substr(2, end - 2));
  if (!macro) return std::nullopt;
  return Expand{macro, {}, end + 1};
}

bool is_literal(char c, SpfMacroUse use) {
  return (c > ' ' && c < '\x7f' && c != '%') || (c == ' ' && use == SpfMacroUse::explanation);
}

// toplabel of 7.1: letters and digits with at least one that is no digit, hyphens inside only.
bool is_top_label(std::string_view label) {
  if (label.empty() || label.front() == '-' || label.back() == '-') return false;
  const bool fit = std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-'; });
  return fit && !std::ranges::all_of(label, is_digit);
}

bool ends_in_domain(std::string_view text, bool ends_in_macro) {
  if (ends_in_macro) return true;
  if (text.ends_with('.')) text.remove_suffix(1);
  const std::size_t dot = text.rfind('.');
  return dot != std::string_view::npos && is_top_label(text.substr(dot + 1));
}

std::string dotted(const IpAddress& address) {
  if (address.is_v4()) return address.to_string();
  std::string text;
  for (const std::uint8_t byte : address.bytes()) text += {kHex[byte >> 4U], '.', kHex[byte & 15U], '.'};
  text.pop_back();
  return text;
}

std::string value_of(char letter, const SpfMacroValues& values) {
  switch (lower(letter)) {
    case 's':
      return values.local_part + '@' + values.sender_domain;
    case 'l':
      return values.local_part;
    case 'o':
      return values.sender_domain;
    case 'd':
      return values.domain;
    case 'i':
      return dotted(values.client);
    case 'p':
      return values.validated_name;
    case 'h':
      return values.helo;
    case 'v':
      return values.client.is_v4() ? "in-addr" : "ip6";
    case 'c':
      return values.client.to_string();
    case 'r':
      return values.receiver;
    default:
      return std::to_string(values.seconds);
  }
}

std::string transformed(const std::string& value, const Macro& macro) {
  std::vector<std::string_view> parts;
  for (std::string_view rest = value;;) {
    const std::size_t end = rest.find_first_of(macro.delimiters);
    parts.push_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (macro.reversed) std::ranges::reverse(parts);
  const std::size_t keep = macro.parts == 0 ? parts.size() : static_cast<std::size_t>(macro.parts);
  if (parts.size() > keep) parts.erase(parts.begin(), parts.end() - static_cast<std::ptrdiff_t>(keep));
  std::string text(parts.front());
  for (const std::string_view part : std::span(parts).subspan(1)) text.append(1, '.').append(part);
  return text;
}

std::string url_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (is_alnum(c) || std::string_view("-._~").contains(c))
      out += c;
    else
      out += {'%', kHex[octet >> 4U], kHex[octet & 15U]};
  }
  return out;
}

}  // namespace

bool is_macro_string(std::string_view text, SpfMacroUse use) {
  const std::string_view whole = text;
  bool ends_in_macro = false;
  while (!text.empty()) {
    std::size_t length = 1;
    ends_in_macro = text.front() == '%';
    if (ends_in_macro) {
      const auto expand = take_expand(text);
      if (!expand || (expand->macro && !knows(expand->macro->letter, use))) return false;
      length = expand->length;
    } else if (!is_literal(text.front(), use)) {
      return false;
    }
    text.remove_prefix(length);
  }
  return use != SpfMacroUse::domain || ends_in_domain(whole, ends_in_macro);
}

namespace {

bool holds_macro(std::string_view text, std::string_view letters) {
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at)) {
    const auto expand = take_expand(text.substr(at));
    if (expand && expand->macro && letters.contains(lower(expand->macro->letter))) return true;
    at += expand ? expand->length : 1;
  }
  return false;
}

}  // namespace

bool holds_validated_name(std::string_view text) { return holds_macro(text, "p"); }

// Not h, l or s: what the client says of itself.
bool depends_on_client(std::string_view text) { return holds_macro(text, "ip"); }

std::string expand(std::string_view text, const SpfMacroValues& values) {
  std::string out;
  while (!text.empty() && out.size() < kMaxExpansion) {
    const auto expand = text.front() == '%' ? take_expand(text) : std::nullopt;
    if (!expand) {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    if (expand->macro) {
      const std::string value = transformed(value_of(expand->macro->letter, values), *expand->macro);
      const bool upper = expand->macro->letter != lower(expand->macro->letter);
      out += upper ? url_escaped(value) : value;
    } else {
      out += expand->literal;
    }
    text.remove_prefix(expand->length);
  }
  return out;
}

std::string shortened_domain(std::string expanded) {
  if (expanded.ends_with('.')) expanded.pop_back();
  while (expanded.size() > kMaxDomain) {
    const std::size_t dot = expanded.find('.');
    if (dot == std::string::npos) break;
    expanded.erase(0, dot + 1);
  }
  return expanded;
}

}  // namespace sallyport::dns
