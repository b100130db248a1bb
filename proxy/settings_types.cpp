#include "proxy/settings_types.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mail/address.h"
#include "base/text.h"

namespace sallyport::proxy {
namespace {

using config::Node;

std::string same(const std::string& text) { return text; }

Result<std::string> parse_host_name(std::string_view text) {
  mail::DomainName name;
  if (IpAddress::parse(text)) return fail(Errc::invalid, "an address is no name");
  if (mail::parse_domain(text, name) != mail::DomainFault::none) return fail(Errc::invalid);
  if (!name.ascii.contains('.')) return fail(Errc::invalid, "it needs a domain, as in \"mx.example.com\"");
  return name.ascii;
}

struct Scheme {
  std::string_view prefix;
  bool lmtp;
  bool implicit_tls;
  std::uint16_t port;
};
constexpr Scheme plain_smtp{"smtp://", false, false, 25};
constexpr Scheme schemes[] = {plain_smtp, {"lmtp://", true, false, 24}, {"smtps://", false, true, 465}};

const Scheme& take_scheme(std::string_view& text) {
  for (const auto& scheme : schemes) {
    if (!istarts_with(text, scheme.prefix)) continue;
    text.remove_prefix(scheme.prefix.size());
    return scheme;
  }
  return plain_smtp;
}

// Splits "host:port", "[v6]:port" and a host alone; the port is 0 where none is written.
std::optional<std::pair<std::string_view, std::uint16_t>> split_port(std::string_view text) {
  std::string_view host = text, rest;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (rest.empty()) return std::pair{host, std::uint16_t{0}};
  const auto port = parse_unsigned(rest.substr(1));
  if (!rest.starts_with(':') || !port || *port == 0 || *port > 65535) return std::nullopt;
  return std::pair{host, static_cast<std::uint16_t>(*port)};
}

Result<relay::Host> parse_next_hop(std::string_view text) {
  const auto& scheme = take_scheme(text);
  if (text.contains("://")) return fail(Errc::invalid, "known prefixes are smtp://, lmtp:// and smtps://");
  if (IpAddress::parse(text) && text.contains(':'))
    return fail(Errc::invalid, "an IPv6 address stands in brackets: \"[" + std::string(text) + "]:25\"");
  const auto split = split_port(text);
  if (!split) return fail(Errc::invalid, "a port is a number from 1 to 65535");
  const auto& [name, port] = *split;
  relay::Host host{std::string(name), port != 0 ? port : scheme.port, scheme.lmtp, scheme.implicit_tls};
  if (const auto address = IpAddress::parse(name)) {
    host.name = address->to_string();
    return host;
  }
  mail::DomainName domain;
  if (mail::parse_domain(name, domain) != mail::DomainFault::none) return fail(Errc::invalid);
  if (is_digit(domain.ascii.back())) return fail(Errc::invalid, "this looks like an address, but is none");
  host.name = domain.ascii;
  return host;
}

Result<std::string> parse_mailbox(std::string_view text) {
  mail::Path path;
  const bool good = mail::parse_path(text, {.smtputf8 = true}, path) == mail::PathFault::none;
  if (!good || path.is_null() || path.source_route) return fail(Errc::invalid);
  return std::string(text);
}

Result<std::string> parse_role_name(std::string_view text) {
  mail::Path path;
  if (text.contains('@')) return fail(Errc::invalid, "only what stands in front of the @");
  if (mail::parse_path(text, {.allow_bare_name = true}, path) != mail::PathFault::none || path.is_null())
    return fail(Errc::invalid);
  return to_lower(text);
}

Result<std::string> parse_fingerprint(std::string_view text) {
  constexpr std::size_t sha256_digits = 64;
  std::string digits = to_lower(text);
  std::erase(digits, ':');
  const auto is_hex = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); };
  if (digits.size() == sha256_digits && std::ranges::all_of(digits, is_hex)) return digits;
  return fail(Errc::invalid, "openssl x509 -noout -fingerprint -sha256 -in certificate.pem shows it");
}

Result<std::string> parse_reply_text(std::string_view text) {
  constexpr std::size_t max_reply = 400;
  if (text.empty() || text.size() > max_reply)
    return fail(Errc::invalid, "it becomes part of one SMTP reply");
  const auto printable = [](char c) { return is_ascii(c) && !is_control(c); };
  if (!std::ranges::all_of(text, printable))
    return fail(Errc::invalid, "SMTP replies are ASCII, of one line: no accents, \"ue\" for an umlaut");
  const bool code = text.size() > 3 && std::ranges::all_of(text.substr(0, 3), is_digit) && text[3] == ' ';
  if (code && text.front() >= '2' && text.front() <= '5')
    return fail(Errc::invalid, "without a code: 550 5.7.1 is put in front of it");
  return std::string(text);
}

std::string recipient_source_words() { return R"("ask", "any", {"ask": "host:port"} or {"list": "file"})"; }

// In two files they are merged, and neither takes the other's place.
bool tell_both_sources(const config::Member& one, const config::Member& other, config::Reader& reader) {
  return reader.error(other.position,
                      fmt::format("\"{}\", and \"{}\" at {}: it is one of the two", other.key, one.key,
                                  one.position.to_string()),
                      fmt::format(R"(take one out; in a file that comes later: {{"{}": ..., "{}": null}})",
                                  other.key, one.key));
}

