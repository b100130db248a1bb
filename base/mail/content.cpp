#include "base/mail/content.h"

#include "base/mail/line_octets.h"

namespace sallyport::mail {
namespace {

constexpr std::string_view crlf = "\r\n";

std::string_view between(const char* from, const char* to) {
  return {from, static_cast<std::size_t>(to - from)};
}

// A line that is too long is clumsy; a wrong line end may be an attack, and must not hide behind one.
void keep_fault(ContentFault& kept, ContentFault found) {
  if (kept == ContentFault::none || kept == ContentFault::line_too_long) kept = found;
}

bool is_crlf(const char* at, const char* end) { return end - at >= 2 && at[0] == '\r' && at[1] == '\n'; }

}  // namespace

// -- DataDecoder ----------------------------------------------------------------------------------

bool DataDecoder::feed(std::string_view& input, std::string& out) {
  const char* const begin = input.data();
  const char* const end = begin + input.size();
  const char* at = begin;
  while (at != end && state_ != State::ended) {
    const char* const run = at;
    at = scan(at, end);
    keep(between(run, at), out);
    if (at != end) step(*at++, out);
  }
  octets_ += static_cast<std::uint64_t>(at - begin);
  input.remove_prefix(static_cast<std::size_t>(at - begin));
  return state_ == State::ended;
}

// Passes over whatever is content as it stands: text, and line ends with no dot behind them.
const char* DataDecoder::scan(const char* from, const char* end) {
  while (from != end) {
    if (state_ == State::line_start && *from != '.') state_ = State::in_line;
    if (state_ != State::in_line) return from;
    const char* const stop = find_line_octet(from, end);
    count(static_cast<std::uint64_t>(stop - from));
    if (!is_crlf(stop, end)) return stop;
    from = stop + 2;
    line_ = 0;
    state_ = State::line_start;
  }
  return from;
}

void DataDecoder::step(char c, std::string& out) {
  switch (state_) {
    case State::line_start:
      state_ = State::dot;  // scan() leaves nothing else here
      return;
    case State::dot:
      state_ = c == '\r' ? State::dot_cr : State::in_line;
      if (c != '\r') text(c, out);
      return;
    case State::dot_cr:
      if (c == '\n') {
        state_ = State::ended;
        return;
      }
      bare(ContentFault::bare_cr, out);
      return text(c, out);
    case State::cr:
      if (c == '\n') return end_line(out);
      bare(ContentFault::bare_cr, out);
      return text(c, out);
    case State::in_line:
      return text(c, out);
    case State::ended:
      return;
  }
}

void DataDecoder::text(char c, std::string& out) {
  switch (c) {
    case '\r':
      state_ = State::cr;
      return;
    case '\n':
      return bare(ContentFault::bare_lf, out);
    case '\0':
      return found(ContentFault::nul);
    default:
      count(1);
      keep({&c, 1}, out);
  }
}

void DataDecoder::end_line(std::string& out) {
  keep(crlf, out);
  line_ = 0;
  state_ = State::line_start;
}

// Normalised or not: in_line, not line_start, for no line begins on the wire behind a bare CR or LF.
void DataDecoder::bare(ContentFault which, std::string& out) {
  state_ = State::in_line;
  if (!normalize_) return found(which);
  keep(crlf, out);
  line_ = 0;
}

void DataDecoder::count(std::uint64_t octets) {
  line_ += octets;
  if (line_ > max_line_) found(ContentFault::line_too_long);
}

void DataDecoder::keep(std::string_view content, std::string& out) const {
  if (fault_ == ContentFault::none) out += content;
}

void DataDecoder::found(ContentFault fault) { keep_fault(fault_, fault); }

// -- ContentWatch ---------------------------------------------------------------------------------

void ContentWatch::feed(std::string_view content) {
  const char* at = content.data();
  const char* const end = at + content.size();
  while (at != end) {
    if (!after_cr_) {
      const char* const stop = find_line_octet(at, end);
      line_ += static_cast<std::uint64_t>(stop - at);
      if (line_ > max_line_) found(ContentFault::line_too_long);
      at = stop;
      if (at == end) return;
    }
    octet(*at++);
  }
}

void ContentWatch::octet(char c) {
  if (after_cr_ && c == '\n') {
    after_cr_ = false;
    line_ = 0;
    return;
  }
  if (after_cr_) found(ContentFault::bare_cr);
  after_cr_ = c == '\r';
  if (c == '\n') found(ContentFault::bare_lf);
  if (c == '\0') found(ContentFault::nul);
}

void ContentWatch::finish() {
  if (after_cr_) found(ContentFault::bare_cr);
}

void ContentWatch::found(ContentFault fault) { keep_fault(fault_, fault); }

// -- DotEncoder -----------------------------------------------------------------------------------

void DotEncoder::feed(std::string_view content, std::string& out) {
  const char* at = content.data();
  const char* const end = at + content.size();
  while (at != end) {
    if (after_cr_) {
      end_line(out);
      if (*at == '\n') ++at;
      continue;
    }
    if (line_start_ && *at == '.') out += '.';
    const char* const stop = find_line_octet(at, end);
    line_start_ = is_crlf(stop, end);
    const char* const next = line_start_ ? stop + 2 : stop;
    out += between(at, next);
    at = next;
    if (at != end && !line_start_) line_octet(*at++, out);
  }
}

bool DotEncoder::passes(std::string_view content) {
  if (content.empty()) return true;
  const bool joins = after_cr_ || content.front() == '\n' || (line_start_ && content.front() == '.');
  if (joins || content.back() == '\r') return false;
  // One pass without a branch: compilers make vector code of it.
  unsigned char changed = 0;
  for (std::size_t i = 1; i < content.size(); ++i) {
    const char before = content[i - 1];
    const char here = content[i];
    changed |= static_cast<unsigned char>((before == '\r') ^ (here == '\n'));
    changed |= static_cast<unsigned char>((before == '\n') & (here == '.'));
  }
  if (changed != 0) return false;
  line_start_ = content.back() == '\n';
  return true;
}

void DotEncoder::line_octet(char c, std::string& out) {
  if (c == '\n') return end_line(out);
  after_cr_ = c == '\r';
  if (!after_cr_) out += c;
}

void DotEncoder::end_line(std::string& out) {
  out += crlf;
  line_start_ = true;
  after_cr_ = false;
}

void DotEncoder::finish(std::string& out) {
  if (after_cr_ || !line_start_) end_line(out);
  out += ".\r\n";
}

}  // namespace sallyport::mail
