#include "proxy/smtp/line_reader.h"

#include <utility>

namespace sallyport::smtp {
namespace {

// Where a CR stands that something other than LF follows. Only the first CR can be followed by LF:
// that LF is the end of `text`.
std::size_t find_bare_cr(std::string_view text) {
  const std::size_t cr = text.find('\r');
  const bool bare = cr != std::string_view::npos && cr + 1 < text.size() && text[cr + 1] != '\n';
  return bare ? cr : std::string_view::npos;
}

}  // namespace

LineReader::Result LineReader::take(std::string_view& input, std::size_t limit) {
  text_ = {};
  finished_ = std::string();
  if (skipping_)
    if (const auto result = skip(input, limit)) return *result;
  return read(input, limit);
}

LineReader::Result LineReader::read(std::string_view& input, std::size_t limit) {
  const std::size_t before = held_.size();
  const std::string_view room = input.substr(0, limit - before);
  const std::size_t lf = room.find('\n');
  const std::string_view piece = lf == std::string_view::npos ? room : room.substr(0, lf + 1);
  text_ = piece;
  if (before != 0 || lf == std::string_view::npos) text_ = held_.append(piece);

  if (const std::size_t cr = find_bare_cr(text_); cr != std::string_view::npos) {
    input.remove_prefix(cr + 1 - before);
    text_ = text_.substr(0, cr);
    skipping_ = true;
    skipped_ = 0;
    return finish(Result::broken);
  }
  input.remove_prefix(piece.size());
  if (lf != std::string_view::npos) return ended_by_lf();
  return held_.size() == limit ? finish(Result::too_long) : Result::more;
}

LineReader::Result LineReader::ended_by_lf() {
  text_.remove_suffix(1);
  const bool crlf = text_.ends_with('\r');
  if (crlf) text_.remove_suffix(1);
  return finish(crlf || lenient_ ? Result::line : Result::broken);
}

// Skips the rest of a line after a bare CR. nullopt: its LF was found and a new line begins.
std::optional<LineReader::Result> LineReader::skip(std::string_view& input, std::size_t limit) {
  while (!input.empty()) {
    const char c = input.front();
    if (std::exchange(after_cr_, false) && c != '\n') return Result::broken;
    if (++skipped_ > limit) return Result::too_long;
    input.remove_prefix(1);
    if (c == '\n') {
      skipping_ = false;
      return std::nullopt;
    }
    after_cr_ = c == '\r';
  }
  return Result::more;
}

// A held line is let go with the next take(), so that nothing is kept while the session is idle.
LineReader::Result LineReader::finish(Result result) {
  if (!held_.empty()) {
    const std::size_t length = text_.size();
    finished_ = std::exchange(held_, {});
    text_ = std::string_view(finished_).substr(0, length);
  }
  return result;
}

}  // namespace sallyport::smtp
