// Message content on its way through: taken out of DATA or BDAT framing, watched for what may not pass,
// and framed again for the next hop. Three push parsers, pure, usable at any split of the bytes.
//
// The one rule of promise P7: only CRLF.CRLF ends a message, and bare CR, bare LF and NUL never pass.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::mail {

// What makes content unfit to be passed on. The first found stays, but any other outweighs line_too_long.
enum class ContentFault { none, bare_cr, bare_lf, nul, line_too_long };

// Undoes RFC 5321 4.5.2 (dot-stuffing) and finds the end of DATA. After a fault it still looks only for
// the true end, CRLF.CRLF, so that the rest of a message never becomes commands.
//
// Where a line begins: at the start of the data and behind the octets CR LF, whatever stood before them
// ("CR CR LF" is a bare CR and then a line end). Behind a bare CR or LF, or a NUL, no line begins: a '.'
// there is content, neither an end nor a stuffed dot.
class DataDecoder {
 public:
  // `max_line`: octets of content in one line, without its CRLF.
  explicit DataDecoder(std::uint64_t max_line, bool normalize = false)
      : normalize_(normalize), max_line_(max_line) {}

  // Consumes `input` up to the end of data or its own end; appends content to `out` (nothing once a
  // fault is found; what came before it is then worth nothing). With `normalize` a bare LF or CR becomes
  // CRLF in the content, and still never ends the message; NUL stays a fault. Returns true once the end
  // was read, and ever after; `input` then holds what follows.
  bool feed(std::string_view& input, std::string& out);
  ContentFault fault() const { return fault_; }
  std::uint64_t octets() const { return octets_; }  // of the wire, framing included

 private:
  // The octets of "CRLF . CRLF" seen so far; a CR is not content until its LF is there.
  enum class State : std::uint8_t { line_start, in_line, cr, dot, dot_cr, ended };

  const char* scan(const char* from, const char* end);
  void step(char c, std::string& out);
  void text(char c, std::string& out);
  void end_line(std::string& out);
  void bare(ContentFault which, std::string& out);
  void count(std::uint64_t octets);
  void keep(std::string_view content, std::string& out) const;
  void found(ContentFault fault);

  State state_ = State::line_start;
  ContentFault fault_ = ContentFault::none;
  bool normalize_;
  std::uint64_t max_line_;
  std::uint64_t line_ = 0;
  std::uint64_t octets_ = 0;
};

// Watches content that came framed by count (BDAT), where nothing ends it but the count.
class ContentWatch {
 public:
  explicit ContentWatch(std::uint64_t max_line) : max_line_(max_line) {}
  void feed(std::string_view content);
  void finish();  // a trailing CR is bare
  ContentFault fault() const { return fault_; }

 private:
  void octet(char c);
  void found(ContentFault fault);

  ContentFault fault_ = ContentFault::none;
  bool after_cr_ = false;
  std::uint64_t max_line_;
  std::uint64_t line_ = 0;
};

// The one encoder for line ends and dots towards a next hop; our own header lines go through it too.
// Bare CR and LF are refused long before; should one get here all the same it leaves as CRLF (P7).
class DotEncoder {
 public:
  void feed(std::string_view content, std::string& out);
  // Whether `content` goes out as it is, with every line end whole and no line that begins with a dot. Then
  // it counts as fed, and need not be copied.
  bool passes(std::string_view content);
  void finish(std::string& out);  // a missing last CRLF, then ".\r\n"

 private:
  void line_octet(char c, std::string& out);
  void end_line(std::string& out);

  bool line_start_ = true;
  bool after_cr_ = false;
};

// Reads the header block as it arrives: its size, how many Received fields, how many of them are ours,
// and whether each line is a field (RFC 5322 2.2). Memory: one line and one field, both capped.
//
// A first line that is no field (an mbox "From " line too) means that the message has no header block:
// RFC 5321 takes any text. A next hop may see that differently once our Received field stands on top, so
// whatever looks like a field before the first empty line is counted even then. A later line that is no
// field is `malformed`.
class HeaderScanner {
 public:
  // `own_token`: what stands in the "by" clause of the Received fields that we write.
  HeaderScanner(std::uint64_t max_octets, std::string own_token);
  // Lowers the limit, before anything is fed.
  void limit(std::uint64_t max_octets) { max_octets_ = std::min(max_octets_, max_octets); }
  std::uint64_t limit() const { return max_octets_; }
  void feed(std::string_view content);
  void finish();  // the message is over; it may have ended inside its header

  bool complete() const { return complete_; }  // the empty line was seen
  bool absent() const { return absent_; }      // the first line is no field
  bool too_large() const { return octets_ > max_octets_; }
  bool malformed() const { return malformed_line_ != 0; }
  std::uint64_t malformed_line() const { return malformed_line_; }  // counted from 1; the first one
  // The first line begins with a blank: below the trace field that we put on top it would be part of that.
  bool continues_trace() const { return continues_trace_; }
  int received() const { return received_; }
  // A Message-ID was seen, and not an empty one: an equal message is this one again, not another one like
  // it. A Date says less: the clock of a device may stand still.
  bool identified() const { return identified_; }
  // A program wrote it, or it goes to many: it says so (RFC 3834 5, Precedence, RFC 2369, RFC 2919).
  bool automatic() const { return automatic_; }
  int received_by_us() const { return received_by_us_; }
  std::uint64_t octets() const { return octets_; }  // up to and with the empty line

 private:
  void piece(std::string_view text);
  void line_ended();
  void line(std::string_view text);
  void field_begins(std::string_view text);
  void field_ended();

  std::uint64_t max_octets_;
  std::string own_token_;
  std::string line_;        // the line so far, capped: only its beginning matters
  std::string field_;       // the unfolded field so far, capped: Received, or one that may say `automatic`
  std::string field_name_;  // of the latter
  std::uint64_t line_octets_ = 0;
  std::uint64_t octets_ = 0;
  std::uint64_t lines_ = 0;
  std::uint64_t malformed_line_ = 0;
  int received_ = 0;
  int received_by_us_ = 0;
  bool continues_trace_ = false;
  bool in_field_ = false;
  bool identified_ = false;
  bool automatic_ = false;
  bool in_message_id_ = false;
  bool absent_ = false;
  bool complete_ = false;
};

}  // namespace sallyport::mail
