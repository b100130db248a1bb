#include "base/mail/authentication_results.h"

#include <algorithm>

#include "base/mail/address.h"
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

// What a quoted string holds; it may not end.
std::string take_quoted(std::string_view& text) {
  std::string out;
  text.remove_prefix(1);
  while (!text.empty() && text.front() != '"') {
    if (text.front() == '\\' && text.size() > 1) text.remove_prefix(1);
    if (!is_control(text.front())) out += text.front();
    text.remove_prefix(1);
  }
  text.remove_prefix(std::min<std::size_t>(1, text.size()));
  return out;
}

// A version behind the id, as an earlier draft had it, and what else some readers stop at.
bool ends_id(char c) { return c == '/' || c == ',' || c == '='; }

// In comparing form, U-labels as A-labels; what is no domain stays as it is.
std::string comparable(std::string id) {
  if (id.ends_with('.')) id.pop_back();
  DomainName name;
  if (parse_domain(to_lower(id), name) == DomainFault::none) return name.ascii;
  return to_lower(id);
}

}  // namespace

// As the most lenient reader would put it together: whatever stands between its letters that is blank, a
// comment, a quote or a control octet.
std::string authserv_id(std::string_view body) {
  std::string id;
  bool apart = false;  // a blank was passed: only a dot on one of its sides goes on with the id
  while (!body.empty() && body.front() != ';') {
    const char c = body.front();
    if (c == '(') {
      skip_comment(body);
      apart = true;
      continue;
    }
    if (c == '"') {
      if (apart && !id.empty() && id.back() != '.') break;
      id += take_quoted(body);
      apart = false;
      continue;
    }
    body.remove_prefix(1);
    if (is_space(c) || is_control(c)) {
      apart = apart || is_space(c);
      continue;
    }
    if (ends_id(c) || (apart && !id.empty() && c != '.' && id.back() != '.')) break;
    apart = false;
    id += c;
  }
  return comparable(std::move(id));
}

std::string AuthenticationResultsFilter::held_id() const {
  const std::string_view field = held_;
  return authserv_id(field.substr(field.find(':') + 1));
}

bool AuthenticationResultsFilter::is_ours(std::string_view id) const {
  return id.empty() || id == comparable(own_id_);
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
  const bool others = !is_ours(id);
  line_state_ = others ? State::passing : State::dropping;
  if (state_ == State::holding) state_ = line_state_;
  if (others)
    out += held_;
  else
    ++removed_;
  held_.clear();
}

AuthenticationResultsFilter::AuthenticationResultsFilter(const std::string& own_id) : own_id_(own_id) {}

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
