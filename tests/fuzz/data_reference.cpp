#include "tests/fuzz/data_reference.h"

namespace sallyport::fuzz {

using mail::ContentFault;

ReadData read_data(std::string_view bytes, std::uint64_t max_line, bool normalize) {
  ReadData read;
  std::uint64_t line = 0;
  const auto found = [&](ContentFault fault) {
    if (read.fault == ContentFault::none || read.fault == ContentFault::line_too_long) read.fault = fault;
  };
  const auto bare = [&](ContentFault fault) {
    if (!normalize) return found(fault);
    read.content += "\r\n";
    line = 0;
  };
  for (std::size_t at = 0; at < bytes.size();) {
    const std::string_view rest = bytes.substr(at);
    const bool line_start = at == 0 || (at >= 2 && bytes.substr(at - 2, 2) == "\r\n");
    if (line_start && rest.starts_with(".\r\n")) {
      read.ended = true;
      read.taken = at + 3;
      break;
    }
    if (rest == "\r" || (line_start && (rest == "." || rest == ".\r"))) break;  // not known yet
    if (line_start && rest.starts_with('.')) {
      ++at;
      // Behind the dot no line begins any more, even where the octets are CR LF.
      if (bytes[at] != '\r' && bytes[at] != '\n') continue;
    }
    if (bytes.substr(at).starts_with("\r\n")) {
      read.content += "\r\n";
      line = 0;
      at += 2;
      continue;
    }
    const char c = bytes[at++];
    if (c == '\r') {
      bare(ContentFault::bare_cr);
    } else if (c == '\n') {
      bare(ContentFault::bare_lf);
    } else if (c == '\0') {
      found(ContentFault::nul);
    } else {
      read.content += c;
      if (++line > max_line) found(ContentFault::line_too_long);
    }
  }
  return read;
}

}  // namespace sallyport::fuzz
