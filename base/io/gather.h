// What is left of a write in several parts.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

namespace sallyport::io {

class Gather {
 public:
  explicit Gather(std::span<const std::string_view> parts) : parts_(parts) { skip_empty(); }

  bool finished() const { return parts_.empty(); }

  void advance(std::size_t bytes) {
    while (bytes > 0) {
      const std::size_t step = std::min(bytes, head().size());
      offset_ += step;
      bytes -= step;
      skip_empty();
    }
  }

  // Fills vectors for one sendmsg(2); returns how many.
  std::size_t vectors(std::span<iovec> into) const {
    std::size_t count = 0;
    for (std::size_t part = 0; part < parts_.size() && count < into.size(); ++part) {
      const std::string_view bytes = part == 0 ? head() : parts_[part];
      if (!bytes.empty()) into[count++] = {const_cast<char*>(bytes.data()), bytes.size()};
    }
    return count;
  }

  // At most into.size() bytes in one piece: in place where the first part has them, else copied.
  std::string_view piece(std::span<char> into) const {
    if (parts_.size() == 1 || head().size() >= into.size()) return head().substr(0, into.size());
    std::size_t filled = 0;
    for (std::size_t part = 0; part < parts_.size() && filled < into.size(); ++part) {
      const std::string_view bytes = part == 0 ? head() : parts_[part];
      filled += bytes.copy(into.data() + filled, into.size() - filled);
    }
    return {into.data(), filled};
  }

 private:
  std::string_view head() const { return parts_.front().substr(offset_); }

  void skip_empty() {
    while (!parts_.empty() && head().empty()) {
      parts_ = parts_.subspan(1);
      offset_ = 0;
    }
  }

  std::span<const std::string_view> parts_;
  std::size_t offset_ = 0;  // into the first part
};

}  // namespace sallyport::io
