#include "base/mail/address.h"

#include <algorithm>

#include "base/case_folding.h"
#include "base/text.h"

namespace sallyport::mail {
namespace {

// RFC 5321 4.5.3.1.3; a path is counted with its angle brackets. There is no limit for the local part: 64
// octets are the least that a server takes (4.5.3.1.1), and senders of mailing lists (VERP) need more.
constexpr std::size_t max_path = 256;
constexpr std::size_t max_lenient_path = 1000;

// RFC 5322 3.2.3, with RFC 6531's UTF8-non-ascii.
bool is_atext(char c) {
  return is_alnum(c) || !is_ascii(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c);
}

bool has_fit_octets(std::string_view text, bool smtputf8) {
  return !holds_control(text) && (is_ascii(text) || (smtputf8 && is_valid_utf8(text)));
}

// How many octets of `text` are a quoted string (RFC 5321 4.1.2); 0: it does not begin with one.
std::size_t quoted_string(std::string_view text) {
  if (!text.starts_with('"')) return 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1;
    if (text[i] != '\\') continue;
    ++i;
    if (i == text.size() || !is_ascii(text[i])) return 0;
  }
  return 0;
}

// How many octets of `text` are a dot-string; lenient: with dots anywhere.
std::size_t dot_string(std::string_view text, bool lenient) {
  const auto end = std::ranges::find_if(text, [](char c) { return !is_atext(c) && c != '.'; });
  const std::string_view run = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  const bool odd_dots = run.starts_with('.') || run.ends_with('.') || run.contains("..");
  return odd_dots && !lenient ? 0 : run.size();
}

PathFault to_path_fault(DomainFault fault) {
  switch (fault) {
    case DomainFault::none:
      return PathFault::none;
    case DomainFault::syntax:
      return PathFault::syntax;
    case DomainFault::length:
      return PathFault::length;
    case DomainFault::needs_mapping:
      return PathFault::needs_mapping;
  }
  return PathFault::syntax;
}

// Domain or address literal, to the end of `text`.
PathFault read_domain(std::string_view text, std::string& ascii) {
  if (text.starts_with('[')) {
    ascii = to_lower(text);
    return is_valid_address_literal(text) ? PathFault::none : PathFault::syntax;
  }
  DomainName name;
  const DomainFault fault = parse_domain(text, name);
  ascii = std::move(name.ascii);
  return to_path_fault(fault);
}

// Takes "@a,@b:" off the front of `text`. A literal is allowed there, as in RFC 2821: the route is
// dropped anyway, and the mailbox behind it deserves its own answer.
PathFault take_source_route(std::string_view& text) {
  while (text.starts_with('@')) {
    const std::size_t from = text.starts_with("@[") ? text.find(']') : 0;
    const std::size_t end = text.find_first_of(",:", from);  // npos stays npos
    if (end == std::string_view::npos) return PathFault::syntax;
    std::string ascii;
    const PathFault fault = read_domain(text.substr(1, end - 1), ascii);
    if (fault != PathFault::none) return fault;
    const bool last = text[end] == ':';
    text.remove_prefix(end + 1);
    if (last) return PathFault::none;
  }
  return PathFault::syntax;  // a comma with no @ behind it
}

PathFault read_mailbox(std::string_view text, const PathOptions& options, Path& path) {
  const bool quoted = text.starts_with('"');
  const std::size_t length = quoted ? quoted_string(text) : dot_string(text, options.lenient);
  if (length == 0) return PathFault::syntax;
  path.local = text.substr(0, length);
  if (length == text.size())
    return options.allow_bare_name && !path.source_route ? PathFault::none : PathFault::syntax;
  if (text[length] != '@') return PathFault::syntax;
  path.domain = text.substr(length + 1);
  return read_domain(path.domain, path.domain_ascii);
}

PathFault check_lengths(const Path& path, bool lenient) {
  const std::size_t octets = path.written.size() + 2;
  return octets > (lenient ? max_lenient_path : max_path) ? PathFault::length : PathFault::none;
}

PathFault read_path(std::string_view text, const PathOptions& options, Path& path) {
  if (!has_fit_octets(text, options.smtputf8)) return PathFault::syntax;
  path.source_route = text.starts_with('@');
  if (path.source_route) {
    const PathFault fault = take_source_route(text);
    if (fault != PathFault::none) return fault;
  }
  const PathFault fault = read_mailbox(text, options, path);
  return fault != PathFault::none ? fault : check_lengths(path, options.lenient);
}

// Made at once: this is done a dozen times for each recipient.
std::string mailbox(std::string_view local, std::string_view domain) {
  std::string whole;
  whole.reserve(local.size() + 1 + domain.size());
  whole += local;
  if (!domain.empty()) (whole += '@') += domain;
  return whole;
}

}  // namespace

std::string Path::address() const { return mailbox(local, domain); }

std::string Path::unquoted_local() const {
  if (!is_quoted()) return local;
  std::string said;
  for (std::size_t i = 1; i + 1 < local.size(); ++i) {
    if (local[i] == '\\') ++i;
    said += local[i];
  }
  return said;
}

std::string Path::plain_local() const {
  if (!is_quoted()) return local;
  std::string said = unquoted_local();
  if (!said.empty() && dot_string(said, true) == said.size()) return said;
  std::string quoted = "\"";
  for (const char c : said) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string Path::key() const { return mailbox(fold_case(plain_local()), domain_ascii); }

std::string Path::spelling() const { return mailbox(to_lower(local), domain_ascii); }

std::string_view without_detail(std::string_view plain_local, std::string_view separator) {
  if (separator.empty() || plain_local.starts_with('"')) return plain_local;
  const auto at = plain_local.find(separator);
  return at == std::string_view::npos || at == 0 ? plain_local : plain_local.substr(0, at);
}

PathFault parse_path(std::string_view between_brackets, const PathOptions& options, Path& out) {
  if (options.lenient) between_brackets = trim(between_brackets);
  out = {};
  out.written = between_brackets;
  out.internationalised = !is_ascii(between_brackets);
  if (between_brackets.empty()) return PathFault::none;
  const PathFault fault = read_path(between_brackets, options, out);
  if (fault != PathFault::none) {
    // Half an address is worse than none: nobody can act on it by mistake.
    out.local.clear();
    out.domain.clear();
    out.domain_ascii.clear();
  }
  return fault;
}

std::optional<std::string_view> take_bracketed(std::string_view& text) {
  if (!text.starts_with('<')) return std::nullopt;
  bool quoted = false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && c == '<') {
      return std::nullopt;
    } else if (!quoted && c == '>') {
      const std::string_view between = text.substr(1, i - 1);
      text.remove_prefix(i + 1);
      return between;
    }
  }
  return std::nullopt;
}

}  // namespace sallyport::mail
