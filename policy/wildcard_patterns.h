// The patterns of a list, close together: one text of all of them in comparing form, and twelve octets for
// each. A million lines fit where a million strings would not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

// The place of a pattern in its list, from 1; a later line has a higher one. 0 = none.
using Place = std::uint32_t;

class WildcardPatterns {
 public:
  // Room for the lines of a file of so many octets.
  void reserve(std::size_t octets, std::size_t lines);
  void add(std::string_view pattern, bool clears, int line);
  // Of equal patterns the last decides; the others are dropped. Then nothing is added any more.
  void finish();

  std::string_view operator[](Place place) const {
    const Line& line = lines_[place - 1];
    return {text_.data() + line.offset, line.length};
  }
  bool clears(Place place) const { return lines_[place - 1].clears; }
  int line(Place place) const { return static_cast<int>(lines_[place - 1].number); }
  Place size() const { return static_cast<Place>(lines_.size()); }

 private:
  struct Line {
    std::uint32_t offset;
    std::uint32_t length;
    std::uint32_t number : 31;
    std::uint32_t clears : 1;
  };
  static_assert(sizeof(Line) == 12);

  std::string text_;
  std::vector<Line> lines_;
};

}  // namespace sallyport::policy
