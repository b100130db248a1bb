#include <idn2.h>

#include <algorithm>
#include <memory>

#include "base/address_literal.h"
#include "base/mail/address.h"
#include "base/text.h"

namespace sallyport::mail {
namespace {

// RFC 1035 2.3.4 and RFC 5321 4.5.3.1.2.
constexpr std::size_t max_label = 63;
constexpr std::size_t max_domain = 255;
// Written with U-labels a name is longer than its A-labels, but never more than four octets for one.
constexpr std::size_t max_written = 4 * max_domain;

struct IdnFree {
  void operator()(void* text) const { idn2_free(text); }
};

// RFC 5321 4.1.2 knows letters, digits and hyphens. '_' is taken too: hosts that send real mail have it
// in their names, and no name that holds it can be mistaken for one that does not.
bool is_label_octet(char c) { return is_alnum(c) || c == '-' || c == '_' || !is_ascii(c); }

bool has_label_form(std::string_view label) {
  return !label.empty() && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, is_label_octet);
}

// U-label to A-label under IDNA 2008 alone. IDN2_NO_TR46 makes libidn2 refuse what it would else map.
DomainFault encode_label(const std::string& label, std::string& ascii) {
  std::uint8_t* raw = nullptr;
  const int status =
      idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(label.c_str()), &raw, IDN2_NO_TR46);
  const std::unique_ptr<std::uint8_t, IdnFree> encoded(raw);
  if (status == IDN2_TOO_BIG_LABEL || status == IDN2_TOO_BIG_DOMAIN || status == IDN2_PUNYCODE_BIG_OUTPUT)
    return DomainFault::length;
  if (status == IDN2_ENCODING_ERROR) return DomainFault::syntax;
  if (status != IDN2_OK) return DomainFault::needs_mapping;
  ascii += reinterpret_cast<const char*>(raw);
  return DomainFault::none;
}

// An A-label must decode, and where IDNA 2008 knows its text also encode to itself. Text that IDNA 2008
// leaves out passes: symbol domains exist and send mail, and A-labels are compared as they stand.
bool is_a_label(const std::string& label) {
  char* raw = nullptr;
  const int status = idn2_to_unicode_8z8z(label.c_str(), &raw, 0);
  const std::unique_ptr<char, IdnFree> decoded(raw);
  if (status != IDN2_OK || is_ascii(std::string_view(raw)) || holds_control(raw)) return false;
  std::string again;
  return encode_label(raw, again) != DomainFault::none || again == label;
}

DomainFault append_label(std::string_view label, std::string& ascii) {
  if (!has_label_form(label)) return DomainFault::syntax;
  const std::string folded = to_lower(label);
  if (!is_ascii(label)) return encode_label(folded, ascii);
  if (label.size() > max_label) return DomainFault::length;
  if (folded.starts_with("xn--") && !is_a_label(folded)) return DomainFault::syntax;
  ascii += folded;
  return DomainFault::none;
}

DomainFault append_labels(std::string_view written, std::string& ascii) {
  while (true) {
    const std::size_t dot = written.find('.');
    const DomainFault fault = append_label(written.substr(0, dot), ascii);
    if (fault != DomainFault::none) return fault;
    if (dot == std::string_view::npos) break;
    ascii += '.';
    written.remove_prefix(dot + 1);
  }
  return ascii.size() > max_domain ? DomainFault::length : DomainFault::none;
}

bool is_dcontent(char c) { return c > ' ' && c < '\x7f' && c != '[' && c != '\\' && c != ']'; }

}  // namespace

bool holds_control(std::string_view utf8) {
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const bool c1 =
        utf8[i] == '\xc2' && i + 1 < utf8.size() && static_cast<unsigned char>(utf8[i + 1]) < 0xa0;
    if (is_control(utf8[i]) || c1) return true;
  }
  return false;
}

DomainFault parse_domain(std::string_view written, DomainName& out) {
  out = {};
  out.internationalised = !is_ascii(written);
  if (written.size() > max_written) return DomainFault::length;
  if (out.internationalised && !is_valid_utf8(written)) return DomainFault::syntax;
  const DomainFault fault = append_labels(written, out.ascii);
  if (fault != DomainFault::none) out.ascii.clear();
  return fault;
}

bool is_valid_address_literal(std::string_view bracketed) {
  if (bracketed.size() < 3 || bracketed.front() != '[' || bracketed.back() != ']') return false;
  const std::string_view inside = bracketed.substr(1, bracketed.size() - 2);
  const std::size_t colon = inside.find(':');
  const std::string_view tag = inside.substr(0, colon);
  if (colon == std::string_view::npos || iequals(tag, "IPv6"))
    return parse_address_literal(bracketed).has_value();
  const std::string_view content = inside.substr(colon + 1);
  const bool ldh = !tag.empty() && is_alnum(tag.back()) &&
                   std::ranges::all_of(tag, [](char c) { return is_alnum(c) || c == '-'; });
  return ldh && !content.empty() && std::ranges::all_of(content, is_dcontent);
}

}  // namespace sallyport::mail
