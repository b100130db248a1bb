#include "dns/zone_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace sallyport::dns {
namespace {

struct Token {
  std::string text;  // a quoted string without quotes, its escapes resolved
  bool quoted = false;
};

// One entry: a line, or several between parentheses.
struct Line {
  int number = 0;
  bool same_owner = false;  // it begins with a blank
  std::vector<Token> tokens;
};

class Lexer {
 public:
  Lexer(std::string_view text, std::vector<ZoneResolver::Fault>& faults) : rest_(text), faults_(faults) {}

  std::vector<Line> lines() {
    begin();
    while (!rest_.empty()) take(rest_.front());
    if (depth_ > 0) fault("a ( without its )");
    end();
    return std::move(lines_);
  }

 private:
  void begin() { line_ = {number_, !rest_.empty() && is_blank(rest_.front()), {}}; }

  void end() {
    if (!line_.tokens.empty()) lines_.push_back(std::move(line_));
    begin();
  }

  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
  static bool ends_word(char c) {
    return is_blank(c) || c == '\n' || c == ';' || c == '(' || c == ')' || c == '"';
  }

  void take(char first) {
    if (first == ';') return skip_comment();
    if (first == '"') return take_quoted();
    if (!ends_word(first)) return take_word();
    rest_.remove_prefix(1);
    if (first == '(') ++depth_;
    if (first == ')' && --depth_ < 0) {
      fault("a ) without its (");
      depth_ = 0;
    }
    if (first != '\n') return;
    ++number_;
    if (depth_ == 0) end();
  }

  void skip_comment() { rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size())); }

  void take_word() {
    std::size_t length = 0;
    while (length < rest_.size() && !ends_word(rest_[length])) length += escapes(length) ? 2 : 1;
    line_.tokens.push_back({std::string(rest_.substr(0, length)), false});
    rest_.remove_prefix(length);
  }

  void take_quoted() {
    rest_.remove_prefix(1);
    Token token{{}, true};
    while (!rest_.empty() && rest_.front() != '"' && rest_.front() != '\n') token.text += take_octet();
    if (rest_.empty() || rest_.front() == '\n')
      fault("a string without its closing quote");
    else
      rest_.remove_prefix(1);
    line_.tokens.push_back(std::move(token));
  }

  // A line's end cannot be escaped (RFC 1035 5.1 has parentheses for that).
  bool escapes(std::size_t place) {
    if (rest_[place] != '\\') return false;
    const std::string_view behind = rest_.substr(place + 1);
    if (!behind.empty() && !behind.starts_with('\n') && !behind.starts_with("\r\n")) return true;
    fault("a \\ with nothing behind it");
    return false;
  }

  char take_octet() {
    const bool escaped = escapes(0);
    if (escaped) rest_.remove_prefix(1);
    const auto value = escaped && rest_.size() >= 3 && is_digit(rest_.front())
                           ? parse_unsigned(rest_.substr(0, 3))
                           : std::nullopt;
    const bool by_number = value && *value < 256;
    const char octet = by_number ? static_cast<char>(*value) : rest_.front();
    rest_.remove_prefix(by_number ? 3 : 1);
    return octet;
  }

  void fault(std::string message) { faults_.push_back({number_, std::move(message)}); }

  std::string_view rest_;
  std::vector<ZoneResolver::Fault>& faults_;
  std::vector<Line> lines_;
  Line line_;
  int number_ = 1;
  int depth_ = 0;
};

std::optional<Status> failure_word(const std::string& word) {
  if (iequals(word, "TIMEOUT")) return Status::timeout;
  if (iequals(word, "SERVFAIL")) return Status::serv_fail;
  if (iequals(word, "REFUSED")) return Status::refused;
  if (iequals(word, "UNREACHABLE")) return Status::unreachable;
  return std::nullopt;
}

// Types of records that zones have and nothing here asks for.
bool is_passed_over(const std::string& word) {
  constexpr std::array kOthers = {"SPF",        "HINFO", "SRV",   "CAA",  "DS",    "DNSKEY",
                                  "RRSIG",      "NSEC",  "NSEC3", "TLSA", "NAPTR", "SSHFP",
                                  "NSEC3PARAM", "RP",    "LOC",   "SVCB", "HTTPS"};
  return std::ranges::any_of(kOthers, [&](const char* other) { return iequals(word, other); }) ||
         istarts_with(word, "TYPE");
}

// "3600", or "1h30m".
std::optional<std::chrono::seconds> parse_ttl(std::string_view word) {
  std::uint64_t total = 0;
  if (word.empty() || !is_digit(word.front())) return std::nullopt;
  while (!word.empty()) {
    const std::size_t digits = std::min(word.find_first_not_of("0123456789"), word.size());
    const auto number = parse_unsigned(word.substr(0, digits));
    if (!number || *number > 0x7fffffff) return std::nullopt;
    word.remove_prefix(digits);
    std::uint64_t unit = 1;
    if (!word.empty()) {
      constexpr std::string_view kUnits = "smhdw";
      constexpr std::array<std::uint64_t, 5> kSeconds = {1, 60, 3600, 86400, 604800};
      const auto place = kUnits.find(lower(word.front()));
      if (place == std::string_view::npos) return std::nullopt;
      unit = kSeconds.at(place);
      word.remove_prefix(1);
    }
    total += *number * unit;
  }
  return std::chrono::seconds(std::min<std::uint64_t>(total, 0x7fffffff));
}

