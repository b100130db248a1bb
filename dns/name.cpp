#include "dns/name.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/text.h"

namespace sallyport::dns {
namespace {

bool is_plain(char octet) { return octet > ' ' && octet < '\x7f' && octet != '.' && octet != '\\'; }

void append_octet(std::string& text, char octet) {
  if (is_plain(octet)) {
    text += lower(octet);
    return;
  }
  const auto value = static_cast<unsigned char>(octet);
  text += '\\';
  for (const int unit : {100, 10, 1}) text += static_cast<char>('0' + value / unit % 10);
}

// The octet at the front of `text`, an escape resolved (RFC 1035 5.1); nullopt: a bad escape.
std::optional<char> take_octet(std::string_view& text) {
  const char first = text.front();
  text.remove_prefix(1);
  if (first != '\\') return first;
  if (text.empty()) return std::nullopt;
  if (!is_digit(text.front())) {
    const char escaped = text.front();
    text.remove_prefix(1);
    return escaped;
  }
  const auto value = text.size() < 3 ? std::nullopt : parse_unsigned(text.substr(0, 3));
  if (!value || *value > 255) return std::nullopt;
  text.remove_prefix(3);
  return static_cast<char>(*value);
}

// Where the label at the front ends: the place of its dot, or the end.
std::size_t label_end(std::string_view text) {
  for (std::size_t place = 0; place < text.size(); ++place) {
    if (text[place] == '\\')
      ++place;
    else if (text[place] == '.')
      return place;
  }
  return text.size();
}

std::size_t wire_octets(std::string_view text) {
  std::size_t octets = 1;
  while (!text.empty()) {
    if (text.front() == '\\') text.remove_prefix(3);
    text.remove_prefix(1);
    ++octets;
  }
  return octets == 1 ? 1 : octets + 1;  // every dot stands for the next label's length
}

constexpr std::string_view kHex = "0123456789abcdef";

// The octets of an address from the last to the first, as names have them.
std::string reversed(const IpAddress& address) {
  std::string text;
  const auto& bytes = address.bytes();
  if (address.is_v4()) {
    for (std::size_t place = bytes.size(); place > 12; --place) {
      std::array<char, 3> digits{};
      char* end = std::to_chars(digits.begin(), digits.end(), bytes.at(place - 1)).ptr;
      text.append(digits.begin(), end) += '.';
    }
  } else {
    for (std::size_t place = bytes.size(); place > 0; --place) {
      const auto byte = bytes.at(place - 1);
      text += {kHex[byte & 15U], '.', kHex[byte >> 4U], '.'};
    }
  }
  text.pop_back();
  return text;
}

}  // namespace

bool Name::append(std::string_view label) {
  if (label.empty() || label.size() > kMaxLabel) return false;
  if (!text_.empty()) text_ += '.';
  const std::size_t before = text_.size();
  if (std::ranges::all_of(label, is_plain)) {
    text_ += label;
    std::transform(text_.begin() + static_cast<std::ptrdiff_t>(before), text_.end(),
                   text_.begin() + static_cast<std::ptrdiff_t>(before), lower);
  } else {
    for (const char octet : label) append_octet(text_, octet);
  }
  return text_.size() + 2 <= kMaxWire || wire_octets(text_) <= kMaxWire;
}

bool Name::take_label(std::string_view& text, std::string_view label) {
  for (const char octet : label) {
    if (text.empty()) return false;
    const std::string_view before = text;
    const char written = *take_octet(text);
    if (is_plain(octet) ? before.front() != lower(octet) : before.front() != '\\' || written != octet)
      return false;
  }
  if (text.empty()) return true;
  if (text.front() != '.') return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Name> Name::parse(std::string_view text) {
  if (text == ".") return Name();
  if (text.size() > 4 * kMaxWire) return std::nullopt;
  Name name;
  std::string label;
  while (!text.empty()) {
    if (text.front() == '.') {
      text.remove_prefix(1);
      if (text.empty()) break;
      if (!name.append(label)) return std::nullopt;
      label.clear();
      continue;
    }
    const auto octet = take_octet(text);
    if (!octet) return std::nullopt;
    label += *octet;
  }
  return name.append(label) ? std::optional(std::move(name)) : std::nullopt;
}

Name Name::reverse(const IpAddress& address) {
  Name name;
  name.text_ = reversed(address) + (address.is_v4() ? ".in-addr.arpa" : ".ip6.arpa");
  return name;
}

std::optional<Name> Name::reverse_below(const IpAddress& address, const Name& zone) {
  Name subject;
  subject.text_ = reversed(address);  // in comparing form already
  return subject.below(zone);
}

int Name::labels() const {
  int count = 0;
  for (std::string_view rest = text_; !rest.empty(); ++count) {
    const std::size_t end = label_end(rest);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return count;
}

bool Name::is_below(const Name& ancestor) const {
  if (ancestor.is_root() || text_ == ancestor.text_) return true;
  const std::string& other = ancestor.text_;
  if (text_.size() <= other.size() || !text_.ends_with(other)) return false;
  const std::size_t dot = text_.size() - other.size() - 1;
  return text_[dot] == '.';  // a dot inside a label is written \046
}

Name Name::parent() const {
  Name parent;
  const std::size_t end = label_end(text_);
  if (end < text_.size()) parent.text_ = text_.substr(end + 1);
  return parent;
}

std::optional<Name> Name::below(const Name& zone) const {
  Name whole;
  whole.text_.reserve(text_.size() + 1 + zone.text_.size());
  whole.text_ += text_;
  if (!is_root() && !zone.is_root()) whole.text_ += '.';
  whole.text_ += zone.text_;
  // The first length, and the final zero; what is escaped takes less than its text.
  const bool fits = whole.text_.size() + 2 <= kMaxWire || wire_octets(whole.text_) <= kMaxWire;
  return fits ? std::optional(std::move(whole)) : std::nullopt;
}

void Name::append_wire(std::string& out) const {
  std::string_view rest = text_;
  while (!rest.empty()) {
    std::string_view label = rest.substr(0, label_end(rest));
    rest.remove_prefix(std::min(label.size() + 1, rest.size()));
    const std::size_t length_at = out.size();
    out += '\0';
    if (label.find('\\') == std::string_view::npos)
      out += label;
    else
      while (!label.empty()) out += *take_octet(label);
    out[length_at] = static_cast<char>(out.size() - length_at - 1);
  }
  out += '\0';
}

std::string Name::wire() const {
  std::string wire;
  append_wire(wire);
  return wire;
}

}  // namespace sallyport::dns

std::size_t std::hash<sallyport::dns::Name>::operator()(const sallyport::dns::Name& name) const noexcept {
  return std::hash<std::string>{}(name.text());
}
