// Takes command lines off the front of a byte stream (RFC 5321 2.3.8): a line ends in CRLF and in
// nothing else.
//
// Pure push parser; the results do not depend on how the bytes were split. Never holds more than
// `limit` octets, and nothing at all between lines. A bare CR is reported as soon as the octet behind
// it is known, and what follows it up to the next LF is skipped, so that it is never taken for a command.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::smtp {

class LineReader {
 public:
  enum class Result {
    more,      // the input is used up and the line is not complete
    line,      // text() is a line
    broken,    // a line ended by LF alone, or text() stood before a bare CR
    too_long,  // no line end within `limit` octets, which count it; text() is the beginning
  };

  // `lenient`: LF alone ends a line too (hand-typed commands).
  explicit LineReader(bool lenient) : lenient_(lenient) {}

  // `limit` may change between lines only.
  Result take(std::string_view& input, std::size_t limit);

  // Without its line end. Valid until the next take(), and while the bytes of that input live.
  std::string_view text() const { return text_; }
  bool at_line_start() const { return held_.empty() && !skipping_; }

 private:
  Result read(std::string_view& input, std::size_t limit);
  Result ended_by_lf();
  std::optional<Result> skip(std::string_view& input, std::size_t limit);
  Result finish(Result result);

  std::string held_;      // a line that came in several pieces
  std::string finished_;  // such a line once complete: what text() points to
  std::string_view text_;
  bool lenient_;
  bool skipping_ = false;
  bool after_cr_ = false;  // while skipping
  std::size_t skipped_ = 0;
};

}  // namespace sallyport::smtp