class Reader {
 public:
  explicit Reader(std::vector<ZoneResolver::Fault>& faults) : faults_(faults) {}

  void read(Line line) {
    number_ = line.number;
    words_ = std::move(line.tokens);
    at_ = 0;
    if (words_.front().text.starts_with('$')) return directive();
    if (!line.same_owner) {
      const auto owner = take_name("an owner");
      if (!owner) return;
      owner_ = owner;
    }
    if (!owner_) return fault("a line that begins with a blank needs an owner above it");
    entry();
  }

  std::vector<ZoneEntry> entries() && { return std::move(entries_); }

 private:
  void directive() {
    const std::string word = words_[at_++].text;
    if (iequals(word, "$ORIGIN")) {
      if (const auto origin = take_name("a name")) origin_ = *origin;
    } else if (iequals(word, "$TTL")) {
      const auto ttl = at_ < words_.size() ? parse_ttl(words_[at_].text) : std::nullopt;
      if (!ttl) return fault("$TTL wants a time, such as 3600 or 1h");
      ttl_ = *ttl;
    } else {
      fault(fmt::format("{} is not understood; $ORIGIN and $TTL are", printable(word, 40)));
    }
  }

  void entry() {
    ZoneEntry entry{*owner_, std::nullopt, {}, ttl_, std::nullopt};
    while (at_ < words_.size()) {
      const std::string& word = words_[at_].text;
      if (const auto ttl = parse_ttl(word))
        entry.ttl = *ttl;
      else if (!iequals(word, "IN"))
        break;
      ++at_;
    }
    if (at_ == words_.size()) return fault("a type is missing, such as A or TXT");
    const std::string word = words_[at_++].text;
    entry.failure = failure_word(word);
    if (entry.failure) return keep(std::move(entry));
    entry.type = parse_type(word);
    if (!entry.type) {
      if (!is_passed_over(word)) fault(fmt::format("{} is no type of record", printable(word, 40)));
      return;
    }
    if (at_ < words_.size() && !words_[at_].quoted && words_.size() == at_ + 1)
      entry.failure = failure_word(words_[at_].text);
    if (entry.failure || data(entry)) keep(std::move(entry));
  }

  void keep(ZoneEntry entry) { entries_.push_back(std::move(entry)); }

  bool data(ZoneEntry& entry) {
    switch (*entry.type) {
      case Type::a:
      case Type::aaaa:
        return address(entry);
      case Type::mx:
        return exchange(entry);
      case Type::txt:
        return strings(entry);
      case Type::soa:
        return false;  // nothing asks for it; negative answers hold an hour
      default: {
        auto name = take_name("a name");
        if (name) entry.record = std::move(*name);
        return name.has_value();
      }
    }
  }

  bool address(ZoneEntry& entry) {
    const auto address = at_ < words_.size() ? IpAddress::parse(words_[at_].text) : std::nullopt;
    if (!address || address->is_v4() != (entry.type == Type::a)) {
      fault(entry.type == Type::a ? "A wants an address, such as 192.0.2.1"
                                  : "AAAA wants an address, such as 2001:db8::1");
      return false;
    }
    entry.record = *address;
    return true;
  }

  bool exchange(ZoneEntry& entry) {
    const auto preference = at_ < words_.size() ? parse_unsigned(words_[at_].text) : std::nullopt;
    if (!preference || *preference > 65535) {
      fault("MX wants a preference and a name, such as 10 mx.example.com.");
      return false;
    }
    ++at_;
    auto name = take_name("a name");
    if (name) entry.record = Mx{static_cast<std::uint16_t>(*preference), std::move(*name)};
    return name.has_value();
  }

  bool strings(ZoneEntry& entry) {
    if (at_ == words_.size()) {
      fault("TXT wants a string in quotes");
      return false;
    }
    std::string text;
    for (; at_ < words_.size(); ++at_) {
      if (words_[at_].text.size() > 255) {
        fault("a string has 255 octets at most: write it in several, \"...\" \"...\"");
        return false;
      }
      text += words_[at_].text;
    }
    entry.record = std::move(text);
    return true;
  }

  std::optional<Name> take_name(const char* what) {
    if (at_ == words_.size()) {
      fault(fmt::format("{} is missing", what));
      return std::nullopt;
    }
    const std::string& word = words_[at_++].text;
    if (word == "@") return origin_;
    auto name = Name::parse(word);
    if (name && !word.ends_with('.')) name = name->below(origin_);
    if (!name) fault(fmt::format("{} is no domain name", printable(word, 80)));
    return name;
  }

  void fault(std::string message) { faults_.push_back({number_, std::move(message)}); }

  std::vector<ZoneResolver::Fault>& faults_;
  std::vector<ZoneEntry> entries_;
  Name origin_;
  std::optional<Name> owner_;
  std::chrono::seconds ttl_ = std::chrono::hours(1);
  int number_ = 0;
  std::vector<Token> words_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<ZoneEntry> read_zone(std::string_view text, std::vector<ZoneResolver::Fault>& faults) {
  Reader reader(faults);
  for (Line& line : Lexer(text, faults).lines()) reader.read(std::move(line));
  return std::move(reader).entries();
}

}  // namespace sallyport::dns
