// How an event looks: escaping, the form for people, the time.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace sallyport::store {

// append_json_escaped(), and beyond it nothing that a terminal or an eye could be fooled by: the C1
// controls (U+009B is another ESC [) and the marks that turn the direction of writing become \uNNNN too.
void append_escaped(std::string& out, std::string_view untrusted);

// `,"id":"3kf9","list":[{"to":"a b"}]` as ` id=3kf9 list=[{to="a b"}]`.
std::string body_as_text(std::string_view json);

// The time of a line. The second's text is kept for as long as the second lasts; one thread at a time.
class TimeStamp {
 public:
  explicit TimeStamp(bool utc) : utc_(utc) {}
  // "2026-11-22T16:00:00.123Z", or local "2026-11-22 16:00:00.123".
  void append(std::string& out, WallTime time);

 private:
  bool utc_;
  std::time_t second_ = -1;
  std::string text_;
};

// One time by itself, as events have it: "2026-11-22T16:00:00.123Z".
std::string time_stamp(WallTime time);

}  // namespace sallyport::store
