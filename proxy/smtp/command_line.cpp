#include "proxy/smtp/command_line.h"

#include <algorithm>
#include <array>

#include "base/mail/address.h"
#include "base/text.h"

namespace sallyport::smtp {
namespace {

struct Name {
  std::string_view name;
  Verb verb;
};

constexpr std::array verbs = {
    Name{"RCPT", Verb::rcpt},
    Name{"MAIL", Verb::mail},
    Name{"DATA", Verb::data},
    Name{"BDAT", Verb::bdat},
    Name{"EHLO", Verb::ehlo},
    Name{"HELO", Verb::helo},
    Name{"LHLO", Verb::lhlo},
    Name{"QUIT", Verb::quit},
    Name{"RSET", Verb::rset},
    Name{"NOOP", Verb::noop},
    Name{"STARTTLS", Verb::starttls},
    Name{"AUTH", Verb::auth},
    Name{"HELP", Verb::help},
    Name{"VRFY", Verb::vrfy},
    Name{"EXPN", Verb::expn},
    Name{"ETRN", Verb::obsolete},
    Name{"ATRN", Verb::obsolete},
    Name{"TURN", Verb::obsolete},
    Name{"BURL", Verb::obsolete},
    Name{"SEND", Verb::obsolete},
    Name{"SOML", Verb::obsolete},
    Name{"SAML", Verb::obsolete},
    Name{"XCLIENT", Verb::trusted_only},
    Name{"XFORWARD", Verb::trusted_only},
    Name{"PROXY", Verb::trusted_only},
};

constexpr std::array<std::string_view, 10> http_methods = {"GET",     "POST",   "PUT",   "HEAD",  "CONNECT",
                                                           "OPTIONS", "DELETE", "TRACE", "PATCH", "PRI"};

constexpr std::size_t max_helo_name = 255;
constexpr std::size_t max_logged = 300;
constexpr std::size_t max_logged_word = 40;

// Takes the first word off `text`, and the blanks behind it.
std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text = trim(text.substr(word.size()));
  return word;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!istarts_with(text, prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

void skip_blanks(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
}

bool is_visible_ascii(char c) { return is_ascii(c) && !is_control(c) && c != ' '; }

std::optional<std::string_view> take_path(std::string_view& text, bool lenient) {
  if (!lenient || text.starts_with('<')) return mail::take_bracketed(text);
  const std::string_view path = text.substr(0, text.find(' '));
  if (path.empty()) return std::nullopt;
  text.remove_prefix(path.size());
  return path;
}

}  // namespace

CommandLine parse_command(std::string_view line) {
  std::string_view argument = trim(line);
  const std::string_view word = take_word(argument);
  const auto known = std::find_if(verbs.begin(), verbs.end(),
                                  [&](const Name& entry) { return iequals(entry.name, word); });
  return {known == verbs.end() ? Verb::unknown : known->verb, argument};
}

std::string_view name_of(Verb verb) {
  switch (verb) {
    case Verb::obsolete:
    case Verb::trusted_only:
    case Verb::unknown:
      return {};
    default:
      break;
  }
  return std::ranges::find(verbs, verb, &Name::verb)->name;
}

bool is_like_auth(std::string_view line) { return istarts_with(trim(line), "AUTH"); }

std::string_view loggable(std::string_view line, bool secret) {
  std::string_view rest = trim(line);
  switch (const Verb verb = parse_command(line).verb) {
    case Verb::mail:
    case Verb::rcpt:
    case Verb::helo:
    case Verb::ehlo:
    case Verb::lhlo:
    case Verb::bdat:
      return rest.substr(0, max_logged);
    case Verb::unknown:
      if (secret || is_like_auth(line)) return {};
      return rest.substr(0, rest.find_first_of(" \t")).substr(0, max_logged_word);
    default:
      return verb == Verb::auth ? name_of(verb) : take_word(rest);
  }
}

std::string_view written_recipient(std::string_view line) {
  const std::string_view argument = parse_command(line).argument;
  PathArgument written;
  if (split_path_argument("TO", argument, true, written) == PathArgumentFault::none) return written.path;
  const std::size_t bracket = argument.find('<');
  const std::size_t before = bracket == std::string_view::npos ? argument.find(':') : bracket;
  return argument.substr(before + 1);  // all of it, if there is neither
}

bool is_other_protocol(std::string_view line) {
  if (line.starts_with("SSH-")) return true;
  if (line.size() > 1 && line[0] == '*' && is_digit(line[1])) return true;
  const std::string_view word = take_word(line);
  return std::any_of(http_methods.begin(), http_methods.end(),
                     [&](std::string_view method) { return iequals(method, word); });
}

bool is_other_protocol(char first) { return first == '\x16' || first == '\x03' || first == '\x80'; }

bool is_helo_name(std::string_view argument) {
  if (argument.empty() || argument.size() > max_helo_name) return false;
  if (!std::all_of(argument.begin(), argument.end(), is_visible_ascii)) return false;
  return !argument.starts_with('[') || mail::is_valid_address_literal(argument);
}

PathArgumentFault split_path_argument(std::string_view keyword, std::string_view argument, bool lenient,
                                      PathArgument& out) {
  if (!take_prefix(argument, keyword)) return PathArgumentFault::keyword;
  if (lenient) skip_blanks(argument);
  if (!take_prefix(argument, ":")) return PathArgumentFault::keyword;
  if (lenient) skip_blanks(argument);
  const auto path = take_path(argument, lenient);
  if (!path) return PathArgumentFault::brackets;
  if (!argument.empty() && !argument.starts_with(' ')) return PathArgumentFault::brackets;
  out = {*path, argument};
  return PathArgumentFault::none;
}

std::optional<ChunkArgument> parse_chunk_argument(std::string_view argument) {
  const std::string_view digits = take_word(argument);
  const auto octets = parse_unsigned(digits);
  if (!octets || (!argument.empty() && !iequals(argument, "LAST"))) return std::nullopt;
  return ChunkArgument{*octets, !argument.empty()};
}

AuthArgument split_auth_argument(std::string_view argument) {
  const std::string_view mechanism = take_word(argument);
  if (argument.empty()) return {mechanism, std::nullopt};
  return {mechanism, argument};
}

}  // namespace sallyport::smtp
