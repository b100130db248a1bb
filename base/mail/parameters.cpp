#include "base/mail/parameters.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/mail/address.h"
#include "base/mail/codec.h"
#include "base/text.h"

namespace sallyport::mail {
namespace {

// RFC 1870 4, RFC 3461 4.4 and 4.2; RFC 4954 5 gives AUTH= the same 500.
constexpr std::size_t max_size_digits = 20;
constexpr std::size_t max_envid = 100;
constexpr std::size_t max_xtext = 500;

struct Parameter {
  std::string_view keyword;
  std::optional<std::string_view> value;  // without '=': none
};

// RFC 5321 4.1.2: esmtp-keyword.
bool is_keyword(std::string_view text) {
  return !text.empty() && is_alnum(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-'; });
}

// RFC 5321 4.1.2: esmtp-value, with RFC 6531's UTF8-non-ascii. '=' is let through for each value's own
// grammar to judge.
bool is_value(std::string_view text) {
  return !text.empty() && !text.contains(' ') && !holds_control(text);
}

ParameterFault split(std::string_view word, Parameter& out) {
  const std::size_t equals = word.find('=');
  out.keyword = word.substr(0, equals);
  out.value.reset();
  if (equals != std::string_view::npos) out.value = word.substr(equals + 1);
  const bool well_formed = is_keyword(out.keyword) && (!out.value || is_value(*out.value));
  return well_formed ? ParameterFault::none : ParameterFault::malformed;
}

bool is_xtext(std::string_view value, std::size_t limit) {
  return !value.empty() && value.size() <= limit && decode_xtext(value).has_value();
}

ParameterFault well_formed(bool is) { return is ? ParameterFault::none : ParameterFault::malformed; }

// -- MAIL -----------------------------------------------------------------------------------------

ParameterFault read_size(std::string_view value, const ParameterRules&, MailParameters& out) {
  if (!std::ranges::all_of(value, is_digit)) return ParameterFault::malformed;
  if (value.size() > max_size_digits) return ParameterFault::too_large;
  out.size = parse_unsigned(value);
  return out.size ? ParameterFault::none : ParameterFault::too_large;
}

ParameterFault read_body(std::string_view value, const ParameterRules&, MailParameters& out) {
  if (iequals(value, "BINARYMIME")) return ParameterFault::unknown;  // known to RFC 3030, not offered
  out.body_given = true;
  out.eight_bit = iequals(value, "8BITMIME");
  return well_formed(out.eight_bit || iequals(value, "7BIT"));
}

ParameterFault read_smtputf8(std::string_view, const ParameterRules&, MailParameters& out) {
  out.smtputf8 = true;
  return ParameterFault::none;
}

ParameterFault read_ret(std::string_view value, const ParameterRules&, MailParameters& out) {
  if (iequals(value, "FULL")) out.ret = "FULL";
  if (iequals(value, "HDRS")) out.ret = "HDRS";
  return well_formed(!out.ret.empty());
}

ParameterFault read_envid(std::string_view value, const ParameterRules&, MailParameters& out) {
  out.envid = value;
  return well_formed(is_xtext(value, max_envid));
}

ParameterFault read_auth(std::string_view value, const ParameterRules&, MailParameters&) {
  return well_formed(value == "<>" || is_xtext(value, max_xtext));
}

// -- RCPT -----------------------------------------------------------------------------------------

// RFC 3461 4.1: NEVER alone, or any of the others, each once.
bool is_notify(std::string_view value) {
  if (iequals(value, "NEVER")) return true;
  constexpr std::array<std::string_view, 3> events = {"SUCCESS", "FAILURE", "DELAY"};
  std::array<bool, events.size()> seen{};
  while (true) {
    const std::size_t comma = value.find(',');
    const std::string_view event = value.substr(0, comma);
    const auto found = std::ranges::find_if(events, [&](auto known) { return iequals(known, event); });
    if (found == events.end()) return false;
    bool& before = seen[static_cast<std::size_t>(found - events.begin())];
    if (before) return false;
    before = true;
    if (comma == std::string_view::npos) return true;
    value.remove_prefix(comma + 1);
  }
}

ParameterFault read_notify(std::string_view value, const ParameterRules&, RcptParameters& out) {
  out.notify = value;
  return well_formed(is_notify(value));
}

// RFC 6533 3, HEXPOINT: what cannot stand for itself in such an address, in as few digits as it takes.
// Control characters are in no Mailbox, which is what this has to say when decoded.
bool is_hex_point(std::string_view digits) {
  if (digits.size() < 2 || digits.size() > 6 || digits.starts_with('0')) return false;
  unsigned point = 0;
  const char* const end = digits.data() + digits.size();
  if (std::from_chars(digits.data(), end, point, 16).ptr != end) return false;
  if (point < 0x80) return point == ' ' || point == '+' || point == '=' || point == '\\';
  return point >= 0xA0 && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
}

// RFC 6533 3: utf-8-addr-xtext, and under SMTPUTF8 utf-8-addr-unitext. Its '+' is no xtext: it is \x{2B}.
bool is_utf8_address(std::string_view text, bool smtputf8) {
  if (text.empty() || !is_valid_utf8(text) || (!smtputf8 && !is_ascii(text))) return false;
  constexpr std::string_view opening = R"(\x{)";
  while (!text.empty()) {
    if (text.starts_with(opening)) {
      const std::size_t close = text.find('}');
      if (close == std::string_view::npos ||
          !is_hex_point(text.substr(opening.size(), close - opening.size())))
        return false;
      text.remove_prefix(close + 1);
    } else {
      if (std::string_view(R"(\+=)").contains(text.front())) return false;
      text.remove_prefix(1);
    }
  }
  return true;
}

// RFC 3461 4.2: addr-type ";" xtext, but for the type utf-8. A next hop that knows the grammar refuses what
// is not in it, and by then the client has our 250.
bool is_orcpt(std::string_view value, bool smtputf8) {
  const std::size_t semicolon = value.find(';');
  if (semicolon == std::string_view::npos || value.size() > max_xtext) return false;
  const std::string_view type = value.substr(0, semicolon);
  const std::string_view address = value.substr(semicolon + 1);
  if (iequals(type, "utf-8")) return is_utf8_address(address, smtputf8);
  return is_keyword(type) && is_xtext(address, max_xtext);
}

ParameterFault read_orcpt(std::string_view value, const ParameterRules& rules, RcptParameters& out) {
  out.orcpt = value;
  return well_formed(is_orcpt(value, rules.smtputf8));
}

// -- tables ---------------------------------------------------------------------------------------

template <class Out>
struct Known {
  std::string_view keyword;
  bool ParameterRules::* offered;
  bool takes_value;
  ParameterFault (*read)(std::string_view value, const ParameterRules&, Out&);
};

constexpr std::array<Known<MailParameters>, 6> mail_parameters = {{
    {"SIZE", &ParameterRules::size, true, read_size},
    {"BODY", &ParameterRules::eight_bit, true, read_body},
    {"SMTPUTF8", &ParameterRules::smtputf8, false, read_smtputf8},
    {"RET", &ParameterRules::dsn, true, read_ret},
    {"ENVID", &ParameterRules::dsn, true, read_envid},
    {"AUTH", &ParameterRules::auth, true, read_auth},
}};

constexpr std::array<Known<RcptParameters>, 2> rcpt_parameters = {{
    {"NOTIFY", &ParameterRules::dsn, true, read_notify},
    {"ORCPT", &ParameterRules::dsn, true, read_orcpt},
}};

template <class Out, std::size_t N>
class Reader {
 public:
  Reader(const std::array<Known<Out>, N>& table, const ParameterRules& rules, Out& out)
      : table_(table), rules_(rules), out_(out) {}

  ParameterFault read(std::string_view text) {
    if (!text.empty() && text.front() != ' ') return ParameterFault::malformed;
    while (true) {
      text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
      if (text.empty()) return ParameterFault::none;
      const std::string_view word = text.substr(0, text.find(' '));
      text.remove_prefix(word.size());
      const ParameterFault fault = read_one(word);
      if (fault != ParameterFault::none) return fault;
    }
  }

 private:
  ParameterFault read_one(std::string_view word) {
    Parameter parameter;
    const ParameterFault fault = split(word, parameter);
    if (fault != ParameterFault::none) return fault;
    const auto known = std::ranges::find_if(
        table_, [&](const auto& entry) { return iequals(entry.keyword, parameter.keyword); });
    if (known == table_.end() || !(rules_.*known->offered)) return ParameterFault::unknown;
    bool& before = seen_[static_cast<std::size_t>(known - table_.begin())];
    if (before) return ParameterFault::doubled;
    before = true;
    if (parameter.value.has_value() != known->takes_value) return ParameterFault::malformed;
    return known->read(parameter.value.value_or(""), rules_, out_);
  }

  const std::array<Known<Out>, N>& table_;
  const ParameterRules& rules_;
  Out& out_;
  std::array<bool, N> seen_{};
};

template <class Out, std::size_t N>
ParameterFault parse(std::string_view text, const std::array<Known<Out>, N>& table,
                     const ParameterRules& rules, Out& out) {
  out = {};
  const ParameterFault fault = Reader<Out, N>(table, rules, out).read(text);
  if (fault != ParameterFault::none) out = {};
  return fault;
}

}  // namespace

ParameterFault parse_mail_parameters(std::string_view text, const ParameterRules& rules,
                                     MailParameters& out) {
  return parse(text, mail_parameters, rules, out);
}

ParameterFault parse_rcpt_parameters(std::string_view text, const ParameterRules& rules,
                                     RcptParameters& out) {
  return parse(text, rcpt_parameters, rules, out);
}

// -- xtext ----------------------------------------------------------------------------------------

namespace {

// RFC 3461 4: xchar.
bool is_xchar(char c) { return c > ' ' && c < '\x7f' && c != '+' && c != '='; }

}  // namespace

std::optional<std::string> decode_xtext(std::string_view xtext) {
  std::string out;
  for (std::size_t i = 0; i < xtext.size(); ++i) {
    if (is_xchar(xtext[i])) {
      out += xtext[i];
      continue;
    }
    const auto octet = xtext[i] == '+' ? hex_decode(xtext.substr(i + 1, 2)) : std::nullopt;
    if (!octet || octet->size() != 1 || is_control(octet->front()) || !is_ascii(octet->front()))
      return std::nullopt;
    out += *octet;
    i += 2;
  }
  return out;
}

std::string encode_xtext(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";  // RFC 3461 4: upper case
  std::string out;
  for (const char c : text) {
    if (is_xchar(c)) {
      out += c;
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    out += {'+', digits[octet >> 4], digits[octet & 15]};
  }
  return out;
}

}  // namespace sallyport::mail
