#include "base/mail/authentication_results.h"

#include <algorithm>

#include "base/text.h"

namespace sallyport::mail {
namespace {

constexpr std::string_view kName = "authentication-results";

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_space(char c) { return is_blank(c) || c == '\r' || c == '\n'; }

// A comment, its nested ones included (RFC 5322 3.2.2); one that does not end takes all that is left.
void skip_comment(std::string_view& text) {
  int depth = 0;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(c == '\\' ? std::min<std::size_t>(2, text.size()) : 1);
    if (c == '(') ++depth;
    if (c == ')' && --depth == 0) return;
  }
}

void skip_cfws(std::string_view& text) {
  while (!text.empty()) {
    if (text.front() == '(')
      skip_comment(text);
    else if (is_space(text.front()))
      text.remove_prefix(1);
    else
      return;
  }
}

std::string take_quoted(std::string_view text) {
  std::string out;
  for (std::size_t at = 1; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    if (text[at] != '\r' && text[at] != '\n') out += text[at];
  }
  return out;
}

}  // namespace

std::string authserv_id(std::string_view body) {
  skip_cfws(body);
  if (body.starts_with('"')) return take_quoted(body);
  std::size_t length = 0;
  while (length < body.size() && !is_space(body[length]) && body[length] != ';' && body[length] != '(')
    ++length;
  return std::string(body.substr(0, length));
}

std::string AuthenticationResultsFilter::held_id() const {
  const std::string_view field = held_;
  return authserv_id(field.substr(field.find(':') + 1));
}

bool AuthenticationResultsFilter::is_ours(std::string_view id) const {
  if (id.ends_with('.')) id.remove_suffix(1);
  return iequals(id, own_id_);
}

// The held field is complete.
void AuthenticationResultsFilter::settle(std::string& out) {
  if (is_ours(held_id()))
    ++removed_;
  else
    out += held_;
  held_.clear();
}

void AuthenticationResultsFilter::begin_line(char first, std::string& out) {
  if (is_blank(first) && line_state_ != State::passing) {
    state_ = line_state_;
    return;
  }
  if (!held_.empty()) settle(out);
  line_state_ = State::passing;
  state_ = State::name;
}

// As far as the line may still be the beginning of such a field, of an empty line, or of neither.
void AuthenticationResultsFilter::take_name(std::string_view& content, std::string& out) {
  while (!content.empty()) {
    const char c = content.front();
    const std::size_t known = held_.size();
    const bool empty_line = held_ == "\r" || held_.empty();
    held_ += c;
    content.remove_prefix(1);
    if (c == '\n') {
      out += held_;
      held_.clear();
      state_ = empty_line ? State::body : State::line_start;
      return;
    }
    if (c == ':' && known >= kName.size()) {
      state_ = line_state_ = State::holding;
      return;
    }
    const bool may_be = known < kName.size() ? lower(c) == kName[known] || (c == '\r' && known == 0)
                                             : is_blank(c);  // in front of the colon (RFC 5322 4.5)
    if (may_be && held_.size() < kMostHeld) continue;
    if (may_be)
      ++removed_;  // nobody honest writes so many blanks in front of a colon
    else
      out += held_;
    held_.clear();
    state_ = line_state_ = may_be ? State::dropping : State::passing;
    return;
  }
}

// Up to the line's end; into `out`, or nowhere.
void AuthenticationResultsFilter::take_line(std::string_view& content, std::string* out) {
  const std::size_t end = content.find('\n');
  const std::size_t length = end == std::string_view::npos ? content.size() : end + 1;
  if (out) out->append(content.substr(0, length));
  content.remove_prefix(length);
  if (end != std::string_view::npos) state_ = State::line_start;
}

// Cut at the bound exactly, so that it does not matter how the octets came. There it is decided by what
// there is.
void AuthenticationResultsFilter::hold(std::string_view& content, std::string& out) {
  std::string_view piece = content.substr(0, kMostHeld - held_.size());
  const std::size_t before = piece.size();
  take_line(piece, &held_);
  content.remove_prefix(before - piece.size());
  if (held_.size() < kMostHeld) return;
  const std::string id = held_id();
  const bool others = !id.empty() && !is_ours(id);
  line_state_ = others ? State::passing : State::dropping;
  if (state_ == State::holding) state_ = line_state_;
  if (others)
    out += held_;
  else
    ++removed_;
  held_.clear();
}

void AuthenticationResultsFilter::feed(std::string_view content, std::string& out) {
  while (!content.empty()) {
    switch (state_) {
      case State::line_start:
        begin_line(content.front(), out);
        break;
      case State::name:
        take_name(content, out);
        break;
      case State::passing:
        take_line(content, &out);
        break;
      case State::dropping:
        take_line(content, nullptr);
        break;
      case State::holding:
        hold(content, out);
        break;
      case State::body:
        out += content;
        return;
    }
  }
}

void AuthenticationResultsFilter::finish(std::string& out) {
  if (line_state_ == State::holding)
    settle(out);
  else
    out += held_;
  held_.clear();
}

}  // namespace sallyport::mail
