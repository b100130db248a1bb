#include <algorithm>

#include "base/mail/content.h"
#include "base/text.h"

namespace sallyport::mail {
namespace {

// RFC 5322 2.1.1 ends a line at 998 octets; a field name or a "by" clause further out is not one of ours.
constexpr std::size_t kept_of_line = 1024;
constexpr std::size_t kept_of_field = 4096;

void append_capped(std::string& kept, std::string_view more, std::size_t cap) {
  kept += more.substr(0, cap - std::min(cap, kept.size()));
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool holds_text(std::string_view value) { return !std::ranges::all_of(value, is_blank); }

// The name of the field that `line` begins, "" when it begins none. Blanks before the colon are
// obsolete (RFC 5322 4.5) but seen.
std::string_view field_name(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view name = line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1);
  const bool printable = std::ranges::all_of(name, [](char c) { return c > ' ' && c < '\x7f'; });
  return printable && colon != 0 ? name : std::string_view();
}

// What stands in parentheses may hold anything, "by" clauses of other people's making included.
std::string without_comments(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  int depth = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '(' && ++depth == 1) out += ' ';
    if (depth == 0) out += is_blank(c) || c == ';' || c == ')' ? ' ' : c;
    if (depth > 0 && c == '\\') ++i;
    if (depth > 0 && c == ')') --depth;
  }
  return out;
}

std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

// Any "by <token>" counts, whatever stands in front: other hosts' "from" clauses come in many shapes, and
// to miss our own name would let a message go round for ever.
bool says_by(std::string_view received, std::string_view token) {
  const std::string clauses = without_comments(received);
  std::string_view rest = clauses;
  bool after_by = false;
  while (true) {
    std::string_view word = take_word(rest);
    if (word.empty()) return false;
    if (after_by && iequals(word.ends_with('.') ? word.substr(0, word.size() - 1) : word, token))
      return true;
    after_by = iequals(word, "by");
  }
}

bool is_any_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::any_of(names, [&](std::string_view one) { return iequals(name, one); });
}

// Beside RFC 3834, what autoresponders and lists are known by.
bool is_automatic_field(std::string_view name) {
  return is_any_of(
      name, {"List-Id", "List-Unsubscribe", "X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress"});
}

bool may_say_automatic(std::string_view name) {
  return is_any_of(name, {"Auto-Submitted", "Content-Type", "Precedence"});
}

// `value` is unfolded.
bool says_automatic(std::string_view name, std::string_view value) {
  const std::string words = without_comments(value);
  std::string_view rest = words;
  const std::string_view word = take_word(rest);
  if (iequals(name, "Auto-Submitted")) return !iequals(word, "no");
  if (iequals(name, "Content-Type")) return iequals(word, "multipart/report");
  return iequals(name, "Precedence") && is_any_of(word, {"bulk", "junk", "list", "auto_reply"});
}

}  // namespace

HeaderScanner::HeaderScanner(std::uint64_t max_octets, std::string own_token)
    : max_octets_(max_octets), own_token_(std::move(own_token)) {}

void HeaderScanner::feed(std::string_view content) {
  while (!content.empty() && !complete_ && !too_large()) {
    // No further than to the first octet too many, so that it does not depend on the pieces whether a first
    // line that turns out to be no field was too large.
    const std::string_view room = content.substr(0, max_octets_ + 1 - octets_);
    const std::size_t lf = room.find('\n');
    const std::string_view part = room.substr(0, lf == std::string_view::npos ? lf : lf + 1);
    content.remove_prefix(part.size());
    piece(part);
    if (lf != std::string_view::npos) line_ended();
  }
}

void HeaderScanner::finish() {
  if (too_large()) return;
  if (!line_.empty() && !complete_) line_ended();
  field_ended();
}

void HeaderScanner::piece(std::string_view text) {
  append_capped(line_, text, kept_of_line);
  line_octets_ += text.size();
  if (!absent_) octets_ += text.size();
}

void HeaderScanner::line_ended() {
  std::string_view text = line_;
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  ++lines_;
  line(text);
  line_.clear();
  line_octets_ = 0;
}

void HeaderScanner::line(std::string_view text) {
  if (text.empty()) {
    field_ended();
    complete_ = true;
    return;
  }
  const bool continues = in_field_ && is_blank(text.front());
  if (continues) {
    if (!field_.empty()) append_capped(field_, text, kept_of_field);
    if (in_message_id_) identified_ = identified_ || holds_text(text);
  } else {
    field_begins(text);
  }
  if (absent_ && in_field_) octets_ += line_octets_;
}

void HeaderScanner::field_begins(std::string_view text) {
  field_ended();
  const std::string_view name = field_name(text);
  in_field_ = !name.empty();
  if (!in_field_ && lines_ == 1) {
    continues_trace_ = is_blank(text.front());
    absent_ = !continues_trace_;
    if (absent_) octets_ = 0;
  }
  if (!in_field_ && !absent_ && malformed_line_ == 0) malformed_line_ = lines_;
  in_message_id_ = !absent_ && iequals(name, "Message-ID");
  const std::string_view value = text.substr(text.find(':') + 1);
  if (in_message_id_) identified_ = identified_ || holds_text(value);
  if (!absent_) automatic_ = automatic_ || is_automatic_field(name);
  const bool is_received = iequals(name, "Received");
  if (is_received) ++received_;
  if (!is_received && (absent_ || !may_say_automatic(name))) return;
  field_name_ = is_received ? "" : name;
  field_ = value;
  field_ += ' ';  // never empty while the field lasts
}

void HeaderScanner::field_ended() {
  if (field_.empty()) return;
  if (!field_name_.empty())
    automatic_ = automatic_ || says_automatic(field_name_, field_);
  else if (says_by(field_, own_token_))
    ++received_by_us_;
  field_.clear();
}

}  // namespace sallyport::mail
