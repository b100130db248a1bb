// SMTP replies: as values, as our own text on the wire, and parsed from a next hop.
//
// RFC 5321 4.2 (replies), RFC 2034 and RFC 3463 (enhanced codes).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sallyport::mail {

struct EnhancedCode {
  std::uint8_t klass = 0;  // 2, 4 or 5; 0: none
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;

  explicit operator bool() const { return klass != 0; }
  bool operator==(const EnhancedCode&) const = default;
  std::string to_string() const;  // "5.7.1"
};

enum class Refusal : std::uint8_t;  // base/mail/replies.h

struct Reply {
  int code = 0;
  EnhancedCode enhanced;
  std::string text;     // printable; '\n' parts lines
  bool with_id = true;  // false: the operator wants the bare text (`reply_id: false`)
  // Which of ours it is; none: an answer, or the words of a next hop.
  std::optional<Refusal> refusal{};

  bool positive() const { return code >= 200 && code < 300; }
  bool transient() const { return code >= 400 && code < 500; }
  bool permanent() const { return code >= 500 && code < 600; }
  bool operator==(const Reply&) const = default;

  // The wire form: every line at most 512 octets with its CRLF (long texts are broken at a space), the
  // enhanced code on every line. A 4xx or 5xx ends its last line in "; id <id>" unless `id` is empty or
  // with_id is false. Control characters in `text` cannot reach the wire: they are written as '?'. So
  // is what is not ASCII, for RFC 6531 3.5 allows UTF-8 in replies to SMTPUTF8 commands only.
  std::string wire(std::string_view id) const;
};

// "550 5.1.1" + text, the usual way to make one.
Reply reply(int code, EnhancedCode enhanced, std::string text);

// Reads replies out of a next hop's bytes, which are not trusted: at most 100 lines and 64 KiB a reply,
// each line ended by CRLF or LF, codes from 200 to 599, one code throughout. What the text holds is made
// printable, and cut at 1,000 octets a line.
class ReplyParser {
 public:
  enum class State { more, done, broken };

  // Consumes from the front of `input` up to the end of one reply. Broken is for good: nothing that
  // follows on this connection can be matched to a command.
  State feed(std::string_view& input);
  // After done: the reply; its text without enhanced codes. lines() keeps the lines as they were sent,
  // without code, for EHLO. Both are reset by the next feed().
  const Reply& reply() const { return reply_; }
  const std::vector<std::string>& lines() const { return lines_; }
  const std::string& why_broken() const { return why_; }

 private:
  State line_complete();
  void keep_text(std::string_view text);
  State broken(const char* why);

  Reply reply_;
  std::vector<std::string> lines_;
  std::string line_;
  std::string why_;
  std::size_t octets_ = 0;
  bool done_ = false;
};

}  // namespace sallyport::mail
