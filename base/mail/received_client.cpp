#include "base/mail/received_client.h"

#include <algorithm>

#include "base/mail/address.h"
#include "base/text.h"

namespace sallyport::mail {
namespace {

constexpr std::size_t kMostHelo = 255;

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_space(char c) { return is_blank(c) || c == '\r' || c == '\n'; }

void skip_spaces(std::string_view& text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
}

template <class Ends>
std::string_view take_until(std::string_view& text, Ends ends) {
  const auto end = std::ranges::find_if(text, ends);
  const std::string_view taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(taken.size());
  return taken;
}

// The inside of the comment at the front of `text`, those within it left out; nullopt: it does not end.
std::optional<std::string> take_comment(std::string_view& text) {
  std::string out;
  int depth = 0;
  while (!text.empty()) {
    const std::size_t length = text.front() == '\\' ? std::min<std::size_t>(2, text.size()) : 1;
    const std::string_view octet = text.substr(0, length);
    text.remove_prefix(length);
    if (octet == ")" && --depth == 0) return out;
    if (depth == 1 && octet != "(") out += octet == ")" ? " " : octet.substr(length - 1);
    if (octet == "(") ++depth;
  }
  return std::nullopt;
}

// 192.0.2.1, 192.0.2.1:25, 2001:db8::1, IPv6:2001:db8::1, fe80::1%3.
std::optional<IpAddress> address_of(std::string_view text) {
  constexpr std::string_view tag = "IPv6:";
  if (istarts_with(text, tag)) text.remove_prefix(tag.size());
  text = text.substr(0, text.find('%'));
  auto address = IpAddress::parse(text);
  if (!address && !text.starts_with('['))
    if (const auto with_port = Endpoint::parse(text)) address = with_port->address;
  if (address && address->is_unspecified()) return std::nullopt;
  return address;
}

// [address], [address]:25, ident@[address].
std::optional<IpAddress> bracketed_address(std::string_view word) {
  const std::size_t open = word.rfind('[');
  if (open == std::string_view::npos || (open != 0 && word[open - 1] != '@')) return std::nullopt;
  word.remove_prefix(open + 1);
  const std::size_t close = word.find(']');
  if (close == std::string_view::npos) return std::nullopt;
  const std::string_view port = word.substr(close + 1);
  if (!port.empty() && (port.front() != ':' || !parse_unsigned(port.substr(1)))) return std::nullopt;
  return address_of(word.substr(0, close));
}

// address, ident@address.
std::optional<IpAddress> bare_address(std::string_view word) {
  const std::size_t at = word.rfind('@');
  return address_of(at == std::string_view::npos ? word : word.substr(at + 1));
}

bool has_key(std::string_view word) { return word.substr(0, word.find('[')).contains('='); }

// What one comment says.
struct Comment {
  std::optional<IpAddress> address;
  std::optional<std::string> helo;
};

// A comment that begins with an address, or with words about the client, is like Exim's and CommuniGate's:
// in what follows addresses are the client's own words. Elsewhere those stand in front of the address. One
// in brackets goes before one without, which may be a reverse name.
Comment read_comment(std::string_view text) {
  Comment out;
  std::optional<IpAddress> bracketed, bare;
  bool first = true, settled = false;
  for (skip_spaces(text); !text.empty(); skip_spaces(text), first = false) {
    std::string_view word = take_until(text, is_space);
    if (word.ends_with(',')) word.remove_suffix(1);
    if (iequals(word, "HELO") || iequals(word, "EHLO")) {
      skip_spaces(text);
      out.helo = take_until(text, is_space);
      break;
    }
    if (istarts_with(word, "helo=")) out.helo = word.substr(5);
    if (first) settled = has_key(word) || iequals(word, "account");
    if (settled || has_key(word)) continue;
    if (const auto address = bracketed_address(word)) {
      bracketed = address;
      settled = first && word.starts_with('[');
    } else if (const auto other = bare_address(word)) {
      bare = other;
    }
  }
  out.address = bracketed ? bracketed : bare;
  return out;
}

std::string fit_helo(std::string_view word) {
  const bool fit = word.size() <= kMostHelo && !holds_control(word);
  return std::string(fit ? word : std::string_view());
}

// The clause behind "from", up to "by": a word, and comments.
std::optional<ReceivedClient> read_from_clause(std::string_view text) {
  const auto ends_word = [](char c) { return is_space(c) || c == '(' || c == ';'; };
  skip_spaces(text);
  const std::string_view said = take_until(text, ends_word);
  std::optional<std::string> helo;
  for (skip_spaces(text); !text.empty() && text.front() != ';'; skip_spaces(text)) {
    if (text.front() != '(') {
      if (iequals(take_until(text, ends_word), "by")) break;
      continue;
    }
    const auto inside = take_comment(text);
    if (!inside) break;
    Comment comment = read_comment(*inside);
    if (!helo) helo = std::move(comment.helo);
    if (comment.address) return ReceivedClient{*comment.address, fit_helo(helo ? *helo : said)};
  }
  const auto address = helo ? bracketed_address(said) : std::nullopt;
  if (!address) return std::nullopt;
  return ReceivedClient{*address, fit_helo(*helo)};
}

}  // namespace

std::optional<ReceivedClient> received_client(std::string_view value) {
  for (skip_spaces(value); value.starts_with('('); skip_spaces(value))
    if (!take_comment(value)) return std::nullopt;
  const std::string_view first = take_until(value, [](char c) { return is_space(c) || c == '('; });
  if (!iequals(first, "from")) return std::nullopt;
  return read_from_clause(value);
}

void ReceivedClients::feed(std::string_view content) {
  while (!content.empty() && !complete()) {
    switch (state_) {
      case State::line_start:
        begin_line(content.front());
        break;
      case State::name:
        name_octet(content.front());
        content.remove_prefix(1);
        break;
      case State::value:
      case State::skipping:
        take_line(content);
        break;
    }
  }
}

void ReceivedClients::finish() {
  if (complete()) return;
  settle();
  over_ = true;
}

void ReceivedClients::begin_line(char first) {
  if (is_blank(first)) {
    state_ = line_state_;
    return;
  }
  settle();
  state_ = State::name;
  matched_ = 0;
  after_cr_ = false;
}

void ReceivedClients::name_octet(char c) {
  constexpr std::string_view name = "received";
  if (c == '\n') {
    over_ = matched_ == 0;
    state_ = State::line_start;
  } else if (c == '\r' && matched_ == 0 && !after_cr_) {
    after_cr_ = true;
  } else if (matched_ < name.size() && lower(c) == name[matched_] && !after_cr_) {
    ++matched_;
  } else if (matched_ == name.size() && c == ':') {
    state_ = line_state_ = State::value;
  } else if (matched_ < name.size() || !is_blank(c)) {
    state_ = State::skipping;
  }
}

void ReceivedClients::take_line(std::string_view& content) {
  const std::size_t end = content.find('\n');
  const std::string_view line = content.substr(0, end == std::string_view::npos ? end : end + 1);
  if (state_ == State::value) held_ += line.substr(0, kMostHeld - held_.size());
  content.remove_prefix(line.size());
  if (end != std::string_view::npos) state_ = State::line_start;
}

void ReceivedClients::settle() {
  if (line_state_ == State::value) found_.push_back(received_client(held_));
  line_state_ = State::skipping;
  held_.clear();
}

}  // namespace sallyport::mail
