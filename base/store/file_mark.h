// Which file it is that somebody writes: whether it still stands at its path, or was removed, renamed or
// replaced meanwhile.
#pragma once

#include <sys/types.h>

#include <string>

namespace sallyport::store {

class FileMark {
 public:
  static FileMark at(const std::string& path);
  static FileMark of(int descriptor);

  bool is_none() const { return inode_ == 0; }
  // Certainly: a path that cannot be looked at says nothing.
  bool has_left(const std::string& path) const;

 private:
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace sallyport::store
