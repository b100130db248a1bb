#include "dns/spf_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "dns/spf_macro.h"

namespace sallyport::dns {
namespace {

using Kind = SpfTerm::Kind;

constexpr std::string_view kVersion = "v=spf1";
constexpr std::size_t kShown = 80;  // octets of a term in an error

constexpr std::array<std::pair<std::string_view, Kind>, 8> kMechanisms = {{{"all", Kind::all},
                                                                           {"include", Kind::include},
                                                                           {"a", Kind::a},
                                                                           {"mx", Kind::mx},
                                                                           {"ptr", Kind::ptr},
                                                                           {"ip4", Kind::ip4},
                                                                           {"ip6", Kind::ip6},
                                                                           {"exists", Kind::exists}}};

Error wrong(std::string_view term, std::string_view what) {
  return fail(Errc::invalid, fmt::format("\"{}\": {}", printable(term, kShown), what));
}

SpfResult qualifier(char c) {
  switch (c) {
    case '-':
      return SpfResult::fail;
    case '~':
      return SpfResult::softfail;
    case '?':
      return SpfResult::neutral;
    default:
      return SpfResult::pass;
  }
}

// name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )
bool is_modifier_name(std::string_view name) {
  if (name.empty() || !is_alpha(name.front())) return false;
  for (const char c : name)
    if (!is_alnum(c) && !std::string_view("-_.").contains(c)) return false;
  return true;
}

// A prefix length at the end of `text`: "/24" by "/", "//64" by "//". Taken off; `most` if there is none.
// nullopt: written, and no number from 0 to `most` in its shortest form.
std::optional<int> take_prefix(std::string_view& text, std::string_view slashes, int most) {
  const std::size_t last = text.find_last_not_of("0123456789");
  if (last == std::string_view::npos || last + 1 < slashes.size() ||
      text.substr(last + 1 - slashes.size(), slashes.size()) != slashes)
    return most;
  const std::string_view digits = text.substr(last + 1);
  const auto number = parse_unsigned(digits);
  const bool shortest = digits.size() == 1 || (!digits.empty() && digits.front() != '0');
  if (!number || !shortest || *number > static_cast<unsigned>(most)) return std::nullopt;
  text.remove_suffix(digits.size() + slashes.size());
  return static_cast<int>(*number);
}

Result<> read_network(std::string_view value, SpfTerm& term) {
  const bool four = term.kind == Kind::ip4;
  const auto prefix = take_prefix(value, "/", four ? 32 : 128);
  const auto address = IpAddress::parse(value);
  const bool fits = address && (value.find(':') == std::string_view::npos) == four;
  if (!prefix || !fits) return wrong(term.written, four ? "no IPv4 network" : "no IPv6 network");
  term.network = Network(*address, four ? *prefix + 96 : *prefix);
  return {};
}

// What follows the name of a mechanism: ":" domain-spec, and the lengths of prefixes.
Result<> read_target(std::string_view rest, SpfTerm& term) {
  if (term.kind == Kind::a || term.kind == Kind::mx) {
    const auto six = take_prefix(rest, "//", 128);
    const auto four = six ? take_prefix(rest, "/", 32) : std::nullopt;
    if (!six || !four) return wrong(term.written, "no prefix length");
    term.prefix6 = *six;
    term.prefix4 = *four;
  }
  const bool optional = term.kind == Kind::a || term.kind == Kind::mx || term.kind == Kind::ptr;
  if (rest.empty() && optional) return {};
  if (!rest.starts_with(':')) return wrong(term.written, "a domain is missing");
  rest.remove_prefix(1);
  if (!is_macro_string(rest, SpfMacroUse::domain)) return wrong(term.written, "no domain");
  term.domain_spec = rest;
  return {};
}

Result<SpfTerm> read_mechanism(std::string_view word) {
  SpfTerm term;
  term.written = word;
  if (std::string_view("+-?~").contains(word.front())) {
    term.result = qualifier(word.front());
    word.remove_prefix(1);
  }
  const std::string_view name = word.substr(0, word.find_first_of(":/"));
  const std::string_view rest = word.substr(name.size());
  const auto* known =
      std::ranges::find_if(kMechanisms, [&](const auto& one) { return iequals(one.first, name); });
  if (known == kMechanisms.end()) return wrong(term.written, "no mechanism");
  term.kind = known->second;
  Result<> read;
  if (term.kind == Kind::all)
    read = rest.empty() ? Result<>() : wrong(term.written, "all stands alone");
  else if (term.kind == Kind::ip4 || term.kind == Kind::ip6)
    read = rest.starts_with(':') ? read_network(rest.substr(1), term)
                                 : wrong(term.written, "an address is missing");
  else
    read = read_target(rest, term);
  if (!read) return read.error();
  return term;
}

Result<> read_modifier(std::string_view word, std::string_view name, SpfRecord& record) {
  const std::string_view value = word.substr(name.size() + 1);
  const bool redirect = iequals(name, "redirect"), exp = iequals(name, "exp");
  if (!redirect && !exp)
    return is_macro_string(value, SpfMacroUse::value) ? Result<>() : wrong(word, "no macro string");
  auto& place = redirect ? record.redirect : record.exp;
  if (place) return wrong(word, "given twice");
  if (!is_macro_string(value, SpfMacroUse::domain)) return wrong(word, "no domain");
  place = value;
  return {};
}

}  // namespace

bool is_spf_record(std::string_view text) {
  return istarts_with(text, kVersion) && (text.size() == kVersion.size() || text[kVersion.size()] == ' ');
}

Result<SpfRecord> parse_spf_record(std::string_view text) {
  SpfRecord record;
  text.remove_prefix(kVersion.size());
  while (!text.empty()) {
    if (text.front() == ' ') {
      text.remove_prefix(1);
      continue;
    }
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    const std::string_view name = word.substr(0, word.find_first_of("=:/%"));
    if (name.size() < word.size() && word[name.size()] == '=' && is_modifier_name(name)) {
      if (auto read = read_modifier(word, name, record); !read) return read.error();
      continue;
    }
    auto term = read_mechanism(word);
    if (!term) return term.error();
    record.terms.push_back(std::move(*term));
  }
  return record;
}

}  // namespace sallyport::dns
