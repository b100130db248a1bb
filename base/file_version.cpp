#include "base/file_version.h"

#include <sys/stat.h>

namespace sallyport {

FileVersion version_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, status.st_size,
          status.st_ctim.tv_sec * std::int64_t{1'000'000'000} + status.st_ctim.tv_nsec};
}

}  // namespace sallyport
