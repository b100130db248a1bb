#include "base/mail/reply.h"

#include <algorithm>

#include "base/text.h"

namespace sallyport::mail {
namespace {

constexpr std::size_t max_line = 512;  // RFC 5321 4.5.3.1.5, with CRLF
constexpr std::size_t max_reply = 65'536;
constexpr std::size_t max_lines = 100;
constexpr std::size_t max_text = 1000;  // of one parsed line

// What could end the line, or is not ASCII, becomes '?'.
void append_wire_text(std::string& out, std::string_view text) {
  const auto before = static_cast<std::ptrdiff_t>(out.size());
  out += text;
  std::replace_if(
      out.begin() + before, out.end(), [](char c) { return is_control(c) || !is_ascii(c); }, '?');
}

// Takes one line of at most `width` octets off `text`: up to a LF, else broken at a space.
std::string_view take_line(std::string_view& text, std::size_t width) {
  const std::string_view line = text.substr(0, text.find('\n'));
  if (line.size() <= width) {
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return line;
  }
  const std::size_t space = line.rfind(' ', width);
  const bool at_space = space != std::string_view::npos && space != 0;
  const std::size_t size = at_space ? space : width;
  text.remove_prefix(at_space ? size + 1 : size);
  return line.substr(0, size);
}

}  // namespace

std::string EnhancedCode::to_string() const {
  std::string out = std::to_string(klass);
  for (const int part : {subject, detail}) out.append(1, '.').append(std::to_string(part));
  return out;
}

Reply reply(int code, EnhancedCode enhanced, std::string text) {
  return Reply{code, enhanced, std::move(text)};
}

std::string Reply::wire(std::string_view id) const {
  const std::string number = std::to_string(code);
  const std::string status = enhanced ? enhanced.to_string() : std::string();
  std::string ending_id;
  if (with_id && !id.empty() && (transient() || permanent()))
    append_wire_text(ending_id.append("; id "), id);
  // "550-5.7.1 " in front, CRLF behind; room for the ending on every line, for each may be the last.
  const std::size_t taken = number.size() + 1 + status.size() + 1 + ending_id.size() + 2;
  const std::size_t width = max_line - std::min(taken, max_line - 1);
  std::string out;
  out.reserve(taken + text.size());
  std::string_view rest = text;
  do {
    const std::string_view line = take_line(rest, width);
    const bool last = rest.empty();
    std::string_view ending = last ? std::string_view(ending_id) : std::string_view();
    if (line.empty() && !ending.empty()) ending.remove_prefix(2);
    const bool wordless = line.empty() && ending.empty();
    out += number;
    if (!last || !wordless || !status.empty()) out += last ? ' ' : '-';
    out += status;
    if (!wordless && !status.empty()) out += ' ';
    append_wire_text(out, line);
    out.append(ending).append("\r\n");
  } while (!rest.empty());
  return out;
}

// -- ReplyParser ----------------------------------------------------------------------------------

namespace {

// Takes up to three digits without a leading zero off `text`; -1: there are none.
int take_number(std::string_view& text) {
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  if (digits == 0 || digits > 3 || (digits > 1 && text[0] == '0')) return -1;
  int number = 0;
  for (const char c : text.substr(0, digits)) number = number * 10 + (c - '0');
  text.remove_prefix(digits);
  return number;
}

bool take_dot(std::string_view& text) {
  if (!text.starts_with('.')) return false;
  text.remove_prefix(1);
  return true;
}

// RFC 2034 4: an enhanced code counts only where its class is that of the reply.
EnhancedCode take_enhanced(std::string_view& text, int code) {
  std::string_view rest = text;
  const int klass = take_number(rest);
  if (klass != code / 100 || klass == 3 || !take_dot(rest)) return {};
  const int subject = take_number(rest);
  if (subject < 0 || !take_dot(rest)) return {};
  const int detail = take_number(rest);
  if (detail < 0 || (!rest.empty() && rest.front() != ' ')) return {};
  text = trim(rest);
  return {static_cast<std::uint8_t>(klass), static_cast<std::uint16_t>(subject),
          static_cast<std::uint16_t>(detail)};
}

// The code of a line, 0 when it has none.
int code_of(std::string_view line) {
  if (line.size() < 3 || !std::ranges::all_of(line.substr(0, 3), is_digit)) return 0;
  return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

}  // namespace

ReplyParser::State ReplyParser::feed(std::string_view& input) {
  if (!why_.empty()) return State::broken;
  if (done_) *this = {};
  while (!input.empty()) {
    const std::size_t lf = input.find('\n');
    const std::string_view piece = input.substr(0, lf);
    if (octets_ + piece.size() >= max_reply) return broken("reply of more than 64 KiB");
    octets_ += piece.size() + 1;
    line_ += piece;
    if (lf == std::string_view::npos) {
      input = {};
      break;
    }
    input.remove_prefix(lf + 1);
    const State state = line_complete();
    if (state != State::more) return state;
  }
  return State::more;
}

ReplyParser::State ReplyParser::line_complete() {
  std::string_view line = line_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  const int code = code_of(line);
  if (code < 200 || code > 599) return broken("no reply code from 200 to 599");
  if (!lines_.empty() && code != reply_.code) return broken("two codes in one reply");
  if (lines_.size() == max_lines) return broken("reply of more than 100 lines");
  const char separator = line.size() == 3 ? ' ' : line[3];
  if (separator != ' ' && separator != '-') return broken("no space or hyphen behind the reply code");
  reply_.code = code;
  keep_text(line.substr(std::min<std::size_t>(4, line.size())));
  line_.clear();
  done_ = separator == ' ';
  return done_ ? State::done : State::more;
}

void ReplyParser::keep_text(std::string_view text) {
  const bool first = lines_.empty();
  lines_.push_back(printable(text, max_text));
  std::string_view rest = lines_.back();
  const EnhancedCode enhanced = take_enhanced(rest, reply_.code);
  if (!reply_.enhanced) reply_.enhanced = enhanced;
  if (!first) reply_.text += '\n';
  reply_.text += rest;
}

ReplyParser::State ReplyParser::broken(const char* why) {
  why_ = why;
  line_.clear();
  return State::broken;
}

}  // namespace sallyport::mail
