#include "base/store/file_mark.h"

#include <sys/stat.h>

#include <cerrno>

namespace sallyport::store {

FileMark FileMark::at(const std::string& path) {
  struct stat status{};
  FileMark mark;
  if (::stat(path.c_str(), &status) != 0) return mark;
  mark.device_ = status.st_dev;
  mark.inode_ = status.st_ino;
  return mark;
}

FileMark FileMark::of(int descriptor) {
  struct stat status{};
  FileMark mark;
  if (::fstat(descriptor, &status) != 0) return mark;
  mark.device_ = status.st_dev;
  mark.inode_ = status.st_ino;
  return mark;
}

bool FileMark::has_left(const std::string& path) const {
  if (is_none()) return false;
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return errno == ENOENT || errno == ENOTDIR;
  return status.st_dev != device_ || status.st_ino != inode_;
}

}  // namespace sallyport::store