bool read_source_object(const Node& node, RecipientSource& out, config::Reader& reader) {
  std::vector<const config::Member*> written;  // `null` is as if it were not
  for (const config::Member& member : *node.as<config::Object>())
    if (!member.value.is_null()) written.push_back(&member);
  if (written.size() == 2) return tell_both_sources(*written[0], *written[1], reader);
  if (written.size() != 1)
    return reader.expected(node, recipient_source_words(), "exactly one of the two keys");
  const auto& [key, position, value] = *written.front();
  const config::Reader::Step step(reader, key);
  if (key == "list") {
    out.check = relay::RecipientCheck::list;
    return config::file_name().read(value, out.list, reader);
  }
  if (key == "ask") return config::optional(next_hop()).read(value, out.ask, reader);
  return reader.error(position, "unknown key", config::did_you_mean(key, {"ask", "list"}));
}

bool read_source(const Node& node, RecipientSource& out, config::Reader& reader) {
  if (node.as<config::Object>()) return read_source_object(node, out, reader);
  const auto* word = node.as<std::string>();
  if (word && *word == "list")
    return reader.error(node.position, "the list is not named", R"({"list": "lists/recipients"})");
  if (!word || (*word != "ask" && *word != "any"))
    return reader.expected(node, recipient_source_words(),
                           word ? config::did_you_mean(*word, {"ask", "any", "list"}) : "");
  out.check = *word == "ask" ? relay::RecipientCheck::ask : relay::RecipientCheck::any;
  return true;
}

Node show_source(const RecipientSource& source, config::Show) {
  if (source.check == relay::RecipientCheck::any) return Node::text("any");
  if (source.check == relay::RecipientCheck::list)
    return Node::object().add("list", Node::text(source.list));
  if (source.ask) return Node::object().add("ask", Node::text(source.ask->to_string()));
  return Node::text("ask");
}

Node source_schema() {
  Node object = Node::object().add("type", Node::text("object"));
  object.add("minProperties", Node::integer(1)).add("maxProperties", Node::integer(1));
  object.add("additionalProperties", Node::boolean(false));
  object.add("properties",
             Node::object().add("ask", config::text_schema()).add("list", config::text_schema()));
  return Node::object().add("anyOf",
                            Node::list({config::choice_schema({"ask", "any"}), std::move(object)}));
}

}  // namespace

config::Type<std::string> host_name() {
  return config::parsed<std::string>("a fully qualified host name", parse_host_name, same);
}

config::Type<std::string> helo_name() {
  return config::parsed<std::string>(
      "a fully qualified host name or an address literal",
      [](std::string_view text) -> Result<std::string> {
        if (text.starts_with('[') && mail::is_valid_address_literal(text)) return std::string(text);
        return parse_host_name(text);
      },
      same);
}

config::Type<relay::Host> next_hop() {
  return config::parsed<relay::Host>(
      R"(a next hop such as "10.0.0.25:25", "mail.example.com" or "lmtp://[::1]:24")", parse_next_hop,
      [](const relay::Host& host) { return host.to_string(); });
}

config::Type<std::string> mailbox() {
  return config::parsed<std::string>("a mailbox such as \"it@example.com\"", parse_mailbox, same);
}

config::Type<std::vector<std::string>> role_names() {
  auto type = config::list_of(
      config::parsed<std::string>("a local part such as \"postmaster\"", parse_role_name, same));
  type.read = [read = type.read](const config::Node& node, std::vector<std::string>& out,
                                 config::Reader& reader) {
    if (!read(node, out, reader)) return false;
    for (const char* always : {"abuse", "postmaster"})
      if (std::ranges::find(out, always) == out.end()) out.insert(out.begin(), always);
    return true;
  };
  return type;
}

config::Type<std::string> fingerprint() {
  return config::parsed<std::string>("a SHA-256 fingerprint of 64 hex digits", parse_fingerprint, same);
}

config::Type<io::TlsVersion> tls_version() {
  return config::choice<io::TlsVersion>({{"1.2", io::TlsVersion::tls1_2}, {"1.3", io::TlsVersion::tls1_3}});
}

// Whoever writes a rule that spares somebody a list looks for a word for it.
config::Type<std::string> list_file() {
  auto type = config::file_name();
  type.read = [read = type.read](const Node& node, std::string& out, config::Reader& reader) {
    if (const auto* word = node.as<std::string>();
        word && (*word == "none" || *word == "off" || *word == "no"))
      return reader.error(node.position, fmt::format("\"{}\" would be the name of a file", *word),
                          R"("" is no list; a file of that name is "./)" + *word + '"');
    return read(node, out, reader);
  };
  return type;
}

config::Type<std::string> subaddress_separator() {
  return config::parsed<std::string>(
      R"(one character such as "+", or "" for none)",
      [](std::string_view text) -> Result<std::string> {
        const bool good = text.empty() || (text.size() == 1 && !is_alnum(text[0]) && is_ascii(text[0]) &&
                                           text[0] > ' ' && text[0] != '@');
        if (good) return std::string(text);
        return fail(Errc::invalid, "neither a letter, a digit nor \"@\"");
      },
      same);
}

config::Type<RecipientSource> recipient_source() {
  return {recipient_source_words(), read_source, show_source, source_schema(), nullptr, {}};
}

config::Type<std::string> reply_text() {
  return config::parsed<std::string>("a text of 1 to 400 printable ASCII characters", parse_reply_text,
                                     same);
}

}  // namespace sallyport::proxy
