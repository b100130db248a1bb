// Makes every line end a CRLF, for content that comes framed by count (BDAT) from networks listed as
// unable to do better. DATA has its own decoder, which does the same.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::smtp {

class LineEndNormalizer {
 public:
  void feed(std::string_view content, std::string& out) {
    for (const char c : content) {
      if (after_cr_) out += "\r\n";
      const bool second_half = after_cr_ && c == '\n';
      after_cr_ = c == '\r';
      if (second_half || after_cr_) continue;
      if (c == '\n')
        out += "\r\n";
      else
        out += c;
    }
  }

  void finish(std::string& out) {
    if (after_cr_) out += "\r\n";
    after_cr_ = false;
  }

 private:
  bool after_cr_ = false;
};

}  // namespace sallyport::smtp
