// Header fields that we write: folding, and the forms in which a stranger's words may stand in one.
//
// Pure. Nothing untrusted can end a field, a comment or a quoted string, or hold a control character. What
// is shown of a value is cut at kMostShown octets, so that with every octet escaped it still fits a line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::mail {

inline constexpr std::size_t kMostShown = 450;

// Words of one header field, folded as they come: lines are at most 78 octets where the words allow it
// (RFC 5322 2.1.1).
class FieldWriter {
 public:
  explicit FieldWriter(std::string_view name);

  void word(std::string_view text);
  void new_line(std::string_view text);
  void words(const std::vector<std::string>& all);
  void close_clauses();
  std::string finish() &&;  // the whole field, with its last CRLF

 private:
  void put(char blank, std::string_view text);

  std::string out_;
  std::size_t column_;
};

// Octets that `utf8` (a message with SMTPUTF8) does not allow, and control characters, become '?'; what is
// cut ends in "...".
std::string shown(std::string_view untrusted, bool utf8);

std::string quoted_string(std::string_view untrusted, bool utf8);         // RFC 5322 3.2.4
std::string dot_atom_or_quoted(std::string_view untrusted, bool utf8);    // RFC 5322 3.2.3
std::string authentication_value(std::string_view untrusted, bool utf8);  // pvalue of RFC 8601 2.2
// A comment (RFC 5322 3.2.2), as words between which it may be folded; none for no text.
std::vector<std::string> comment_words(std::string_view untrusted, bool utf8);

}  // namespace sallyport::mail
