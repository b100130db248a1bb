#include "base/mail/field_writer.h"

#include <algorithm>
#include <array>

#include "base/mail/address.h"
#include "base/text.h"

namespace sallyport::mail {
namespace {

constexpr std::size_t fold_at = 78;
constexpr std::size_t kUsualField = 256;  // octets of one, several lines together

// A set of octets, to be asked for each octet of a text.
class Octets {
 public:
  template <class Which>
  explicit constexpr Octets(Which which) {
    for (std::size_t octet = 0; octet < in_.size(); ++octet) in_[octet] = which(static_cast<char>(octet));
  }
  bool operator()(char c) const { return in_[static_cast<unsigned char>(c)]; }

 private:
  std::array<bool, 256> in_{};
};

constexpr Octets kOfTokens([](char c) {  // RFC 2045 5.1
  return c > ' ' && c < '\x7f' && !std::string_view("()<>@,;:\\\"/[]?=").contains(c);
});

bool is_token_octet(char c) { return kOfTokens(c); }

bool is_token(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_token_octet); }

// Non-ASCII octets are part of atoms where there are any (RFC 6532 3.2).
constexpr Octets kOfAtoms([](char c) {
  return is_alnum(c) || !is_ascii(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c);
});

bool is_atom_octet(char c) { return kOfAtoms(c); }

bool is_domain_octet(char c) { return is_alnum(c) || !is_ascii(c) || c == '-'; }

template <class IsOctet>
bool is_dotted(std::string_view text, IsOctet is_octet) {
  if (text.empty() || text.ends_with('.')) return false;
  bool dot_before = true;
  for (const char c : text) {
    if (c == '.' ? dot_before : !is_octet(c)) return false;
    dot_before = c == '.';
  }
  return true;
}

bool is_dot_atom(std::string_view text) { return is_dotted(text, is_atom_octet); }

bool is_plain_address(std::string_view text) {
  const std::size_t at = text.rfind('@');
  return at != std::string_view::npos && (at == 0 || is_dot_atom(text.substr(0, at))) &&
         is_dotted(text.substr(at + 1), is_domain_octet);
}

std::string_view cut(std::string_view text) {
  std::size_t length = kMostShown;
  while (length > kMostShown - 4 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) --length;
  return text.substr(0, length);
}

std::string escaped(std::string_view text, std::string_view special) {
  if (text.find_first_of(special) == std::string_view::npos) return std::string(text);
  std::string out;
  for (const char c : text) {
    if (special.contains(c)) out += '\\';
    out += c;
  }
  return out;
}

std::string quoted(std::string_view clean) { return '"' + escaped(clean, "\"\\") + '"'; }

}  // namespace

FieldWriter::FieldWriter(std::string_view name) : column_(name.size() + 1) {
  out_.reserve(kUsualField);
  (out_ += name) += ':';
}

void FieldWriter::word(std::string_view text) {
  if (column_ + 1 + text.size() > fold_at) return new_line(text);
  put(' ', text);
}

void FieldWriter::new_line(std::string_view text) {
  out_ += "\r\n";
  column_ = 0;
  put('\t', text);
}

void FieldWriter::words(const std::vector<std::string>& all) {
  for (const std::string& each : all) word(each);
}

void FieldWriter::close_clauses() {
  out_ += ';';
  ++column_;
}

std::string FieldWriter::finish() && { return std::move(out_) + "\r\n"; }

void FieldWriter::put(char blank, std::string_view text) {
  out_ += blank;
  out_ += text;
  column_ += 1 + text.size();
}

std::string shown(std::string_view untrusted, bool utf8) {
  const bool whole = untrusted.size() <= kMostShown;
  bool plain = whole;  // as nearly all is
  for (const char c : untrusted) plain &= c >= ' ' && c <= '~';
  if (plain) return std::string(untrusted);
  std::string out(whole ? untrusted : cut(untrusted));
  const bool ascii_only = !utf8 || !is_valid_utf8(out) || holds_control(out);
  for (char& c : out)
    if (is_control(c) || (ascii_only && !is_ascii(c))) c = '?';
  return whole ? out : out + "...";
}

std::string quoted_string(std::string_view untrusted, bool utf8) { return quoted(shown(untrusted, utf8)); }

std::string dot_atom_or_quoted(std::string_view untrusted, bool utf8) {
  std::string clean = shown(untrusted, utf8);
  return clean == untrusted && is_dot_atom(clean) ? clean : quoted(clean);
}

std::string authentication_value(std::string_view untrusted, bool utf8) {
  std::string clean = shown(untrusted, utf8);
  const bool plain = clean == untrusted && (is_token(clean) || is_plain_address(clean));
  return plain ? clean : quoted(clean);
}

std::vector<std::string> comment_words(std::string_view untrusted, bool utf8) {
  const std::string clean = shown(untrusted, utf8);
  std::vector<std::string> words;
  for (std::size_t at = 0; at < clean.size();) {
    const std::size_t end = std::min(clean.find(' ', at), clean.size());
    if (end > at) words.push_back(escaped(std::string_view(clean).substr(at, end - at), "()\\"));
    at = end + 1;
  }
  if (words.empty()) return words;
  words.front().insert(0, 1, '(');
  words.back() += ')';
  return words;
}

}  // namespace sallyport::mail
