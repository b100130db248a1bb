#include "base/open_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sallyport {
namespace {

Error failed(int number) {
  if (number == ENXIO) return fail(Errc::invalid, "it is a socket");  // that is how open() puts it
  return fail(number == ENOENT ? Errc::not_found : Errc::io, std::strerror(number));
}

const char* what_else(mode_t mode) {
  if (S_ISFIFO(mode)) return "it is a pipe";
  return S_ISDIR(mode) ? "it is a directory" : nullptr;
}

}  // namespace

Result<int> open_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return failed(errno);
  struct stat status{};
  const bool known = ::fstat(descriptor, &status) == 0;
  const char* other = known ? what_else(status.st_mode) : "it cannot be looked at";
  if (!other) return descriptor;
  ::close(descriptor);
  return fail(Errc::invalid, other);
}

}  // namespace sallyport
