// Authentication-Results (RFC 8601): whoever claims to speak for us is taken out of a message that comes
// in.
//
// Push filter over content, bounded; what comes out does not depend on how it was cut. One thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sallyport::mail {

// The authserv-id of such a field's body (2.2, 2.3), in comparing form: as the most lenient reader would
// put it together, its quotes, comments, control octets and version left out; "" = none, or hidden in a
// comment that does not end.
std::string authserv_id(std::string_view body);

class AuthenticationResultsFilter {
 public:
  // A field of more octets than this, of which no other owner can be told by then, is taken for ours.
  static constexpr std::size_t kMostHeld = 16 * 1024;

  explicit AuthenticationResultsFilter(const std::string& own_id);

  // Appends what stays to `out`: at once, but for the beginning of a line that may be such a field's.
  void feed(std::string_view content, std::string& out);
  void finish(std::string& out);

  bool past_header() const { return state_ == State::body; }  // from here everything passes
  int removed() const { return removed_; }

 private:
  enum class State { line_start, name, passing, holding, dropping, body };

  void begin_line(char first, std::string& out);
  void take_name(std::string_view& content, std::string& out);
  void take_line(std::string_view& content, std::string* out);
  void settle(std::string& out);
  void hold(std::string_view& content, std::string& out);
  std::string held_id() const;  // whom the held field says that it is of
  bool is_ours(std::string_view id) const;

  std::string own_id_;
  State state_ = State::line_start;
  State line_state_ = State::passing;  // of the field that a folded line goes on with
  std::string held_;
  int removed_ = 0;
};

}  // namespace sallyport::mail
