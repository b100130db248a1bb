// What RFC 5321 4.5.2 and promise P7 say of DATA, written as simply as it can be, to compare with.
#pragma once

#include <string>
#include <string_view>

#include "base/mail/content.h"

namespace sallyport::fuzz {

struct ReadData {
  bool ended = false;
  std::size_t taken = 0;  // octets up to and with the end
  mail::ContentFault fault = mail::ContentFault::none;
  std::string content;  // dots undone; of what follows a fault too
};
ReadData read_data(std::string_view bytes, std::uint64_t max_line, bool normalize);

}  // namespace sallyport::fuzz
